package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// strangers are directories that are built, fetched or not ours to judge.
var strangers = []string{".git", "node_modules", "bin", "build", "testdata", "dist"}

// files returns the slash-separated paths of the tree's files whose name ends
// with one of the suffixes, in order.
func files(tree fs.FS, suffixes ...string) ([]string, error) {
	var found []string
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains(strangers, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		for _, suffix := range suffixes {
			if strings.HasSuffix(name, suffix) {
				found = append(found, name)
				break
			}
		}
		return nil
	})
	return found, err
}

// goFile is one parsed source file.
type goFile struct {
	name   string // path in the tree
	source []byte
	syntax *ast.File
	set    *token.FileSet
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

func (f goFile) isGenerated() bool { return ast.IsGenerated(f.syntax) }

// at names a place in the file as compilers do.
func (f goFile) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.name, f.set.Position(pos).Line)
}

// goFiles parses every Go file of the tree.
func goFiles(tree fs.FS) ([]goFile, error) {
	names, err := files(tree, ".go")
	if err != nil {
		return nil, err
	}
	parsed := make([]goFile, 0, len(names))
	for _, name := range names {
		f, err := parseGo(tree, name)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, f)
	}
	return parsed, nil
}

func parseGo(tree fs.FS, name string) (goFile, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return goFile{}, err
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return goFile{}, fmt.Errorf("parse %s: %w", name, err)
	}
	return goFile{name: name, source: source, syntax: syntax, set: set}, nil
}

// byDirectory groups files by the directory they are in.
func byDirectory(all []goFile) map[string][]goFile {
	groups := make(map[string][]goFile)
	for _, f := range all {
		dir := path.Dir(f.name)
		groups[dir] = append(groups[dir], f)
	}
	return groups
}
