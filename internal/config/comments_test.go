package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write comments.txt from the source code")

// TestCommentsAreCurrent keeps what Describe prints equal to the doc comments of
// the fields, and refuses a field without one.
func TestCommentsAreCurrent(t *testing.T) {
	t.Parallel()
	cfg := Default()
	packages := make(map[string]map[string]string)
	var table strings.Builder
	seen := make(map[string]bool)
	for _, f := range leaves(reflect.ValueOf(&cfg).Elem(), nil) {
		name := commentName(f.owner, f.name)
		if seen[name] {
			continue
		}
		seen[name] = true
		_, pkg, _ := strings.Cut(f.owner.PkgPath(), "/")
		if packages[pkg] == nil {
			packages[pkg] = fieldComments(t, pkg)
		}
		comment := packages[pkg][f.owner.Name()+"."+f.name]
		if comment == "" {
			t.Errorf("configuration field %s has no doc comment", name)
		}
		fmt.Fprintf(&table, "%s\t%s\n", name, comment)
	}
	if *update {
		if err := os.WriteFile("comments.txt", []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table.String() != comments {
		t.Error("comments.txt is out of date: run go test ./internal/config -update")
	}
}

// fieldComments returns Type.Field → comment on one line for a package of this
// module.
func fieldComments(t *testing.T, pkg string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range st.Fields.List {
					text := field.Doc.Text()
					if text == "" {
						text = field.Comment.Text()
					}
					for _, name := range field.Names {
						found[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
					}
				}
			}
			return false
		})
	}
	return found
}
