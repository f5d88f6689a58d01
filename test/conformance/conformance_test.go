package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// later are the scenarios that wait for the whole HTTP API.
	later = "13,15,18,19"
	// total is how many rows the table has, scenario 18 being two.
	total = 25

	startLimit = time.Minute      // from start to ready
	runLimit   = 10 * time.Minute // all scenarios
	stopLimit  = 30 * time.Second // from the signal to the end
)

// cloud is what `aleph local --json` prints when it is ready.
type cloud struct {
	API     string `json:"api"`
	Account struct {
		Chain          string `json:"chain"`
		Address        string `json:"address"`
		PrivateKeyFile string `json:"private_key_file"`
	} `json:"account"`
}

// The official client passes every scenario the node promises. // spec clients 3.4
func TestOfficialClient(t *testing.T) {
	t.Parallel()
	installPackages(t)
	local := startCloud(t, buildBinary(t))
	key, err := os.ReadFile(local.Account.PrivateKeyFile)
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "run.mjs", "--later", later)
	command.Env = append(os.Environ(),
		"API="+local.API,
		"WS="+strings.Replace(local.API, "http", "ws", 1),
		"KEY="+strings.TrimSpace(string(key)),
		"FUNDED=1", "SOLANA=1",
	)
	table, err := command.CombinedOutput()
	t.Logf("the official client against %s:\n%s", local.API, table)
	keepTable(t, table)
	if err != nil {
		t.Fatalf("run.mjs: %v", err)
	}
	if rows := countRows(table); rows != total {
		t.Errorf("the table has %d rows, want %d", rows, total)
	}
	if bytes.Contains(table, []byte("  off")) {
		t.Error("a scenario was off: each is run here, or listed as later")
	}
}

// countRows counts the lines of the table that begin with a scenario's number.
func countRows(table []byte) (rows int) {
	for line := range bytes.Lines(table) {
		if len(line) > 4 && line[0] >= '0' && line[0] <= '9' && line[1] >= '0' && line[1] <= '9' && string(line[2:4]) == "  " {
			rows++
		}
	}
	return rows
}

// keepTable writes the table where ALEPH_CONFORMANCE_TABLE says, for the summary
// of make test.
func keepTable(t *testing.T, table []byte) {
	t.Helper()
	file := os.Getenv("ALEPH_CONFORMANCE_TABLE")
	if file == "" {
		return
	}
	if err := os.WriteFile(file, table, 0o644); err != nil {
		t.Error(err)
	}
}

// installPackages brings the npm packages of the lock file, once.
func installPackages(t *testing.T) {
	t.Helper()
	run(t, filepath.Join("..", ".."), "scripts/npm.sh", "test/conformance")
}

// buildBinary builds the command of this tree.
func buildBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "aleph")
	run(t, filepath.Join("..", ".."), "go", "build", "-o", binary, "./cmd/aleph")
	return binary
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = dir
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
}

// startCloud starts an ephemeral cloud and returns what it printed when ready.
// It is ended by a signal when the test ends, and must then end cleanly.
func startCloud(t *testing.T, binary string) cloud {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "local", "--ephemeral", "--json")
	command.Stderr = log
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}

	lines := make(chan []byte, 1)
	ended := make(chan error, 1)
	go func() {
		reader := bufio.NewReader(output)
		line, _ := reader.ReadBytes('\n')
		lines <- line
		_, _ = io.Copy(io.Discard, reader)
		ended <- command.Wait()
	}()
	t.Cleanup(func() {
		stop(t, command.Process, ended)
		if t.Failed() {
			text, err := os.ReadFile(log.Name())
			t.Logf("log of the cloud (%v):\n%s", err, text)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})

	var ready cloud
	select {
	case line := <-lines:
		if err := json.Unmarshal(line, &ready); err != nil {
			t.Fatalf("aleph local printed %q: %v", line, err)
		}
	case <-time.After(startLimit):
		t.Fatalf("aleph local is not ready after %s", startLimit)
	}
	if ready.API == "" || ready.Account.PrivateKeyFile == "" {
		t.Fatalf("aleph local is ready without an API or a key: %+v", ready)
	}
	return ready
}

// stop ends the cloud as a service manager would.
func stop(t *testing.T, process *os.Process, ended <-chan error) {
	t.Helper()
	if err := process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("aleph local ended badly: %v", err)
		}
	case <-time.After(stopLimit):
		t.Errorf("aleph local has not ended %s after the signal", stopLimit)
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
		t.Log("killed: ", <-ended)
	}
}
