package node

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"aleph/internal/node/blob"
	"aleph/internal/node/store"
	"aleph/message"
)

// Findings is what a check of a node's state has found.
type Findings struct {
	// Problems contradict each other or are missing. A sound node has none.
	Problems []string
	// Notes are worth knowing and no problem.
	Notes []string
}

// Check looks for what is wrong in the database of a node and, when a folder is
// given, for files that it should have. A node may use both meanwhile: nothing is
// changed. report is told how far it is.
func Check(ctx context.Context, database store.Config, files string, report store.Report) (*Findings, error) {
	found := &Findings{}
	var err error
	if found.Problems, err = store.Examine(ctx, database, report); err != nil {
		return nil, err
	}
	if files != "" {
		if err := found.checkFiles(ctx, database, files); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// mostFiles is how many files are named.
const mostFiles = 20

// checkFiles compares the rows of files with what is on the disk. Both are read
// in the order of their hashes, side by side.
func (f *Findings) checkFiles(ctx context.Context, database store.Config, folder string) error {
	var suspects []store.FileRow
	missing, loose, bytes := 0, 0, int64(0)
	stray := func(info blob.Info) { loose, bytes = loose+1, bytes+info.Size }
	err := store.Reading(ctx, database, func(_ *store.DB, r store.Reader) error {
		next, stop := iter.Pull2(blob.Walk(folder))
		defer stop()
		at, err, more := next()
		step := func() { at, err, more = next() }
		walkErr := r.EachFile(ctx, func(row store.FileRow) error {
			for ; err == nil && more && at.Hash < row.Hash; step() {
				stray(at)
			}
			if err != nil {
				return err
			}
			here := more && at.Hash == row.Hash
			if row.Type == store.FileRegular && row.Hash.Kind() == message.ItemStorage && (!here || at.Size != row.Size) {
				if missing++; missing <= mostFiles {
					suspects = append(suspects, row)
				}
			}
			if size, ok := blob.HasRoot(folder, row.Hash); row.Hash.Kind() == message.ItemIPFS && (!ok || size != row.Size) {
				if missing++; missing <= mostFiles {
					suspects = append(suspects, row)
				}
			}
			if here {
				step()
			}
			return err
		})
		for ; walkErr == nil && err == nil && more; step() {
			stray(at)
		}
		return errors.Join(walkErr, err)
	})
	if err != nil {
		return err
	}
	if loose > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%d files on the disk (%s) belong to no message: they arrive just now, or are left over",
			loose, humanize.IBytes(uint64(bytes))))
	}
	return f.confirm(ctx, database, folder, suspects, missing)
}

// confirm looks again for files that were not there: a node may have deleted
// them, and their rows, meanwhile.
func (f *Findings) confirm(ctx context.Context, database store.Config, folder string, suspects []store.FileRow, missing int) error {
	return store.Reading(ctx, database, func(_ *store.DB, r store.Reader) error {
		for _, row := range suspects {
			_, err := r.File(ctx, row.Hash)
			if errors.Is(err, message.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			size, err := sizeOf(folder, row.Hash)
			switch {
			case errors.Is(err, os.ErrNotExist):
				f.Problems = append(f.Problems, "file without its bytes: "+string(row.Hash))
			case err != nil:
				return err
			case size != row.Size:
				f.Problems = append(f.Problems, fmt.Sprintf("file of a wrong size: %s has %d bytes, not %d", row.Hash, size, row.Size))
			}
		}
		if missing > mostFiles {
			f.Problems = append(f.Problems, fmt.Sprintf("file without its bytes: %d more", missing-mostFiles))
		}
		return nil
	})
}

// sizeOf returns the size of a file in a folder of files.
func sizeOf(folder string, h message.Hash) (int64, error) {
	if h.Kind() == message.ItemIPFS {
		size, ok := blob.HasRoot(folder, h)
		if !ok {
			return 0, os.ErrNotExist
		}
		return size, nil
	}
	info, err := os.Stat(filepath.Join(folder, string(h[:2]), string(h)))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
