package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxLines is the length at which a Go file certainly holds a second idea.
const maxLines = 500

// LongFiles finds hand-written Go files of more than 500 lines.
func LongFiles(tree fs.FS) ([]string, error) {
	return eachGoFile(tree, func(f goFile) []string {
		lines := bytes.Count(f.source, []byte("\n"))
		if lines <= maxLines || f.isGenerated() {
			return nil
		}
		return []string{fmt.Sprintf("%s has %d lines, the limit is %d: move its second idea to a file of its own", f.name, lines, maxLines)}
	})
}

// PackageComments finds packages that say nothing about themselves, or say it
// in more than one place or in an unexpected one.
func PackageComments(tree fs.FS) ([]string, error) {
	all, err := goFiles(tree)
	if err != nil {
		return nil, err
	}
	var offences []string
	for dir, group := range byDirectory(all) {
		name, homes := describe(group)
		if name == "" {
			continue // tests of another folder's package only
		}
		switch {
		case len(homes) == 0:
			offences = append(offences, fmt.Sprintf("%s: package %s has no doc comment: write it in doc.go or %s.go", dir, name, name))
		case len(homes) > 1:
			offences = append(offences, fmt.Sprintf("%s: package %s has %d doc comments, keep one: %s", dir, name, len(homes), strings.Join(homes, " ")))
		}
		for _, home := range homes {
			if base := path.Base(home); base != "doc.go" && base != name+".go" {
				offences = append(offences, fmt.Sprintf("%s: the doc comment of package %s belongs in doc.go or %s.go", home, name, name))
			}
		}
	}
	slices.Sort(offences)
	return offences, nil
}

// describe returns the name of the package that a folder's files form, and the
// files that carry its doc comment.
func describe(group []goFile) (name string, homes []string) {
	for _, f := range group {
		if strings.HasSuffix(f.syntax.Name.Name, "_test") {
			continue
		}
		name = f.syntax.Name.Name
		if f.syntax.Doc != nil && strings.TrimSpace(f.syntax.Doc.Text()) != "" {
			homes = append(homes, f.name)
		}
	}
	return name, homes
}

// vagueNames attract everything and say nothing.
var vagueNames = []string{"util", "utils", "helper", "helpers", "common", "misc", "types", "models", "structs"}

// VagueNames finds files and folders of Go code whose name says nothing.
func VagueNames(tree fs.FS) ([]string, error) {
	all, err := files(tree, ".go")
	if err != nil {
		return nil, err
	}
	var offences []string
	for _, name := range all {
		stem := strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".go"), "_test")
		for _, part := range append(strings.Split(path.Dir(name), "/"), stem) {
			if slices.Contains(vagueNames, part) {
				offences = append(offences, fmt.Sprintf("%s: %q says nothing: name the thing or the act", name, part))
			}
		}
	}
	return offences, nil
}

// InitFunctions finds functions that run because a package is linked.
func InitFunctions(tree fs.FS) ([]string, error) {
	return eachGoFile(tree, func(f goFile) (offences []string) {
		for _, declaration := range f.syntax.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if ok && function.Recv == nil && function.Name.Name == "init" {
				offences = append(offences, f.at(function.Pos())+": init function: construct the thing where it is used")
			}
		}
		return offences
	})
}

// Skips finds tests that can end without having tested. A part that is missing
// is a failure.
func Skips(tree fs.FS) ([]string, error) {
	return eachGoFile(tree, func(f goFile) (offences []string) {
		if !f.isTest() {
			return nil
		}
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, selector.Sel.Name) {
				return true
			}
			if on, ok := selector.X.(*ast.Ident); ok && slices.Contains([]string{"t", "b", "f", "tb"}, on.Name) {
				offences = append(offences, f.at(call.Pos())+": a test that can skip itself: what it needs must be installed by make test")
			}
			return true
		})
		return offences
	})
}

// openEnds matches the marks people leave where work is not done.
var openEnds = regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// OpenEnds finds marks of unfinished work in any kind of source.
func OpenEnds(tree fs.FS) ([]string, error) {
	names, err := files(tree, ".go", ".mjs", ".js", ".ts", ".vue", ".py", ".sh", ".sql", "Makefile", ".ci/run")
	if err != nil {
		return nil, err
	}
	var offences []string
	for _, name := range names {
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		for i, line := range strings.Split(string(source), "\n") {
			if mark := openEnds.FindString(line); mark != "" {
				offences = append(offences, fmt.Sprintf("%s:%d: %s: do it, or open an issue and delete the mark", name, i+1, mark))
			}
		}
	}
	return offences, nil
}

func eachGoFile(tree fs.FS, law func(goFile) []string) ([]string, error) {
	all, err := goFiles(tree)
	if err != nil {
		return nil, err
	}
	var offences []string
	for _, f := range all {
		offences = append(offences, law(f)...)
	}
	return offences, nil
}
