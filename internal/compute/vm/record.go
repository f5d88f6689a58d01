package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"aleph/message"
)

// Record is what the host remembers of a machine across a restart: enough to
// attach to it or to undo its steps. Everything else follows from the id.
type Record struct {
	ID      string       `json:"id"`
	Hash    message.Hash `json:"hash"`
	Driver  string       `json:"driver"`
	Created time.Time    `json:"created"`
	// Step is the last step that was begun.
	Step string `json:"step"`
}

const recordName = "record.json"

// save writes the record so that a reader sees the old or the new one, never
// a part of it.
func (r *Record) save(dir string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, recordName+".*")
	if err != nil {
		return fmt.Errorf("save the record of machine %s: %w", r.ID, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already after the rename
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("save the record of machine %s: %w", r.ID, err)
	}
	return os.Rename(tmp.Name(), filepath.Join(dir, recordName))
}

// records reads the records below root, one folder per machine. A folder
// without a readable record yields one with the id alone, so that it is undone
// like the others.
func records(root string) ([]*Record, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*Record
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		r := &Record{}
		b, err := os.ReadFile(filepath.Join(root, e.Name(), recordName))
		if err != nil || json.Unmarshal(b, r) != nil || r.ID != e.Name() {
			r = &Record{ID: e.Name()}
		}
		all = append(all, r)
	}
	return all, nil
}
