package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aleph/message"
)

// Keystore is a folder of named keys. Each key is one file, NAME.CHAIN.key:
// either a line of text as [WriteKeyFile] writes it, or, when a passphrase was
// given, an encrypted JSON document. The folder itself is the index, so nothing
// can get out of step; the file `default` holds the name that is used when none
// is given.
//
// Files appear whole or not at all, and no call replaces a key. A Keystore has
// no state of its own: several, also of different processes, may share a folder.
type Keystore struct {
	dir  string
	cost scryptCost
}

const (
	keySuffix   = ".key"
	defaultFile = "default"
	maxName     = 64 // bytes
)

// OpenKeystore returns the keystore in a folder, which is made when the first
// key is written.
func OpenKeystore(dir string) *Keystore { return &Keystore{dir: dir, cost: usualCost()} }

// Entry describes a key of a keystore without its secret.
type Entry struct {
	Name      string
	Chain     message.Chain
	Address   message.Address // empty when Err is set
	Encrypted bool
	Default   bool
	Path      string
	// Err says why the key can not be used.
	Err error
}

// Create makes a fresh key and keeps it under name, encrypted when passphrase
// is not empty. The first key becomes the default. An existing name is
// [message.ErrConflict].
func (s *Keystore) Create(name string, chain message.Chain, passphrase string) (*Key, error) {
	k, err := NewKey(chain)
	if err != nil {
		return nil, err
	}
	return k, s.Import(name, k, passphrase)
}

// Import keeps k under name like [Keystore.Create] does.
func (s *Keystore) Import(name string, k *Key, passphrase string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, keyDirMode); err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	switch _, err := s.find(name); {
	case err == nil:
		return fmt.Errorf("%w: account %s exists already: choose another name", message.ErrConflict, name)
	case !errors.Is(err, message.ErrNotFound):
		return err
	}
	path := filepath.Join(s.dir, name+"."+string(k.Chain())+keySuffix)
	content := []byte(k.Secret() + "\n")
	if passphrase != "" {
		var err error
		if content, err = seal(k, passphrase, s.cost); err != nil {
			return fmt.Errorf("encrypt account %s: %w", name, err)
		}
	}
	defer clear(content)
	if err := writeNewFile(path, content); err != nil {
		return err
	}
	if err := writeNewFile(filepath.Join(s.dir, defaultFile), []byte(name+"\n")); err != nil && !errors.Is(err, message.ErrConflict) {
		return err
	}
	return nil
}

// List describes the keys in the order of their names. A file that can not be
// used has its Err set; it does not hide the others.
func (s *Keystore) List() ([]Entry, error) {
	files, err := os.ReadDir(s.dir) // in order
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	chosen, err := s.Default()
	if err != nil && !errors.Is(err, message.ErrNotFound) {
		return nil, err
	}
	var entries []Entry
	for _, file := range files {
		name, chain, ok := splitFile(file.Name())
		if !ok {
			continue
		}
		e := Entry{Name: name, Chain: chain, Default: name == chosen, Path: filepath.Join(s.dir, file.Name())}
		e.describe()
		entries = append(entries, e)
	}
	return entries, nil
}

// describe reads what the file tells without a passphrase.
func (e *Entry) describe() {
	data, err := readSecretFile(e.Path)
	if err != nil {
		e.Err = err
		return
	}
	defer clear(data)
	if e.Encrypted = isSealed(data); e.Encrypted {
		box, err := parseSealed(data)
		if err == nil && box.Chain != e.Chain {
			err = fmt.Errorf("%w: its name says chain %s, its content %s", message.ErrInvalid, e.Chain, box.Chain)
		}
		if err != nil {
			e.Err = fmt.Errorf("key file %s: %w", e.Path, err)
			return
		}
		e.Address = box.Address
		return
	}
	k, err := importFile(e.Chain, data)
	if err != nil {
		e.Err = fmt.Errorf("key file %s: %w", e.Path, err)
		return
	}
	e.Address = k.Address()
}

// Find describes the key called name, or the default one when name is empty.
// Without such a key the error is [message.ErrNotFound].
func (s *Keystore) Find(name string) (Entry, error) {
	if name == "" {
		var err error
		if name, err = s.Default(); err != nil {
			return Entry{}, err
		}
	}
	return s.find(name)
}

func (s *Keystore) find(name string) (Entry, error) {
	entries, err := s.List()
	if err != nil {
		return Entry{}, err
	}
	for _, e := range entries {
		if e.Name == name {
			return e, nil
		}
	}
	return Entry{}, fmt.Errorf("%w: there is no account %q in %s", message.ErrNotFound, name, s.dir)
}

// Get returns the key called name, or the default one when name is empty. The
// passphrase counts only when the key is encrypted; a wrong one is
// [message.ErrForbidden].
func (s *Keystore) Get(name, passphrase string) (*Key, error) {
	e, err := s.Find(name)
	if err != nil {
		return nil, err
	}
	if e.Err != nil {
		return nil, e.Err
	}
	if !e.Encrypted {
		return ReadKeyFile(e.Chain, e.Path)
	}
	if passphrase == "" {
		return nil, fmt.Errorf("%w: account %s is encrypted: give its passphrase", message.ErrForbidden, e.Name)
	}
	data, err := readSecretFile(e.Path)
	if err != nil {
		return nil, err
	}
	box, err := parseSealed(data)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", e.Path, err)
	}
	k, err := box.open(passphrase)
	if err != nil {
		return nil, fmt.Errorf("open account %s: %w", e.Name, err)
	}
	return k, nil
}

// Export returns the private key called name as text, as [Key.Secret] does.
func (s *Keystore) Export(name, passphrase string) (string, error) {
	k, err := s.Get(name, passphrase)
	if err != nil {
		return "", err
	}
	return k.Secret(), nil
}

// Default returns the name of the key that is used when none is given. Without
// one the error is [message.ErrNotFound].
func (s *Keystore) Default() (string, error) {
	name, err := os.ReadFile(filepath.Join(s.dir, defaultFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: no account is chosen in %s: create one, or choose one", message.ErrNotFound, s.dir)
	case err != nil:
		return "", fmt.Errorf("keystore: %w", err)
	}
	return strings.TrimSpace(string(name)), nil
}

// SetDefault chooses the key that is used when none is given.
func (s *Keystore) SetDefault(name string) error {
	if _, err := s.find(name); err != nil {
		return err
	}
	return replaceFile(filepath.Join(s.dir, defaultFile), []byte(name+"\n"))
}

// splitFile takes NAME.CHAIN.key apart.
func splitFile(file string) (name string, chain message.Chain, ok bool) {
	stem, ok := strings.CutSuffix(file, keySuffix)
	if !ok {
		return "", "", false
	}
	name, code, ok := strings.Cut(stem, ".")
	chain = message.Chain(code)
	return name, chain, ok && checkName(name) == nil && chain.Valid()
}

// checkName refuses names that are no plain file names.
func checkName(name string) error {
	plain := name != "" && len(name) <= maxName
	for _, c := range name {
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	if !plain {
		return fmt.Errorf("%w: account name %q: take 1 to %d letters, digits, - and _", message.ErrInvalid, name, maxName)
	}
	return nil
}
