package conformance_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aleph/internal/local/spawn"
)

const (
	// total is how many rows the table has, scenario 18 being two.
	total = 25

	startLimit = time.Minute      // from start to ready
	runLimit   = 10 * time.Minute // all scenarios
	stopLimit  = 30 * time.Second // from the signal to the end
)

// The official client passes every scenario the node promises. // spec clients 3.4
func TestOfficialClient(t *testing.T) {
	t.Parallel()
	installPackages(t)
	local := startCloud(t)
	key, err := os.ReadFile(local.Account.PrivateKeyFile)
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "run.mjs")
	command.Env = append(os.Environ(),
		"API="+local.API,
		"WS="+strings.Replace(local.API, "http", "ws", 1),
		"KEY="+strings.TrimSpace(string(key)),
		"FUNDED=1", "SOLANA=1", "HOLD=refused",
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
		t.Error("a scenario was off: each is run here")
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

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = dir
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
}

// startCloud builds the program and starts an ephemeral cloud. It is ended by a
// signal when the test ends, and must then end cleanly.
func startCloud(t *testing.T) *spawn.Cloud {
	t.Helper()
	binary, err := spawn.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	// Not the test's context: that ends before the clean-up does.
	cloud, err := spawn.Start(context.WithoutCancel(t.Context()), spawn.Options{
		Binary: binary, Args: []string{"--ephemeral"}, Stderr: log, Timeout: startLimit,
	})
	t.Cleanup(func() {
		if cloud != nil {
			if err := cloud.Stop(stopLimit); err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			text, err := os.ReadFile(log.Name())
			t.Logf("log of the cloud (%v):\n%s", err, text)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return cloud
}
