package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"aleph/message"
)

// Endpoints says where a local cloud is and who its user is. `aleph local
// --json` prints it as one line.
type Endpoints struct {
	API     string      `json:"api"`
	Compute string      `json:"compute"`
	Account UserAccount `json:"account"`
	DataDir string      `json:"data_dir"`
}

// UserAccount is the account that a local cloud made for its user.
type UserAccount struct {
	Chain          message.Chain   `json:"chain"`
	Address        message.Address `json:"address"`
	PrivateKeyFile string          `json:"private_key_file"`
}

// State is what a running local cloud writes down so that other commands of the
// same user find it.
type State struct {
	Endpoints
	PID int `json:"pid"`
}

// ReadState returns the local cloud that runs now, or nil when none does. A
// file left behind by a process that has ended counts as none.
func ReadState(path string) (*State, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state of the local cloud: %w", err)
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read state of the local cloud %s: %w: remove the file and start `aleph local` again", path, err)
	}
	if !processRuns(s.PID) {
		return nil, nil
	}
	return &s, nil
}

// processRuns reports whether a process with the id exists. One that belongs to
// another user exists too.
func processRuns(pid int) bool {
	err := syscall.Kill(pid, 0)
	return pid > 0 && (err == nil || errors.Is(err, syscall.EPERM))
}

// writeState writes the state of this process and returns what removes it.
func writeState(path string, s State) (remove func() error, err error) {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write state of the local cloud: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("write state of the local cloud: %w", err)
	}
	if err := writeFile(path, append(text, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("write state of the local cloud: %w", err)
	}
	return func() error { return removeState(path, s.PID) }, nil
}

// removeState removes the file unless another cloud has replaced it meanwhile.
func removeState(path string, pid int) error {
	s, err := ReadState(path)
	if err != nil || s == nil || s.PID != pid {
		return err
	}
	return os.Remove(path)
}
