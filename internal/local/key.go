package local

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"aleph/account"
	"aleph/message"
)

// A key file is one line: 0x and 64 hex digits, readable by its owner only.
const (
	accountKeyFile   = "account.key"
	authorityKeyFile = "authority.key"
	keyFileMode      = 0o600
)

// loadKey reads the Ethereum key in a file and makes a fresh one when there is
// no file.
func loadKey(path string) (account.Account, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return createKey(path)
	case err != nil:
		return nil, fmt.Errorf("read key file: %w: make it a file that you can read (chmod 600), or move it away to get a new key", err)
	}
	if err := os.Chmod(path, keyFileMode); err != nil {
		return nil, fmt.Errorf("protect key file: %w", err)
	}
	secret := string(bytes.TrimSpace(text))
	raw, err := hex.DecodeString(string(bytes.TrimPrefix([]byte(secret), []byte("0x"))))
	if err != nil || len(raw) != 32 {
		// The text is secret even when it is wrong, so it is not shown.
		return nil, fmt.Errorf("%w: key file %s does not hold one line of 0x and 64 hex digits: restore it, or move it away to get a new key",
			message.ErrInvalid, path)
	}
	key, err := account.ImportKey(message.ChainEthereum, secret)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return key, nil
}

func createKey(path string) (account.Account, error) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	secret := "0x" + hex.EncodeToString(raw[:])
	key, err := account.ImportKey(message.ChainEthereum, secret)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := writeFile(path, []byte(secret+"\n"), keyFileMode); err != nil {
		return nil, fmt.Errorf("write key file: %w", err)
	}
	return key, nil
}

// writeFile replaces a file so that a reader, also one after a power cut, sees
// either the old content or the whole new one.
func writeFile(path string, content []byte, mode fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
