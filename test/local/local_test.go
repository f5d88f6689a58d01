// Package local_test starts the real program and uses it as a person or a script
// would.
package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aleph/internal/bench"
	"aleph/internal/local"
	"aleph/internal/local/spawn"
	"aleph/message"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "aleph-local-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { // one test runs as another user
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if binary, err = spawn.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

const stopTimeout = 30 * time.Second

// start starts a cloud with the given arguments on free ports.
func start(t *testing.T, args ...string) *spawn.Cloud {
	t.Helper()
	var log bytes.Buffer
	c, err := spawn.Start(context.WithoutCancel(t.Context()), spawn.Options{
		Binary: binary, Args: args, Stderr: &log, Env: environment(t),
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("log of the cloud:\n%s", log.String())
		}
	})
	return c
}

// environment keeps a test away from the user's own cloud, and from the built
// runtimes, which a cloud would publish.
func environment(t *testing.T) []string {
	t.Helper()
	return []string{"XDG_STATE_HOME=" + t.TempDir(), "ALEPH_RUNTIMES_CACHE=" + t.TempDir()}
}

// fail runs `aleph local` and returns what it says when it cannot start.
func fail(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"local"}, args...)...)
	cmd.Env = append(os.Environ(), environment(t)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil || ctx.Err() != nil {
		t.Fatalf("aleph local %v: %v, want it to fail\n%s%s", args, err, &stdout, &stderr)
	}
	if stdout.Len() > 0 {
		t.Errorf("a failed start printed on standard output: %s", &stdout)
	}
	text := strings.TrimSpace(stderr.String())
	if strings.Count(text, "\n") > 0 {
		t.Errorf("the problem is not told in one line:\n%s", text)
	}
	return text
}

func freeArgs(dir string) []string {
	return []string{"--data-dir", dir, "--port", "0", "--compute-port", "0"}
}

func TestReadyLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"local", "--json"}, freeArgs(dir)...)...)
	cmd.Env = append(os.Environ(), environment(t)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(out)
	dec.DisallowUnknownFields()
	var ready struct {
		API, Compute string
		Account      struct {
			Chain, Address string
			PrivateKeyFile string `json:"private_key_file"`
		}
		DataDir string `json:"data_dir"`
	}
	if err := dec.Decode(&ready); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{ready.API + "/api/v0/version", ready.Compute + "/about/usage/system"} {
		if code := status(t, url); code != http.StatusOK {
			t.Errorf("GET %s right after the ready line: %d", url, code)
		}
	}
	if ready.DataDir != dir || ready.Account.Chain != "ETH" || !regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`).MatchString(ready.Account.Address) {
		t.Errorf("got %+v", ready)
	}
	key, err := os.ReadFile(ready.Account.PrivateKeyFile)
	if err != nil || !regexp.MustCompile(`^0x[0-9a-f]{64}\n$`).Match(key) {
		t.Errorf("the key file is not one line of 0x and 64 hex digits (%d bytes): %v", len(key), err)
	}
	if info, err := os.Stat(ready.Account.PrivateKeyFile); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("mode of the key file: %v, %v", info.Mode(), err)
	}
	cancel()
	rest, err := io.ReadAll(io.MultiReader(dec.Buffered(), out))
	if err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("more than one value on standard output: %q, %v", rest, err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("exit code %d after SIGTERM: %v", cmd.ProcessState.ExitCode(), err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, freeArgs(dir)...)
	g, err := bench.NewGenerator(1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	posts, err := g.Posts(t.Context(), 50, 100)
	if err != nil {
		t.Fatal(err)
	}
	p := bench.Publisher{API: first.API, Connections: 2, Sync: true}
	if _, _, err := p.Publish(t.Context(), posts); err != nil {
		t.Fatal(err)
	}
	seeded := authorityMessages(t, first.API)
	if err := first.Stop(stopTimeout); err != nil {
		t.Fatal(err)
	}
	second := start(t, freeArgs(dir)...)
	if second.Account != first.Account {
		t.Errorf("the account changed from %v to %v", first.Account, second.Account)
	}
	for _, m := range posts {
		got, err := bench.StatusOf(t.Context(), &http.Client{}, second.API, m.ItemHash)
		if err != nil || got != message.StatusProcessed {
			t.Errorf("message %s is %q after a restart: %v", m.ItemHash, got, err)
		}
	}
	if again := authorityMessages(t, second.API); again != seeded {
		t.Errorf("a restart seeds again: %d messages, then %d", seeded, again)
	}
}

// authorityMessages waits until the cloud is seeded and counts its aggregates.
func authorityMessages(t *testing.T, api string) int {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var page struct {
			Messages []struct {
				Content struct{ Key string }
			}
		}
		getJSON(t, api+"/api/v0/messages.json?msgTypes=AGGREGATE&pagination=0", &page)
		keys := make(map[string]bool)
		for _, m := range page.Messages {
			keys[m.Content.Key] = true
		}
		if keys["settings"] && keys["pricing"] && keys["vm-images"] && keys["corechannel"] {
			return len(page.Messages)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cloud is not seeded: %v", keys)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	for _, flag := range []string{"--port", "--compute-port"} {
		args := []string{"--data-dir", t.TempDir(), "--port", "0", "--compute-port", "0"}
		text := fail(t, append(args, flag, port)...)
		for _, want := range []string{"port " + port, "pid " + strconv.Itoa(os.Getpid()), flag} {
			if !strings.Contains(text, want) {
				t.Errorf("%s in use: %q does not say %q", flag, text, want)
			}
		}
	}
}

func TestSecondCloudOnOneFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, freeArgs(dir)...)
	text := fail(t, freeArgs(dir)...)
	for _, want := range []string{dir, "pid " + strconv.Itoa(c.PID()), "--data-dir"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
	if code := status(t, c.API+"/api/v0/version"); code != http.StatusOK {
		t.Errorf("the first cloud suffered: %d", code)
	}
}

func TestUnusableKeyFile(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"not a key":  func(path string) error { return os.WriteFile(path, []byte("0x1234\n"), 0o600) },
		"unreadable": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "account.key")
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			if text := fail(t, freeArgs(dir)...); !strings.Contains(text, path) {
				t.Errorf("%q does not name the file", text)
			}
		})
	}
}

func TestUnusableDataFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if text := fail(t, freeArgs(filepath.Join(file, "data"))...); !strings.Contains(text, file) {
		t.Errorf("%q does not name the folder", text)
	}
}

func TestEphemeralLeavesNothing(t *testing.T) {
	t.Parallel()
	c := start(t, "--ephemeral")
	if _, err := os.Stat(c.DataDir); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(stopTimeout); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.DataDir); !os.IsNotExist(err) {
		t.Errorf("the folder %s is still there: %v", c.DataDir, err)
	}
}

func TestOtherCommandsFindTheCloud(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	run := func(args ...string) *spawn.Cloud {
		c, err := spawn.Start(context.WithoutCancel(t.Context()), spawn.Options{
			Binary: binary, Args: args, Env: append(environment(t), "XDG_STATE_HOME="+home, "XDG_DATA_HOME="+home),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Kill)
		return c
	}
	state := filepath.Join(home, "aleph", "local.json")

	hidden := run("--ephemeral")
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("an ephemeral cloud announces itself: %v", err)
	}
	if err := hidden.Stop(stopTimeout); err != nil {
		t.Error(err)
	}

	c := run("--port", "0", "--compute-port", "0")
	if want := filepath.Join(home, "aleph", "local"); c.DataDir != want {
		t.Errorf("data folder %s, want %s", c.DataDir, want)
	}
	found, err := local.ReadState(state)
	if err != nil || found == nil || found.Endpoints != c.Endpoints || found.PID != c.PID() {
		t.Errorf("got %+v, %v", found, err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "post", "create", `{"found": true}`, "--json")
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home, "ALEPH_API=", "ALEPH_KEY_FILE=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("a post without any flag: %v: %s", err, out)
	}
	if err := c.Stop(stopTimeout); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("a stopped cloud is still announced: %v", err)
	}
}

func TestOldLockIsNoObstacle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, freeArgs(dir)...)
	first.Kill()
	second := start(t, freeArgs(dir)...)
	if second.Account != first.Account {
		t.Error("the account changed")
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatalf("%s: %s: %v", url, res.Status, err)
	}
}
