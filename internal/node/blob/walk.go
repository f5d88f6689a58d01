package blob

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"aleph/message"
)

// Walk lists the blobs in a folder in the order of their hashes, without opening
// the store: it changes nothing, and a node may use the folder meanwhile. What
// has no place there is not listed. A folder that does not exist has no blobs.
func Walk(folder string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		parts, err := os.ReadDir(folder) // sorted, as the blobs in each part are
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(Info{}, diskError("read folder "+folder, err))
			return
		}
		for _, part := range parts {
			if part.IsDir() && len(part.Name()) == 2 && !walkPart(filepath.Join(folder, part.Name()), part.Name(), yield) {
				return
			}
		}
	}
}

// walkPart lists one folder of blobs and reports whether to go on.
func walkPart(folder, prefix string, yield func(Info, error) bool) bool {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return yield(Info{}, diskError("read folder "+folder, err))
	}
	for _, entry := range entries {
		hash, err := message.ParseHash(entry.Name())
		if err != nil || hash.Kind() != message.ItemStorage || string(hash[:2]) != prefix {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.Mode().IsRegular()) {
			continue // deleted meanwhile
		}
		if err != nil {
			if !yield(Info{}, diskError("read "+entry.Name(), err)) {
				return false
			}
			continue
		}
		if !yield(Info{Hash: hash, Size: info.Size()}, nil) {
			return false
		}
	}
	return true
}
