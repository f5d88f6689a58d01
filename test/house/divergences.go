package house

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Where the quirks of the reference are listed, and what is made of them.
const (
	quirkFile      = specFolder + "/messages.md"
	divergenceFile = "docs/divergences.md"
)

var (
	quirkRow      = regexp.MustCompile(`^\| (Q-[0-9]+) \|`)
	divergenceRow = regexp.MustCompile(`^\| (D-[0-9]+) \|`)
	verdicts      = []string{"same", "fixed", "not here yet"}
)

// Divergences compares the list of divergences with the specification: each
// quirk of the reference has a row there and a verdict, each row names what
// shows it, and the numbers of our own divergences follow each other.
func Divergences(tree fs.FS) (offences []string, seen int, err error) {
	quirks, offences, err := quirksOf(tree)
	if err != nil {
		return nil, 0, err
	}
	text, err := fs.ReadFile(tree, divergenceFile)
	if err != nil {
		return nil, 0, err
	}
	rows := map[string]bool{}
	own := 0
	for number, line := range prose(string(text)) {
		where := fmt.Sprintf("%s:%d", divergenceFile, number+1)
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if match := divergenceRow.FindStringSubmatch(line); match != nil {
			own++
			if want := fmt.Sprintf("D-%02d", own); match[1] != want {
				offences = append(offences, fmt.Sprintf("%s: %s stands where %s is expected: numbers follow each other and are never used again", where, match[1], want))
			}
			if !markdownLink.MatchString(cells[len(cells)-1]) {
				offences = append(offences, fmt.Sprintf("%s: %s names nothing that shows it", where, match[1]))
			}
		}
		match := quirkRow.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		switch quirk := match[1]; {
		case rows[quirk]:
			offences = append(offences, fmt.Sprintf("%s: %s has two rows", where, quirk))
		case !slices.Contains(quirks, quirk):
			offences = append(offences, fmt.Sprintf("%s: %s is no quirk of %s", where, quirk, path.Base(quirkFile)))
		case len(cells) < 4 || !slices.Contains(verdicts, cells[2]):
			offences = append(offences, fmt.Sprintf("%s: %s needs one of the verdicts %q", where, quirk, verdicts))
		case cells[2] != "not here yet" && !markdownLink.MatchString(cells[3]):
			offences = append(offences, fmt.Sprintf("%s: %s names nothing that shows it", where, quirk))
		}
		rows[match[1]] = true
	}
	for _, quirk := range quirks {
		if !rows[quirk] {
			offences = append(offences, fmt.Sprintf("%s: no row says what is made of %s", divergenceFile, quirk))
		}
	}
	return offences, len(quirks) + own, nil
}

// quirksOf returns the quirks that the specification lists; what it marks and
// does not list is an offence.
func quirksOf(tree fs.FS) (quirks, offences []string, err error) {
	text, err := fs.ReadFile(tree, quirkFile)
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(string(text)) {
		if match := quirkRow.FindStringSubmatch(line); match != nil {
			quirks = append(quirks, match[1])
		}
	}
	for number, line := range prose(string(text)) {
		for _, match := range quirkMark.FindAllStringSubmatch(line, -1) {
			if !slices.Contains(quirks, match[1]) {
				offences = append(offences, fmt.Sprintf("%s:%d: %s is not in the list of quirks", quirkFile, number+1, match[1]))
			}
		}
	}
	return quirks, offences, nil
}
