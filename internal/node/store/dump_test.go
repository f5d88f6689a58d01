package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

var quiet = slog.New(slog.DiscardHandler)

// issue2 returns the export of a database that a node of issue 2 wrote.
func issue2(t *testing.T) []byte {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "node.db")
	loadDump(t, "testdata/fixtures/issue-2.sqlite.sql", cfg.Path)
	db := openDB(t, cfg)
	// Text that needs care, and a table that is empty otherwise.
	err := db.Update(t.Context(), func(tx *Tx) error {
		return tx.SetTag(TagRow{Tag: "a \"quoted\"\\ \x01\n\r\t\u2028é🙂 tag", Owner: "\x7f", FileHash: "x"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return export(t, db)
}

func openDB(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func export(t *testing.T, db *DB) []byte {
	t.Helper()
	var out bytes.Buffer
	totals, err := db.Export(t.Context(), &out, func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); int64(lines) != totals.Rows+2 {
		t.Errorf("%d lines for %d rows", lines, totals.Rows)
	}
	return out.Bytes()
}

func TestExportAndImport(t *testing.T) {
	t.Parallel()
	text := issue2(t)
	cfg := TestConfig(t)
	totals, err := Import(t.Context(), cfg, bytes.NewReader(text), quiet, nil)
	if err != nil {
		t.Fatal(err)
	}
	if totals.Tables["messages"] != 28 || totals.Tables["file_deletions"] != 2 {
		t.Errorf("got %+v", totals)
	}
	db := openDB(t, cfg)
	if diff := cmp.Diff(string(text), string(export(t, db))); diff != "" {
		t.Errorf("exported again (-first +second):\n%s", diff)
	}
	// The numbers of new rows go on where the old ones end.
	err = db.Update(t.Context(), func(tx *Tx) error {
		return tx.InsertPending(&PendingRow{Message: message.Message{ItemHash: "h", Type: "POST", Chain: "ETH", Sender: "s", ItemType: "inline"}})
	})
	if err != nil {
		t.Error(err)
	}
}

// TestMalformedExports reads exports that are none, line by line.
func TestMalformedExports(t *testing.T) {
	t.Parallel()
	file := DefaultConfig()
	file.Path = filepath.Join(t.TempDir(), "node.db")
	db := openDB(t, file)
	list, err := tables(t.Context(), db.engine, db.q)
	if err != nil {
		t.Fatal(err)
	}
	text := string(issue2(t))
	lines := strings.SplitAfter(text, "\n")
	header := lines[0]
	rows := len(lines) - 3 // without header, end and what follows the last line feed
	for name, tt := range map[string]struct{ text, problem string }{
		"nothing":         {"", "line 1: the export ends here"},
		"another file":    {"PRAGMA foreign_keys=OFF;\n", "line 1: this is no export"},
		"another object":  {"{}\n", "line 1: this is no export"},
		"two objects":     {strings.TrimSuffix(header, "\n") + " {}\n", "line 1: this is no export"},
		"newer form":      {strings.Replace(text, `"aleph_export":1`, `"aleph_export":2`, 1), "line 1: this export has the form 2"},
		"cut":             {text[:len(text)-1000], "ends within this line: it was cut off"},
		"cut at a line":   {strings.Join(lines[:9], ""), "line 10: the export ends here"},
		"line missing":    {strings.Join(append(lines[:8:8], lines[9:]...), ""), fmt.Sprintf("%d rows were announced and %d came", rows, rows-1)},
		"line twice":      {strings.Join(append(lines[:9:9], lines[8:]...), ""), fmt.Sprintf("%d rows were announced and %d came", rows, rows+1)},
		"lines swapped":   {strings.Join(append(append(lines[:8:8], lines[9], lines[8]), lines[10:]...), ""), "checksum differs"},
		"no JSON":         {header + "hello\n", `line 2: want {"table": at byte 1`},
		"unknown table":   {header + `{"table":"x","row":{}}` + "\n", `line 2: there is no table "x"`},
		"unknown column":  {header + `{"table":"files","row":{"x":1}}` + "\n", `line 2: table files: it has no column "x"`},
		"missing column":  {header + `{"table":"files","row":{"hash":"h"}}` + "\n", `line 2: table files: column size is missing`},
		"wrong kind":      {header + `{"table":"files","row":{"hash":1}}` + "\n", `line 2: table files: column hash: want a string`},
		"no whole number": {header + `{"table":"files","row":{"size":1.5}}` + "\n", `line 2: table files: want a comma at byte 33`},
		"too large":       {header + `{"table":"files","row":{"size":9223372036854775808}}` + "\n", `column size: want a whole number that fits`},
		"leading zero":    {header + `{"table":"files","row":{"size":01}}` + "\n", `column size: want a whole number that fits`},
		"no truth":        {header + `{"table":"vms","row":{"allow_amend":1}}` + "\n", `column allow_amend: want bool`},
		"same twice":      {header + `{"table":"files","row":{"hash":"a","hash":"b"}}` + "\n", `column hash comes twice`},
		"no text":         {header + `{"table":"files","row":{"hash":"` + "\xff" + `"}}` + "\n", `the string at byte 32 is not UTF-8`},
		"raw control":     {header + "{\"table\":\"files\",\"row\":{\"hash\":\"a\tb\"}}\n", `a control character at byte 34`},
		"bad escape":      {header + `{"table":"files","row":{"hash":"\x"}}` + "\n", `the string at byte 32: `},
		"endless string":  {header + `{"table":"files","row":{"hash":"a\"}}` + "\n", `does not end`},
		"bad end":         {header + `{"end":{"rows":0,"more":1}}` + "\n", `line 2: the last line is not as`},
		"something after": {text + "\n", "there is something behind the last line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDumpReader(strings.NewReader(tt.text))
			_, err := d.header()
			d.expect(list)
			for read := new(table); err == nil && read != nil; {
				read, _, _, err = d.row()
			}
			if err == nil || !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("got %v, want %s", err, tt.problem)
			}
		})
	}
}

// TestImportRefusesWhatIsNoExport gives exports to a database that it cannot be.
func TestImportRefusesWhatIsNoExport(t *testing.T) {
	t.Parallel()
	text := string(issue2(t))
	cfg := TestConfig(t)
	header, rest, _ := strings.Cut(text, "\n")
	row, _, _ := strings.Cut(rest, "\n")
	twice := header + "\n" + row + "\n" + row + "\n"
	for _, tt := range [][2]string{
		{"hello\n", "line 1: this is no export"},
		{strings.Replace(text, `"schema":`, `"schema":9`, 1), "use the newer program"},
		{strings.Replace(text, `"schema":`, `"schema":-`, 1), "line 1: there is no schema"},
		{strings.Replace(text, `"name":"files"`, `"name":"filez"`, 1), "line 1: it has no table files"},
		{strings.Replace(text, `["size","int"]`, `["size","text"]`, 1), "line 1: its table"},
		{twice + fmt.Sprintf(`{"end":{"rows":2,"tables":{"%s":2},"sha256":"%x"}}`+"\n", nameOfTable(row), sha256.Sum256([]byte(twice))), "line 3: "},
	} {
		_, err := Import(t.Context(), cfg, strings.NewReader(tt[0]), quiet, nil)
		if !errors.Is(err, ErrNoExport) || !errors.Is(err, message.ErrInvalid) || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("got %v, want %s", err, tt[1])
		}
	}
}

// nameOfTable returns the table of a row.
func nameOfTable(row string) string {
	return strings.Split(row, `"`)[3]
}

func TestImportWantsAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	text := issue2(t)
	cfg := TestConfig(t)
	db, err := Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), cfg, bytes.NewReader(text), quiet, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	err = db.Update(t.Context(), func(tx *Tx) error { return tx.SetFile(FileRow{Hash: "a", Type: FileRegular}) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), cfg, bytes.NewReader(text), quiet, nil); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "files") {
		t.Errorf("not empty: %v", err)
	}
}

