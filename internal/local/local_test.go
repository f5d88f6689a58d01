package local

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aleph/message"
)

func TestKeyFileIsMadeOnceAndPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "account.key")
	first, err := loadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	second, err := loadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if first.Address() != second.Address() || first.Chain() != message.ChainEthereum {
		t.Errorf("got %s, then %s", first.Address(), second.Address())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) != 67 || text[66] != '\n' || !strings.HasPrefix(string(text), "0x") {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestKeyFileThatIsNone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "short": "0x12", "not hex": "0x" + strings.Repeat("z", 64), "zero": "0x" + strings.Repeat("0", 64),
		"words": "legal winner thank year wave sausage worth useful legal winner thank yellow",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "account.key")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := loadKey(path)
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v", err)
			}
			if text != "" && strings.Contains(err.Error(), text) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestLockNamesTheOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFolder(dir); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestListenNamesWhoHasThePort(t *testing.T) {
	t.Parallel()
	l, err := listen("127.0.0.1:0", "node", "--port")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port
	_, err = listen(l.Addr().String(), "node", "--port")
	for _, want := range []string{fmt.Sprint("port ", port), fmt.Sprint("pid ", os.Getpid()), "--port"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if PortFree(port) {
		t.Error("a taken port is called free")
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "local.json")
	if s, err := ReadState(path); s != nil || err != nil {
		t.Fatalf("without a file: %v, %v", s, err)
	}
	want := State{Endpoints: Endpoints{API: "http://127.0.0.1:1", DataDir: "/x"}, PID: os.Getpid()}
	remove, err := writeState(path, want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadState(path); err != nil || got == nil || *got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	dead := want
	dead.PID = ended.ProcessState.Pid()
	if _, err := writeState(path, dead); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadState(path); got != nil || err != nil {
		t.Errorf("the state of an ended process: %+v, %v", got, err)
	}
	if err := remove(); err != nil { // another process has replaced it
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file of another process was removed: %v", err)
	}
}
