package account

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"aleph/message"
)

const (
	keyFileMode = 0o600
	keyDirMode  = 0o700
	// maxKeyFile bounds what is read of a key file, in bytes.
	maxKeyFile = 16 << 10
)

// ReadKeyFile reads a private key from a file of its own: the raw bytes, or one
// line of text that [ImportKey] understands. The file must not be open to other
// users of the machine.
func ReadKeyFile(chain message.Chain, path string) (*Key, error) {
	data, err := readSecretFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	if isSealed(data) {
		return nil, fmt.Errorf("%w: key file %s is encrypted: import it into the keystore", message.ErrInvalid, path)
	}
	key, err := importFile(chain, data)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return key, nil
}

// WriteKeyFile writes the secret of k as one line of text to a new file that
// only its owner can read. An existing file is left as it is, and the error is
// [message.ErrConflict].
func WriteKeyFile(k *Key, path string) error {
	return writeNewFile(path, []byte(k.Secret()+"\n"))
}

// importFile reads a key as text, or as raw bytes when it is none.
func importFile(chain message.Chain, data []byte) (*Key, error) {
	if len(data) == 32 || len(data) == 64 && !utf8.Valid(data) {
		return ImportBytes(chain, data)
	}
	return ImportKey(chain, string(data))
}

// readSecretFile reads a file and refuses one that others may read.
func readSecretFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: there is no key file %s", message.ErrNotFound, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: key file %s is not readable by you: chown it, or choose another", message.ErrForbidden, path)
	case err != nil:
		return nil, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: key file %s is not a regular file", message.ErrInvalid, path)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return nil, fmt.Errorf("%w: key file %s is open to other users (mode %#o): run chmod 600 on it",
			message.ErrForbidden, path, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read key file %s: %w", path, err)
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("%w: key file %s is larger than any key", message.ErrInvalid, path)
	}
	return data, nil
}

// writeNewFile creates a file that is whole from the moment it has its name.
func writeNewFile(path string, content []byte) error {
	return writeFile(path, content, func(temp string) error {
		// Unlike a rename, a link never replaces a file.
		if err := os.Link(temp, path); errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: %s exists already: choose another name, or move it away", message.ErrConflict, path)
		} else if err != nil {
			return err
		}
		return os.Remove(temp)
	})
}

// replaceFile gives a file a new content at once.
func replaceFile(path string, content []byte) error {
	return writeFile(path, content, func(temp string) error { return os.Rename(temp, path) })
}

// writeFile writes a temporary file beside path, and has it put in place.
func writeFile(path string, content []byte, place func(temp string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(keyFileMode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write key file %s: %w", path, err)
	}
	if err := place(f.Name()); err != nil {
		return fmt.Errorf("write key file %s: %w", path, err)
	}
	// The name is on the disk only after the folder is.
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write key file %s: %w", path, err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}
