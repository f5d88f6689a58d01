package house

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// specFolder is where the specification lives.
const specFolder = "docs/spec"

// chapters is the index of the specification: for each file (without .md) the
// numbers of its headings and the marks of its quirks.
type chapters map[string]map[string]bool

var (
	// A heading's number: "4.3", "A", "A.4", with or without "Appendix".
	headingNumber = regexp.MustCompile(`^#{1,6} +(?:Appendix +)?((?:[0-9]+|[A-Z])(?:\.[0-9]+)*)\.?(?:\s|$)`)
	quirkMark     = regexp.MustCompile(`\[(Q-[0-9]+)`)
	// A reference in a comment: the word, a file, and the first section.
	reference = regexp.MustCompile(`\bspec ([a-z]+(?:-[a-z]+)*) (§? ?(?:[0-9]+(?:\.[0-9]+)*|[Aa]ppendix [A-Z](?:\.[0-9]+)?|[A-Z]\.[0-9]+|Q-[0-9]+))`)
	// What may follow the first section: another one.
	another = regexp.MustCompile(`^(?:, ?| and |, and |-|–| to )(§? ?(?:[0-9]+(?:\.[0-9]+)*|[Aa]ppendix [A-Z](?:\.[0-9]+)?|[A-Z]\.[0-9]+|Q-[0-9]+))(?:[^0-9A-Za-z]|$)`)
)

func readChapters(tree fs.FS) (chapters, error) {
	names, err := fs.Glob(tree, specFolder+"/*.md")
	if err != nil {
		return nil, err
	}
	index := make(chapters)
	for _, name := range names {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		sections := make(map[string]bool)
		fenced := false
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			if match := headingNumber.FindStringSubmatch(line); match != nil && !fenced {
				sections[match[1]] = true
			}
			for _, match := range quirkMark.FindAllStringSubmatch(line, -1) {
				sections[match[1]] = true
			}
		}
		index[strings.TrimSuffix(path.Base(name), ".md")] = sections
	}
	return index, nil
}

// DeadReferences finds comments that cite a section of the specification which
// does not exist, and reports how many references it saw.
func DeadReferences(tree fs.FS) (offences []string, seen int, err error) {
	index, err := readChapters(tree)
	if err != nil {
		return nil, 0, err
	}
	offences, err = eachGoFile(tree, func(f goFile) (dead []string) {
		for _, group := range f.syntax.Comments {
			text := strings.Join(strings.Fields(group.Text()), " ")
			for _, cited := range references(text) {
				seen++
				switch sections, known := index[cited.file]; {
				case !known:
					dead = append(dead, fmt.Sprintf("%s: spec %s %s: there is no %s/%s.md", f.at(group.Pos()), cited.file, cited.section, specFolder, cited.file))
				case !sections[cited.section]:
					dead = append(dead, fmt.Sprintf("%s: spec %s %s: no heading of %s/%s.md has this number", f.at(group.Pos()), cited.file, cited.section, specFolder, cited.file))
				}
			}
		}
		return dead
	})
	return offences, seen, err
}

// citation is one cited section.
type citation struct{ file, section string }

// references returns what a comment cites.
func references(text string) []citation {
	var found []citation
	for _, at := range reference.FindAllStringSubmatchIndex(text, -1) {
		file := text[at[2]:at[3]]
		found = append(found, citation{file, sectionNumber(text[at[4]:at[5]])})
		for rest := text[at[1]:]; ; {
			next := another.FindStringSubmatchIndex(rest)
			if next == nil {
				break
			}
			found = append(found, citation{file, sectionNumber(rest[next[2]:next[3]])})
			rest = rest[next[3]:]
		}
	}
	return found
}

// sectionNumber strips what people write around a number.
func sectionNumber(text string) string {
	text = strings.TrimLeft(text, "§ ")
	if len(text) > len("appendix ") && strings.EqualFold(text[:len("appendix ")], "appendix ") {
		text = text[len("appendix "):]
	}
	return text
}
