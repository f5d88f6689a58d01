package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"aleph/account"
	"aleph/client"
	"aleph/message"
)

// keystore returns the folder of the user's accounts.
func (a *app) keystore() (*account.Keystore, error) {
	dir := cmp.Or(a.flags.configDir, a.Env("ALEPH_CONFIG_DIR"))
	if dir == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return nil, fmt.Errorf("find the configuration folder: %w: set HOME, or pass --config-dir", err)
		}
		dir = filepath.Join(base, "aleph")
	}
	return account.OpenKeystore(filepath.Join(dir, "keys")), nil
}

// keyFile returns the key file that was named, if any. A flag wins over the
// environment, also a flag for the other way to name who signs.
func (a *app) keyFile() string {
	if a.flags.account != "" {
		return ""
	}
	return cmp.Or(a.flags.keyFile, a.Env("ALEPH_KEY_FILE"))
}

// namedAccount returns the account of the keystore that signs, "" when the
// signing key comes from elsewhere.
func (a *app) namedAccount(store *account.Keystore) (string, error) {
	if a.keyFile() != "" {
		return "", nil
	}
	if name := cmp.Or(a.flags.account, a.Env("ALEPH_ACCOUNT")); name != "" {
		return name, nil
	}
	name, err := store.Default()
	if isNotFound(err) {
		return "", nil
	}
	return name, err
}

// signer returns the account that signs: the one named on the command line or
// in the environment, else the default of the keystore, else the one of the
// local cloud that runs.
func (a *app) signer() (*account.Key, error) {
	key, err := a.findSigner()
	if err != nil {
		return nil, err
	}
	a.detail("signing as %s on %s", key.Address(), key.Chain())
	return key, nil
}

func (a *app) findSigner() (*account.Key, error) {
	if path := a.keyFile(); path != "" {
		return account.ReadKeyFile(message.Chain(a.flags.keyChain), path)
	}
	store, err := a.keystore()
	if err != nil {
		return nil, err
	}
	name, err := a.namedAccount(store)
	if err != nil {
		return nil, err
	}
	if name != "" {
		return a.openAccount(store, name)
	}
	n, err := a.resolveNetwork()
	if err != nil {
		return nil, err
	}
	if n.local != nil {
		return account.ReadKeyFile(n.local.Account.Chain, n.local.Account.PrivateKeyFile)
	}
	return nil, fmt.Errorf("%w: no account: make one with `aleph account create NAME`, or pass --key-file", message.ErrNotFound)
}

// openAccount reads a key of the keystore and asks for its passphrase when it
// has one.
func (a *app) openAccount(store *account.Keystore, name string) (*account.Key, error) {
	entry, err := store.Find(name)
	if err != nil {
		return nil, err
	}
	var passphrase string
	if entry.Encrypted {
		if passphrase, err = a.passphrase("Passphrase of " + name); err != nil {
			return nil, err
		}
	}
	return store.Get(name, passphrase)
}

// clientAndSigner returns what a command needs that publishes.
func (a *app) clientAndSigner() (*client.Client, *account.Key, error) {
	signer, err := a.signer()
	if err != nil {
		return nil, nil, err
	}
	c, err := a.client()
	return c, signer, err
}

// ownerOrSelf returns an address that was given, or the account's. The address
// of an encrypted key needs no passphrase.
func (a *app) ownerOrSelf(given string) (message.Address, error) {
	if given != "" {
		return parseAddress(given)
	}
	store, err := a.keystore()
	if err != nil {
		return "", err
	}
	name, err := a.namedAccount(store)
	if err != nil {
		return "", err
	}
	if name != "" {
		entry, err := store.Find(name)
		if err != nil {
			return "", err
		}
		return entry.Address, entry.Err
	}
	key, err := a.signer()
	if err != nil {
		return "", err
	}
	return key.Address(), nil
}

// maxPassphrase bounds what is read of a passphrase file, in bytes.
const maxPassphrase = 4096

func (a *app) passphraseFile() string {
	return cmp.Or(a.flags.passphraseFile, a.Env("ALEPH_PASSPHRASE_FILE"))
}

// passphrase reads the passphrase from its file, or asks for it.
func (a *app) passphrase(prompt string) (string, error) {
	path := a.passphraseFile()
	if path == "" {
		return a.ask(prompt, "pass --passphrase-file")
	}
	file, err := os.Open(path)
	if err != nil {
		return "", inputError(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPassphrase))
	if err != nil {
		return "", inputError(err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// ask reads a secret from the terminal without showing it.
func (a *app) ask(prompt, instead string) (string, error) {
	in, ok := a.inTerminal()
	if !ok {
		return "", usagef("%s is needed and there is no terminal to ask on: %s", strings.ToLower(prompt), instead)
	}
	fmt.Fprint(a.Err, prompt+": ")
	text, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(a.Err)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return string(text), nil
}

// maxInput bounds what is read from a file or from standard input, in bytes.
const maxInput = 32 << 20

// readInput reads a text that the user named: "-" is standard input.
func (a *app) readInput(path string) ([]byte, error) {
	in := a.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, inputError(err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, inputError(err)
	}
	if len(text) > maxInput {
		return nil, fmt.Errorf("%w: %s holds more than %d MiB", message.ErrInvalid, path, maxInput>>20)
	}
	return bytes.TrimSpace(text), nil
}

// inputError gives an error of the file system its kind.
func inputError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", message.ErrNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", message.ErrForbidden, err)
	}
	return err
}
