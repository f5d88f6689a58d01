package account_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/account"
	"aleph/message"
)

func newKeystore(t *testing.T) (*account.Keystore, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	s := account.OpenKeystore(dir)
	s.UseCheapCost()
	return s, dir
}

func TestKeystore(t *testing.T) {
	t.Parallel()
	s, dir := newKeystore(t)
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Fatalf("a keystore without a folder lists %v, %v", list, err)
	}
	if _, err := s.Get("", ""); !errors.Is(err, message.ErrNotFound) {
		t.Fatalf("a key without any: %v", err)
	}
	alice, err := s.Create("alice", "ETH", "")
	if err != nil {
		t.Fatal(err)
	}
	bob, err := s.Create("bob", "SOL", "a long passphrase")
	if err != nil {
		t.Fatal(err)
	}
	want := []account.Entry{
		{Name: "alice", Chain: "ETH", Address: alice.Address(), Default: true, Path: filepath.Join(dir, "alice.ETH.key")},
		{Name: "bob", Chain: "SOL", Address: bob.Address(), Encrypted: true, Path: filepath.Join(dir, "bob.SOL.key")},
	}
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}

	if k, err := s.Get("", "not needed"); err != nil || k.Secret() != alice.Secret() {
		t.Errorf("default key %v, %v", k, err)
	}
	if err := s.SetDefault("bob"); err != nil {
		t.Fatal(err)
	}
	if k, err := s.Get("", "a long passphrase"); err != nil || k.Secret() != bob.Secret() {
		t.Errorf("default key %v, %v", k, err)
	}
	if secret, err := s.Export("alice", ""); err != nil || secret != alice.Secret() {
		t.Errorf("export: %v", err)
	}
	for passphrase, kind := range map[string]error{"": message.ErrForbidden, "a wrong one": message.ErrForbidden} {
		if _, err := s.Get("bob", passphrase); !errors.Is(err, kind) {
			t.Errorf("passphrase %q: %v", passphrase, err)
		}
	}
	if err := s.SetDefault("carol"); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("default of nobody: %v", err)
	}
	if _, err := s.Create("alice", "SOL", ""); !errors.Is(err, message.ErrConflict) {
		t.Errorf("second alice: %v", err)
	}
	for _, name := range []string{"", "a b", "../x", "é", ".", strings.Repeat("x", 65)} {
		if _, err := s.Create(name, "ETH", ""); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if _, err := s.Create("somnia", "STT", ""); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("a chain without a scheme: %v", err)
	}
}

func TestKeyFilesOnDisk(t *testing.T) {
	t.Parallel()
	s, dir := newKeystore(t)
	plain, err := s.Create("plain", "ETH", "")
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := s.Create("hidden", "ETH", "passphrase")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "plain.ETH.key"))
	if err != nil || string(text) != plain.Secret()+"\n" || len(text) != 67 {
		t.Errorf("plain key file %q, %v", text, err)
	}
	box, err := os.ReadFile(filepath.Join(dir, "hidden.ETH.key"))
	if err != nil || strings.Contains(string(box), strings.TrimPrefix(hidden.Secret(), "0x")) {
		t.Errorf("encrypted key file shows the secret: %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", file.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder has mode %v, %v", info.Mode(), err)
	}
}

