package house

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// List asks the go command for the packages of the module at dir, with and
// without cgo, since the two link different things.
func List(ctx context.Context, dir string) ([]Package, error) {
	var all []Package
	for _, cgo := range []string{"1", "0"} {
		packages, err := list(ctx, dir, "CGO_ENABLED="+cgo)
		if err != nil {
			return nil, err
		}
		all = append(all, packages...)
	}
	return all, nil
}

func list(ctx context.Context, dir, env string) ([]Package, error) {
	module, err := goCommand(ctx, dir, env, "list", "-m")
	if err != nil {
		return nil, err
	}
	root := strings.TrimSpace(string(module))
	output, err := goCommand(ctx, dir, env, "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	if err != nil {
		return nil, err
	}
	relative := func(names []string) []string {
		out := make([]string, len(names))
		for i, name := range names {
			out[i] = name
			if rest, ours := strings.CutPrefix(name, root+"/"); ours {
				out[i] = "./" + rest
			}
		}
		return out
	}
	var packages []Package
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var entry struct {
			ImportPath                               string
			Imports, TestImports, XTestImports, Deps []string
		}
		switch err := decoder.Decode(&entry); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("read go list: %w", err)
		}
		packages = append(packages, Package{
			Path:        strings.TrimPrefix(entry.ImportPath, root+"/"),
			Imports:     relative(entry.Imports),
			Deps:        relative(entry.Deps),
			TestImports: relative(slices.Concat(entry.TestImports, entry.XTestImports)),
		})
	}
}

func goCommand(ctx context.Context, dir, env string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", args...) //nolint:gosec // arguments are constants of this package
	command.Dir = dir
	command.Env = append(command.Environ(), env)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, complaint.Bytes())
	}
	return output, nil
}
