package api_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"aleph/internal/node/api"
)

// The document that is made of the checklist of the specification, the table of
// routes, docs/openapi.yaml and what the tests asked.
const (
	routesFile    = "../../../docs/api-routes.md"
	specification = "../../../docs/spec/ccn-http-api.md"
)

// routesDocument compares docs/api-routes.md with what a whole run found out,
// or, with -update, writes it.
func routesDocument() error {
	if !wholeRun() {
		return nil
	}
	c, err := theContract()
	if err != nil {
		return err
	}
	got, err := writeRoutes(c)
	if err != nil {
		return err
	}
	if *update {
		return os.WriteFile(routesFile, []byte(got), 0o644)
	}
	want, err := os.ReadFile(routesFile)
	if err != nil {
		return err
	}
	if string(want) == got {
		return nil
	}
	lines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(lines) || lines[i] != line {
			return fmt.Errorf("docs/api-routes.md is not what the tests found out; go test ./internal/node/api -update writes it. The first difference is line %d:\n%s", i+1, line)
		}
	}
	return errors.New("docs/api-routes.md is longer than what the tests found out; go test ./internal/node/api -update writes it")
}

// checklistLine is a line of the checklist of the specification.
type checklistLine struct{ number, methods, paths, section string }

var codeWords = regexp.MustCompile("`([^`]+)`")

// checklist reads section 19 of the specification.
func checklist() ([]checklistLine, error) {
	text, err := os.ReadFile(specification)
	if err != nil {
		return nil, err
	}
	_, section, ok := strings.Cut(string(text), "\n# 19. ")
	if !ok {
		return nil, errors.New("the specification has no section 19")
	}
	var list []checklistLine
	for line := range strings.SplitSeq(section, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || !strings.Contains(cells[3], "/") && !strings.Contains(cells[3], "every path") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		list = append(list, checklistLine{cells[1], cells[2], cells[3], cells[4]})
	}
	if len(list) < 60 {
		return nil, fmt.Errorf("the checklist of the specification has %d lines only", len(list))
	}
	return list, nil
}

func writeRoutes(c *contract) (string, error) {
	lines, err := checklist()
	if err != nil {
		return "", err
	}
	files, err := declarations()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString("# Routes\n\n" +
		"What of the [checklist of the specification](spec/ccn-http-api.md) a node answers, by which handler, which test asks it with\n" +
		"success, and its operation in [openapi.yaml](openapi.yaml). Written by `go test ./internal/node/api -update`; without the flag the\n" +
		"tests fail when this page is not what they find out. A file of cases is named before a test in Go.\n\n" +
		"| # | method | path | spec | handler | asked by | operation |\n|---|---|---|---|---|---|---|\n")
	listed := map[string]bool{}
	missing := 0
	row := func(number, section, method, path string) {
		listed[method+" "+path] = true
		i := slices.IndexFunc(c.operations, func(o *operation) bool { return o.method == method && o.path == path })
		if i < 0 {
			missing++
			fmt.Fprintf(&out, "| %s | %s | `%s` | %s | not here%s | | |\n", number, method, path, section, absent(path))
			return
		}
		o := c.operations[i]
		r, _ := routeOf(o)
		handler := api.HandlerName(r)
		fmt.Fprintf(&out, "| %s | %s | `%s` | %s | [`%s`](%s) | %s | `%s` |\n",
			number, method, path, section, handler, files["API."+handler], witness(o, files), o.id)
	}
	for _, line := range lines {
		if line.methods == "OPTIONS" {
			continue
		}
		method, _, _ := strings.Cut(line.methods, ",")
		for _, path := range codeWords.FindAllStringSubmatch(line.paths, -1) {
			row(line.number, line.section, method, path[1])
		}
	}
	for _, r := range api.Routes() {
		if !listed[r.Method+" "+r.Path] {
			row("ours", "", r.Method, r.Path)
		}
	}
	fmt.Fprintf(&out, "\n`+` stands for what the checklist does not count, `=` for an alias, *ours* for what only this node has. Every path also answers\n"+
		"OPTIONS, by [`preflight`](%s), and every GET answers HEAD, which [`TestAnswers`](%s) compares.\n",
		files["preflight"], files["TestAnswers"])
	fmt.Fprintf(&out, "Lines that are not here: %d.\n", missing)
	return out.String(), nil
}

// absent says why a line of the checklist is not here, if it is meant so.
func absent(path string) string {
	if path == "/api/docs/swagger_ui_static/{file}" {
		return ": [D-56](divergences.md)"
	}
	return ""
}

// witness names what asked an operation and was answered well: a file of cases,
// else the first test.
func witness(o *operation, files map[string]string) string {
	tests := theAnswers.successes(o)
	if len(tests) == 0 {
		return "**nothing**"
	}
	for _, name := range tests {
		if file, ok := strings.CutPrefix(name, "TestAnswers/"); ok && asks(filepath.Join("testdata", file), o) {
			return fmt.Sprintf("[%s](../internal/node/api/testdata/%s)", file, file)
		}
	}
	tests = slices.DeleteFunc(tests, func(name string) bool { return strings.Contains(name, "/") })
	if len(tests) == 0 {
		return "**nothing**"
	}
	return "[`" + tests[0] + "`](" + files[tests[0]] + ")"
}

// asks reports whether a case of a file is a request for an operation, which
// what was done to fill the node is not.
func asks(file string, o *operation) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		method, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		if c, err := theContract(); err == nil && method == o.method && c.match(method, path) == o {
			return true
		}
	}
	return false
}

var declaration = regexp.MustCompile(`(?m)^func (?:\(\w+ \*?(\w+)\) )?(\w+)\(`)

// declarations returns the file of each function of the package, by name and,
// for a method, the name of its type before it.
func declarations() (map[string]string, error) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, found := range declaration.FindAllStringSubmatch(string(text), -1) {
			function := found[2]
			if found[1] != "" {
				function = found[1] + "." + function
			}
			files[function] = "../internal/node/api/" + name
		}
	}
	return files, nil
}