// Whatever byte of an encrypted file changes, the key does not come out.
func TestChangedKeyFile(t *testing.T) {
	t.Parallel()
	s, dir := newKeystore(t)
	k, err := s.Create("k", "ETH", "passphrase")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "k.ETH.key")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(whole, &fields); err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string]string{
		"version": "2", "chain": `"SOL"`, "address": `"0x0000000000000000000000000000000000000000"`,
		"salt": `"AAAA"`, "nonce": `"AAAA"`, "box": `"AAAA"`,
		"scrypt": `{"n":1073741824,"r":8,"p":1}`,
	} {
		var copied map[string]json.RawMessage
		if err := json.Unmarshal(whole, &copied); err != nil {
			t.Fatal(err)
		}
		copied[name] = json.RawMessage(changed)
		write(t, path, mustMarshal(t, copied), 0o600)
		_, err := s.Get("k", "passphrase")
		if !errors.Is(err, message.ErrForbidden) && !errors.Is(err, message.ErrInvalid) {
			t.Errorf("changed %s: %v", name, err)
		}
	}
	for _, damaged := range [][]byte{whole[:len(whole)/2], []byte("{}"), []byte("{"), nil, []byte("not a key"), bytes.Repeat([]byte("x"), 20000)} {
		write(t, path, damaged, 0o600)
		if _, err := s.Get("k", "passphrase"); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("damaged file: %v", err)
		}
		list, err := s.List()
		if err != nil || len(list) != 1 || list[0].Err == nil {
			t.Errorf("list of a damaged file: %v, %v", list, err)
		}
	}
	write(t, path, whole, 0o640)
	if _, err := s.Get("k", "passphrase"); !errors.Is(err, message.ErrForbidden) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("file that others may read: %v", err)
	}
	write(t, path, whole, 0o600)
	if got, err := s.Get("k", "passphrase"); err != nil || got.Address() != k.Address() {
		t.Errorf("restored file: %v, %v", got, err)
	}
}

func write(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, content, mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Of many that create the same name at once, one wins and nothing is lost.
func TestConcurrentCreate(t *testing.T) {
	t.Parallel()
	s, dir := newKeystore(t)
	var group sync.WaitGroup
	made := make([]*account.Key, 8)
	for i := range made {
		group.Go(func() {
			if k, err := s.Create("same", "ETH", ""); err == nil {
				made[i] = k
			} else if !errors.Is(err, message.ErrConflict) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	kept, err := s.Get("same", "")
	if err != nil {
		t.Fatal(err)
	}
	winners := 0
	for _, k := range made {
		if k != nil {
			winners++
			if k.Address() != kept.Address() {
				t.Error("a lost key was reported as created")
			}
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || winners != 1 || len(files) != 2 {
		t.Errorf("%d winners, files %v, %v", winners, files, err)
	}
}

func TestReadKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := bytes.Repeat([]byte{0x11}, 32)
	for name, content := range map[string][]byte{
		"text":     []byte("0x" + hex.EncodeToString(raw) + "\n"),
		"no-0x":    []byte(hex.EncodeToString(raw)),
		"raw":      raw,
		"newlines": []byte("\n" + hex.EncodeToString(raw) + "\r\n"),
	} {
		path := filepath.Join(dir, name)
		write(t, path, content, 0o600)
		k, err := account.ReadKeyFile("ETH", path)
		if err != nil || k.Address() != "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A" {
			t.Errorf("%s: %v, %v", name, k, err)
		}
		// A written file reads as the same key and is never replaced.
		again := path + ".again"
		if err := account.WriteKeyFile(k, again); err != nil {
			t.Fatal(err)
		}
		if err := account.WriteKeyFile(k, again); !errors.Is(err, message.ErrConflict) {
			t.Errorf("second write: %v", err)
		}
		if k2, err := account.ReadKeyFile("ETH", again); err != nil || k2.Secret() != k.Secret() {
			t.Errorf("%s: read again: %v", name, err)
		}
	}
	for name, test := range map[string]struct {
		path string
		kind error
	}{
		"missing": {filepath.Join(dir, "nothing"), message.ErrNotFound},
		"folder":  {dir, message.ErrForbidden}, // open to others before anything else
	} {
		if _, err := account.ReadKeyFile("ETH", test.path); !errors.Is(err, test.kind) && !errors.Is(err, message.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The vectors of SLIP-0010 for Ed25519, seed 000102…0f.
func TestSLIP10(t *testing.T) {
	t.Parallel()
	seed, err := hex.DecodeString("000102030405060708090a0b0c0d0e0f")
	if err != nil {
		t.Fatal(err)
	}
	key, chain := account.SLIP10([]byte("ed25519 seed"), seed)
	if got := hex.EncodeToString(key); got != "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7" {
		t.Errorf("master key %s", got)
	}
	key, _ = account.SLIP10(chain, append(append([]byte{0}, key...), 0x80, 0, 0, 0))
	if got := hex.EncodeToString(key); got != "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3" {
		t.Errorf("key of m/0' %s", got)
	}
}
