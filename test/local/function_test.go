package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aleph/internal/local/spawn"
)

// TestFunctionSurvivesAKill deploys a static program as a user does, kills the
// cloud under it, and expects no sandbox to be left and the function to answer
// after a restart.
func TestFunctionSurvivesAKill(t *testing.T) {
	t.Parallel()
	dir, home := t.TempDir(), t.TempDir()
	program := filepath.Join(home, "hello")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "aleph/examples/hello-binary")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	start := func() *spawn.Cloud {
		c, err := spawn.Start(context.WithoutCancel(t.Context()), spawn.Options{
			Binary: binary, Args: freeArgs(dir), Env: []string{"XDG_STATE_HOME=" + home},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Kill)
		return c
	}
	first := start()
	deploy := exec.CommandContext(t.Context(), binary, "function", "deploy", program, "--runtime", "minimal", "--json",
		"--api", first.API, "--compute", first.Compute, "--key-file", first.Account.PrivateKeyFile)
	var stderr bytes.Buffer
	deploy.Stderr = &stderr
	out, err := deploy.Output()
	if err != nil {
		t.Fatalf("deploy: %v: %s%s", err, out, &stderr)
	}
	var deployed struct {
		Hash string `json:"item_hash"`
	}
	if err := json.Unmarshal(out, &deployed); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(processesOf(t, dir)) < 2 {
		t.Error("the function runs in no process of its own")
	}
	first.Kill()
	second := start()
	t.Logf("ready after %s, and again after the kill after %s", first.StartTime, second.StartTime)
	if body := callFunction(t, second.Compute, deployed.Hash); !strings.Contains(body, "world") {
		t.Errorf("after the restart the function answers %q", body)
	}
	if err := second.Stop(stopTimeout); err != nil {
		t.Error(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for left := processesOf(t, dir); len(left) > 0; left = processesOf(t, dir) {
		if time.Now().After(deadline) {
			t.Fatalf("processes are left behind:\n%s", strings.Join(left, "\n"))
		}
		<-time.After(50 * time.Millisecond)
	}
}

func callFunction(t *testing.T, compute, hash string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, compute+"/vm/"+hash+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v", res.Status, body, err)
	}
	return string(body)
}

// processesOf lists the command lines that name a folder.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && bytes.Contains(text, []byte(dir)) {
			found = append(found, string(bytes.ReplaceAll(text, []byte{0}, []byte(" "))))
		}
	}
	return found
}
