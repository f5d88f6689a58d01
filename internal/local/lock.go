package local

import (
	"errors"
	"fmt"
	"path/filepath"

	"aleph/internal/lock"
	"aleph/message"
)

// lockFolder keeps other clouds out of a data folder, or says who has it.
func lockFolder(dir string) (*lock.File, error) {
	l, err := lock.Take(filepath.Join(dir, "lock"))
	if held, ok := errors.AsType[*lock.HeldError](err); ok {
		return nil, fmt.Errorf("%w: data folder %s is in use by another aleph local (pid %s): stop it, or choose another folder with --data-dir",
			message.ErrConflict, dir, held.PID)
	}
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	return l, nil
}