// breaking is a source that fails after some bytes.
type breaking struct {
	io.Reader
	err error
}

func (b *breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

// TestInterruptedImport breaks off after each part of an import: nobody takes
// what is there for a database, and another import makes it whole.
func TestInterruptedImport(t *testing.T) {
	t.Parallel()
	text := issue2(t)
	cfg := TestConfig(t)
	broken := errors.New("the disk is gone")
	_, err := Import(t.Context(), cfg, &breaking{bytes.NewReader(text[:len(text)/2]), broken}, quiet, nil)
	if !errors.Is(err, broken) || errors.Is(err, ErrNoExport) {
		t.Fatalf("got %v", err)
	}
	for range 2 {
		for _, readOnly := range []bool{false, true} {
			reading := cfg
			reading.ReadOnly = readOnly
			if _, err := Open(t.Context(), reading, quiet); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "aleph db import") {
				t.Fatalf("opened: %v", err)
			}
		}
		// Each statement that marks, writes or ends fails once.
		failing := cfg
		for _, name := range []string{"import.done", "commit"} {
			failing.Fault = func(statement string) error {
				if statement == name {
					return broken
				}
				return nil
			}
			if _, err := Import(t.Context(), failing, bytes.NewReader(text), quiet, nil); !errors.Is(err, broken) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Import(ctx, cfg, bytes.NewReader(text), quiet, func(int64, int64) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("canceled: %v", err)
		}
	}
	if _, err := Import(t.Context(), cfg, bytes.NewReader(text), quiet, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(export(t, openDB(t, cfg)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTablesAreTheSameEverywhere keeps the engines from differing in what is
// exported.
func TestTablesAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	file := DefaultConfig()
	file.Path = filepath.Join(t.TempDir(), "node.db")
	var found [][]table
	for _, cfg := range []Config{file, TestConfig(t)} {
		db := openDB(t, cfg)
		list, err := tables(t.Context(), db.engine, db.q)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, list)
	}
	if diff := cmp.Diff(found[0], found[1], cmp.AllowUnexported(table{}, tableColumn{})); diff != "" || len(found[0]) < 20 {
		t.Errorf("%d tables (-sqlite +this engine):\n%s", len(found[0]), diff)
	}
}
