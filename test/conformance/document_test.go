package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aleph/message"
)

// checkDocument keeps the table of chains true: it has every legal chain once,
// and the versions of the packages that were asked.
func checkDocument(t *testing.T, p *packages) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "chains.md"))
	if err != nil {
		t.Fatal(err)
	}
	var versions map[string]string
	if err := p.ask(question{Op: "versions"}, &versions); err != nil {
		t.Fatal(err)
	}
	var rows []message.Chain
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 8 || !strings.HasPrefix(cells[1], " `") {
			continue // not a row of the table of chains
		}
		for _, code := range regexp.MustCompile("`([A-Z0-9]+)`").FindAllStringSubmatch(cells[1], -1) {
			chain := message.Chain(code[1])
			rows = append(rows, chain)
			checkRow(t, chain, cells, versions)
		}
	}
	slices.Sort(rows)
	if !slices.Equal(rows, message.Chains()) {
		t.Errorf("docs/chains.md has rows for %v, want one for each of %v", rows, message.Chains())
	}
}

// checkRow compares one chain's row with what the tests do.
func checkRow(t *testing.T, chain message.Chain, cells []string, versions map[string]string) {
	t.Helper()
	signed, verified, crossed := strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3]), cells[4]
	want := "yes"
	if chain.Family() == message.FamilyNone {
		want = "no"
	}
	if signed != want || verified != want {
		t.Errorf("docs/chains.md: %s: signed %s, verified %s, want %s", chain, signed, verified, want)
	}
	named := regexp.MustCompile("`([^`]+)@([0-9.]+)`").FindAllStringSubmatch(crossed, -1)
	if none := slices.Contains(withoutPackage(), chain); none != (len(named) == 0) {
		t.Errorf("docs/chains.md: %s: checked with %v packages, want none: %t", chain, named, none)
	}
	for _, pair := range named {
		if versions[pair[1]] != pair[2] {
			t.Errorf("docs/chains.md: %s: %s is %s, and installed is %q", chain, pair[1], pair[2], versions[pair[1]])
		}
	}
}
