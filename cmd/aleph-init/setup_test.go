//go:build linux

package main_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aleph/internal/compute/guest"
)

func TestSetupErrors(t *testing.T) {
	t.Parallel()
	bomb := func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create("zeros")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, 100<<20); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	entry := func(name, content string, mode os.FileMode) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		h := &zip.FileHeader{Name: name}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	zipped := func(code []byte) *guest.Config {
		return &guest.Config{VMHash: vmHash, Interface: guest.ASGI, Encoding: "zip", Entrypoint: "main:app", Code: code}
	}
	program := func(code string) *guest.Config {
		return &guest.Config{VMHash: vmHash, Interface: guest.Executable, Encoding: "plain", Entrypoint: "run", Code: []byte(code)}
	}
	for name, test := range map[string]struct {
		config *guest.Config
		want   string
	}{
		"syntax":         {python("def app(:"), "SyntaxError"},
		"import":         {python("import no_such_module"), "No module named 'no_such_module'"},
		"no symbol":      {python("x = 1"), "no attribute 'app'"},
		"not callable":   {python("app = 1"), "not callable"},
		"exits":          {python("raise SystemExit(4)"), "SystemExit: 4"},
		"dies":           {python("import os; os._exit(5)"), "status 5"},
		"killed":         {python("import os; os.kill(os.getpid(), 9)"), "killed"},
		"startup":        {python("async def app(scope, receive, send):\n await send({'type': 'lifespan.startup.failed', 'message': 'no database'})"), "no database"},
		"no zip":         {zipped([]byte("hello")), "zip archive cannot be read"},
		"bomb":           {zipped(bomb()), "more than the 16777216 bytes"},
		"escape":         {zipped(entry("../evil", "x", 0o644)), "leaves the archive"},
		"absolute":       {zipped(entry("/evil", "x", 0o644)), "leaves the archive"},
		"backslashes":    {zipped(entry(`..\evil`, "x", 0o644)), "leaves the archive"},
		"link":           {zipped(entry("link", "../../etc", os.ModeSymlink|0o777)), "leaves the archive"},
		"device":         {zipped(entry("null", "", os.ModeDevice|0o666)), "not allowed"},
		"empty zip":      {zipped(folder(t, t.TempDir())), "No module named 'main'"},
		"not executable": {program("hello"), "not a program for this machine"},
		"no interpreter": {program("#!/no/such/shell\n"), "not in this runtime"},
		"exits at once":  {program("#!/bin/sh\nexit 6\n"), "status 6"},
		"outside":        {&guest.Config{VMHash: vmHash, Interface: guest.Executable, Encoding: "plain", Entrypoint: "../x"}, "not a path inside"},
		"hash":           {&guest.Config{VMHash: "xyz"}, "not hexadecimal"},
		"interface":      {&guest.Config{VMHash: vmHash, Interface: "smoke"}, "unknown interface"},
		"encoding":       {&guest.Config{VMHash: vmHash, Interface: guest.ASGI, Encoding: "rar"}, "unknown encoding"},
		"variable":       {&guest.Config{VMHash: vmHash, Variables: map[string]string{"A=": "x"}}, "environment variable"},
		"data":           {&guest.Config{VMHash: vmHash, InputData: []byte("x")}, "data: the zip archive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, guest.Version3)
			err := s.Configure(deadline(t), test.config)
			var setup *guest.SetupError
			if !errors.As(err, &setup) || !strings.Contains(setup.Message, test.want) {
				t.Errorf("got %v; want %s", err, test.want)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(s.root), "evil")); err == nil {
				t.Error("a file outside the root")
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
