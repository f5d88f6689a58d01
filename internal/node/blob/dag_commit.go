package blob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Commit makes the graph part of the store, durably. The root cannot be deleted
// until Discard is called, which leaves the time to record who wants it.
func (g *StagedDAG) Commit() error {
	if g.committed || g.done {
		return nil
	}
	s := g.store
	s.hold(g.Hash)
	if err := s.placeDAG(g); err != nil {
		s.release(g.Hash)
		return err
	}
	g.committed = true
	g.clear() // nothing in it is needed any more
	return nil
}

// Discard ends the upload: it removes what was not committed and releases what
// was. It may be called twice.
func (g *StagedDAG) Discard() {
	if g.done {
		return
	}
	g.done = true
	if g.committed {
		g.store.release(g.Hash)
		return
	}
	g.clear()
}

// clear removes what is left of an upload. The sweep at the next start gets what
// cannot be removed now.
func (g *StagedDAG) clear() { _ = os.RemoveAll(g.temp) }

// placeDAG moves the blocks of a graph to their names and its list last. Should
// that end halfway, the list among the loose ones tells what was moved.
func (s *Store) placeDAG(g *StagedDAG) error {
	s.sweeping.RLock()
	defer s.sweeping.RUnlock()
	path := rootPath(s.folder, g.Hash)
	if _, err := os.Stat(path); err == nil {
		return nil // the same root, which has all its blocks
	}
	loose := s.dagPath(looseFolder, filepath.Base(g.temp))
	if err := os.Link(g.list(), loose); err != nil {
		return diskError("store "+string(g.Hash), err)
	}
	if err := syncFolder(filepath.Dir(loose)); err != nil {
		return diskError("sync folder "+looseFolder, err)
	}
	if err := s.placeBlocks(g); err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := s.makeFolder(folder); err != nil {
		return err
	}
	if err := s.rename(g.list(), path, 0, 1); err != nil {
		return diskError("store "+string(g.Hash), err)
	}
	if err := syncFolder(folder); err != nil {
		return diskError("sync folder "+folder, err)
	}
	// One that stays is looked through in vain by the next sweep.
	_ = os.Remove(loose)
	return nil
}

func (s *Store) placeBlocks(g *StagedDAG) error {
	changed := map[string]bool{}
	err := eachLink(g.list(), func(l link) error {
		path := s.blockPath(l.digest)
		folder := filepath.Dir(path)
		if !changed[folder] {
			if err := s.makeFolder(folder); err != nil {
				return err
			}
			changed[folder] = true
		}
		info, err := os.Stat(g.needed(l))
		if err != nil {
			return err
		}
		return s.rename(g.needed(l), path, info.Size(), 0)
	})
	if err != nil {
		return diskError("store the blocks of "+string(g.Hash), err)
	}
	for folder := range changed {
		if err := syncFolder(folder); err != nil {
			return diskError("sync folder "+folder, err)
		}
	}
	return nil
}

// loosen takes a root away: its blocks go when a sweep finds that no other root
// needs them. The caller holds s.mu.
func (s *Store) loosen(path string) error {
	name := filepath.Base(path) + "-" + time.Now().UTC().Format("20060102T150405.000000000")
	if err := os.Rename(path, s.dagPath(looseFolder, name)); err != nil {
		return err
	}
	s.files.Add(-1)
	return nil
}

// sweepBatch is how many blocks are looked for at once: a few megabytes.
const sweepBatch = 1 << 15

// Sweep removes the blocks that no root needs any more, and returns how many.
// Uploads wait with their commit while it looks through the lists of all roots,
// once for so many blocks.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	entries, err := os.ReadDir(s.dagPath(looseFolder))
	if err != nil {
		return 0, diskError("read folder "+looseFolder, err)
	}
	removed := 0
	for _, entry := range entries {
		n, err := s.sweepList(ctx, s.dagPath(looseFolder, entry.Name()))
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// sweepList removes the blocks of one loose list, and the list.
func (s *Store) sweepList(ctx context.Context, path string) (removed int, err error) {
	loose := make(map[digest]bool)
	flush := func() error {
		n, err := s.removeLoose(ctx, loose)
		removed += n
		clear(loose)
		return err
	}
	err = eachLink(path, func(l link) error {
		loose[l.digest] = true
		if len(loose) < sweepBatch {
			return nil
		}
		return flush()
	})
	if errors.Is(err, fs.ErrNotExist) {
		return removed, nil // its commit has ended
	}
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return removed, diskError("sweep "+filepath.Base(path), err)
	}
	return removed, nil
}

// removeLoose removes those of some blocks that are in the list of no root.
func (s *Store) removeLoose(ctx context.Context, loose map[digest]bool) (int, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	folders, err := os.ReadDir(s.dagPath(rootsFolder))
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		roots, err := os.ReadDir(s.dagPath(rootsFolder, folder.Name()))
		if err != nil {
			return 0, err
		}
		for _, root := range roots {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			err := eachLink(s.dagPath(rootsFolder, folder.Name(), root.Name()), func(l link) error {
				delete(loose, l.digest)
				return nil
			})
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return 0, err // without this list it is not known what may go
			}
		}
	}
	removed := 0
	for d := range loose {
		info, err := os.Stat(s.blockPath(d))
		if err == nil {
			err = os.Remove(s.blockPath(d))
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return removed, err
		}
		s.bytes.Add(-info.Size())
		removed++
	}
	return removed, nil
}
