package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEveryStatementPrepares finds every constant named sql… and prepares it:
// a misspelt column fails here and not in production.
func TestEveryStatementPrepares(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), TestConfig(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	statements := constants(t)
	n := 0
	for name, text := range statements {
		if !strings.HasPrefix(name, "sql") {
			continue
		}
		n++
		stmt, err := db.pool.db.PrepareContext(t.Context(), db.engine.rebind(text))
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		stmt.Close()
	}
	if n < 40 {
		t.Errorf("found %d statements, there are more", n)
	}
}

// constants returns the value of every string constant of the package.
func constants(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	exprs := map[string]ast.Expr{}
	fset := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.CONST {
				continue
			}
			for _, spec := range gen.Specs {
				if vs := spec.(*ast.ValueSpec); len(vs.Values) == len(vs.Names) {
					for i, name := range vs.Names {
						exprs[name.Name] = vs.Values[i]
					}
				}
			}
		}
	}
	values := map[string]string{}
	for name, expr := range exprs {
		if s, ok := eval(exprs, expr); ok {
			values[name] = s
		}
	}
	return values
}

func eval(exprs map[string]ast.Expr, e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		next, ok := exprs[e.Name]
		if !ok {
			return "", false
		}
		return eval(exprs, next)
	case *ast.BinaryExpr:
		x, okX := eval(exprs, e.X)
		y, okY := eval(exprs, e.Y)
		return x + y, okX && okY && e.Op == token.ADD
	}
	return "", false
}
