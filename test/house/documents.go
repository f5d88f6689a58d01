package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	markdownLink = regexp.MustCompile(`\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)`)
	codeSpan     = regexp.MustCompile("`[^`]*`")
	makeCall     = regexp.MustCompile("(?:^|[`$(] ?|&& |; )make ([a-z][a-z-]*)")
	makeTarget   = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
)

// DeadLinks finds links of documents to files, headings or Go declarations that do
// not exist, and reports how many links it saw. The specification is exempt: it
// cites foreign trees. A link whose text is a Go name in backquotes and whose
// target is a Go file promises that the file declares it.
func DeadLinks(tree fs.FS) (offences []string, seen int, err error) {
	names, err := files(tree, ".md")
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		if path.Dir(name) == specFolder && path.Base(name) != "README.md" {
			continue
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, 0, err
		}
		for number, line := range prose(string(text)) {
			for _, link := range markdownLink.FindAllStringSubmatch(line, -1) {
				if strings.Contains(link[2], "://") || strings.HasPrefix(link[2], "mailto:") {
					continue
				}
				seen++
				if reason := deadLink(tree, name, link[1], link[2]); reason != "" {
					offences = append(offences, fmt.Sprintf("%s:%d: link to %s: %s", name, number+1, link[2], reason))
				}
			}
		}
	}
	return offences, seen, nil
}

// prose returns the lines of a document with those of code blocks emptied.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	fenced := false
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			lines[i] = ""
		}
		if fenced {
			lines[i] = ""
		}
	}
	return lines
}

// deadLink says what is wrong with one link, or nothing.
func deadLink(tree fs.FS, from, text, target string) string {
	file, anchor, _ := strings.Cut(target, "#")
	file, err := url.PathUnescape(file)
	if err != nil {
		return err.Error()
	}
	where := from
	if file != "" {
		where = path.Join(path.Dir(from), file)
	}
	if _, err := fs.Stat(tree, where); err != nil {
		return "there is no " + where
	}
	switch {
	case strings.HasSuffix(where, ".md") && anchor != "":
		content, err := fs.ReadFile(tree, where)
		if err != nil {
			return err.Error()
		}
		if !slices.Contains(anchors(string(content)), anchor) {
			return fmt.Sprintf("%s has no heading #%s", where, anchor)
		}
	case strings.HasSuffix(where, ".go") && codeSpan.FindString(text) == text:
		name := strings.TrimSuffix(strings.Trim(text, "`"), "()")
		_, last, qualified := strings.Cut(name, ".")
		if !token.IsIdentifier(name) && (!qualified || !token.IsIdentifier(last)) {
			return "" // a path or a file name
		}
		if strings.HasSuffix(name, ".go") {
			return ""
		}
		if qualified {
			name = last
		}
		return undeclared(tree, where, name)
	}
	return ""
}

// undeclared reports that a Go file does not declare a name, as a function, a
// method, a type, a variable or a constant.
func undeclared(tree fs.FS, file, name string) string {
	parsed, err := parseGo(tree, file)
	if err != nil {
		return err.Error()
	}
	for _, declaration := range parsed.syntax.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == name {
				return ""
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.Name == name {
						return ""
					}
				case *ast.ValueSpec:
					if slices.ContainsFunc(s.Names, func(id *ast.Ident) bool { return id.Name == name }) {
						return ""
					}
				}
			}
		}
	}
	return fmt.Sprintf("%s does not declare %s", file, name)
}

// anchors returns the fragment of each heading, made as forges make it.
func anchors(text string) []string {
	var out []string
	for _, line := range prose(text) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
				return r
			}
			return -1
		}, strings.ToLower(strings.TrimSpace(title)))
		out = append(out, slug)
	}
	return out
}

// MissingTargets finds `make` commands in documents and in .ci/run that the
// Makefile does not offer.
func MissingTargets(tree fs.FS) ([]string, error) {
	makefile, err := fs.ReadFile(tree, "Makefile")
	if err != nil {
		return nil, err
	}
	offered := make(map[string]bool)
	for _, match := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		offered[match[1]] = true
	}
	names, err := files(tree, ".md", ".ci/run")
	if err != nil {
		return nil, err
	}
	var offences []string
	for _, name := range names {
		if path.Dir(name) == specFolder {
			continue
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		for number, line := range strings.Split(string(text), "\n") {
			for _, match := range makeCall.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
				if !offered[match[1]] {
					offences = append(offences, fmt.Sprintf("%s:%d: make %s: the Makefile has no such target", name, number+1, match[1]))
				}
			}
		}
	}
	return offences, nil
}
