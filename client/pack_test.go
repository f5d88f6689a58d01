package client_test

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/client"
	"aleph/message"
)

// writeTree makes the files of a function below a temporary folder.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestPackFunctionEntrypoint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		files      map[string]string
		entrypoint string
		want       string
		wantKind   string
	}{
		{"main first", map[string]string{"main.py": "app = 1\n", "app.py": "app = 2\n"}, "", "main:app", "asgi"},
		{"annotated", map[string]string{"app.py": "application: Callable = make()\n"}, "", "app:application", "asgi"},
		{"function", map[string]string{"main.py": "async def app(scope, receive, send):\n    pass\n"}, "", "main:app", "asgi"},
		{"only module", map[string]string{"server.py": "import x\napp = x.App()\n", "README.md": "hi"}, "", "server:app", "asgi"},
		{"given asgi", map[string]string{"a.py": "", "b.py": ""}, "b:web", "b:web", "asgi"},
		{"given program", map[string]string{"run.sh": "#!/bin/sh\n"}, "run.sh", "run.sh", "binary"},
		{"indented is not top level", map[string]string{"main.py": "if True:\n    app = 1\n"}, "", "", ""},
		{"nothing", map[string]string{"notes.txt": "x"}, "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pack, err := client.PackFunction(writeTree(t, test.files), test.entrypoint)
			if test.want == "" {
				if !errors.Is(err, message.ErrInvalid) {
					t.Fatalf("got %v, want ErrInvalid", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer pack.Close()
			if pack.Entrypoint != test.want || pack.Interface != test.wantKind {
				t.Errorf("got %s %s, want %s %s", pack.Entrypoint, pack.Interface, test.want, test.wantKind)
			}
		})
	}
}

func TestPackFunctionProgramFile(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pack, err := client.PackFunction(self, "")
	if err != nil {
		t.Fatal(err)
	}
	defer pack.Close()
	if pack.Interface != "binary" || pack.Entrypoint != filepath.Base(self) {
		t.Errorf("got %s %s", pack.Entrypoint, pack.Interface)
	}
}

func TestPackFunctionIsDeterministicAndLeavesOut(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"main.py": "app = 1\n", "lib/x.py": "y = 2\n", ".git/HEAD": "x", "__pycache__/main.pyc": "x",
		"data/secret.env": "x", "notes.log": "x", client.IgnoreFile: "# notes\n*.log\ndata\n",
	}
	var sums []message.Hash
	var names []string
	for range 2 {
		pack, err := client.PackFunction(writeTree(t, files), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pack.Close() })
		b, err := os.ReadFile(pack.Path)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, message.HashOf(b))
		archive, err := zip.OpenReader(pack.Path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = archive.Close() })
		names = nil
		for _, f := range archive.File {
			names = append(names, f.Name)
		}
		main, err := archive.Open("main.py")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(main); err != nil || string(text) != files["main.py"] {
			t.Errorf("main.py holds %q, %v", text, err)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("two archives of the same files differ: %s %s", sums[0], sums[1])
	}
	if diff := cmp.Diff([]string{"lib/x.py", "main.py"}, names); diff != "" {
		t.Errorf("archive members (-want +got):\n%s", diff)
	}
}

func TestPackFunctionRefusesEscapingLink(t *testing.T) {
	t.Parallel()
	root := writeTree(t, map[string]string{"main.py": "app = 1\n"})
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "users")); err != nil {
		t.Fatal(err)
	}
	_, err := client.PackFunction(root, "")
	if !errors.Is(err, message.ErrInvalid) || !strings.Contains(err.Error(), "leaves the folder") {
		t.Errorf("got %v", err)
	}
}
