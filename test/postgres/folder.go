package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"aleph/internal/lock"
)

// account is the user that the server runs as. The methods of a nil account do
// nothing: the server runs as this process.
type account struct{ uid, gid int }

// unprivileged returns whom the server runs as, nil for this process itself.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.Atoi(u.Gid)
		return &account{uid, gid}, err
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody")
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// The folders of clusters. Each has a lock beside it that lives as long as the
// program it belongs to.
const (
	prefix     = "aleph-postgres-"
	lockSuffix = ".lock"
)

// makeFolder makes the folder of a cluster and removes those of killed programs.
func makeFolder(a *account) (string, *lock.File, error) {
	sweep()
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", nil, err
	}
	// Nobody sees the lock before it is taken.
	l, err := lock.Take(dir + ".new")
	if err == nil {
		err = errors.Join(os.Rename(dir+".new", dir+lockSuffix), a.own(dir))
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("folder for PostgreSQL: %w", err), os.RemoveAll(dir))
	}
	return dir, l, nil
}

// sweep removes what killed programs have left. A folder that cannot be removed
// is somebody else's.
func sweep() {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"+lockSuffix))
	for _, path := range locks {
		l, err := lock.Take(path)
		if err != nil {
			continue
		}
		if os.RemoveAll(path[:len(path)-len(lockSuffix)]) == nil {
			_ = os.Remove(path)
		}
		_ = l.Close()
	}
}
