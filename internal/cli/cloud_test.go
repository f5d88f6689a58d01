package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aleph/internal/cli"
)

// runWith executes one command line in an environment of its own.
func runWith(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	lookup := func(name string) string {
		for _, entry := range env {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return ""
	}
	streams := cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: lookup, Environ: env}
	code = cli.Run(t.Context(), args, streams, cli.Build{Version: "test"})
	return code, out.String(), errs.String()
}

func TestLocalRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("nodes: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		env, args []string
		text      string
	}{
		"both folders":  {nil, []string{"--ephemeral", "--data-dir", "x"}, "exclude each other"},
		"empty folder":  {nil, []string{"--data-dir", ""}, "must not be empty"},
		"port":          {nil, []string{"--ephemeral", "--port", "70000"}, "70000"},
		"bad folder":    {nil, []string{"--data-dir", filepath.Join(bad, "x"), "--port", "0", "--compute-port", "0"}, "choose another with --data-dir"},
		"argument":      {nil, []string{"now"}, "now"},
		"no such file":  {nil, []string{"--ephemeral", "--config", bad + "x"}, "no such file"},
		"unknown key":   {nil, []string{"--ephemeral", "--config", bad}, "nodes"},
		"bad variable":  {[]string{"ALEPH_NODE_HTTP_MAX_FILE_SIZE=much"}, []string{"--ephemeral"}, "ALEPH_NODE_HTTP_MAX_FILE_SIZE"},
		"file variable": {[]string{"ALEPH_CONFIG=" + bad}, []string{"--ephemeral"}, "nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runWith(t, tt.env, append([]string{"local"}, tt.args...)...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, tt.text) {
				t.Errorf("exit code %d, output %q, errors %q", code, stdout, stderr)
			}
		})
	}
}

func TestConfigDescribeIsAConfiguration(t *testing.T) {
	t.Parallel()
	_, first, _ := runWith(t, []string{"ALEPH_LOG_LEVEL=error"}, "config", "describe")
	if !strings.Contains(first, "# Environment: ALEPH_NODE_LISTEN\n  listen: 127.0.0.1:4024\n") || !strings.Contains(first, "level: error\n") {
		t.Fatalf("got:\n%s", first)
	}
	path := filepath.Join(t.TempDir(), "aleph.yaml")
	if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	code, second, stderr := runWith(t, nil, "config", "describe", "--config", path)
	if code != 0 || second != first {
		t.Errorf("exit code %d: %s\nit does not read back:\n%s", code, stderr, second)
	}
}

func TestDoctorJSON(t *testing.T) {
	t.Parallel()
	env := []string{"ALEPH_DATA_DIR=" + t.TempDir(), "ALEPH_RUNTIMES_CACHE=" + t.TempDir(), "ALEPH_COMPUTE_GVISOR_BINARY=no-such-runsc"}
	code, stdout, stderr := runWith(t, env, "doctor", "--json")
	var report struct {
		Result string
		Checks []struct{ Name, Result, Detail, Fix string }
	}
	dec := json.NewDecoder(strings.NewReader(stdout))
	if err := dec.Decode(&report); err != nil || dec.More() {
		t.Fatalf("not one JSON value: %v\n%s", err, stdout)
	}
	if code != 1 || report.Result != "fail" || !strings.Contains(stderr, "cannot run") {
		t.Errorf("without a sandbox: exit code %d, result %q, errors %q", code, report.Result, stderr)
	}
	for _, c := range report.Checks {
		if strings.HasPrefix(c.Name, "sandbox") && !strings.Contains(c.Fix, "install") {
			t.Errorf("got %+v", c)
		}
		if c.Result != "ok" && c.Fix == "" {
			t.Errorf("no fix: %+v", c)
		}
	}
}

func TestBenchArguments(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"unknown": {"bench", "everything"}, "none": {"bench", "publish", "--messages", "0"},
		"process of a URL": {"bench", "idle", "--api", "http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code, stdout, stderr := runWith(t, nil, args...); code != 2 || stdout != "" || stderr == "" {
				t.Errorf("exit code %d, output %q, errors %q", code, stdout, stderr)
			}
		})
	}
}

// TestLocalEndsWithItsContext runs a whole cloud in this process and stops it as
// a signal would.
func TestLocalEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready := make(chan string, 1)
	out := writerFunc(func(p []byte) (int, error) {
		ready <- string(p)
		return len(p), nil
	})
	streams := cli.Streams{
		In: strings.NewReader(""), Out: out, Err: &bytes.Buffer{},
		Env: func(string) string { return "" }, Environ: []string{"ALEPH_RUNTIMES_CACHE=" + t.TempDir()},
	}
	done := make(chan int, 1)
	go func() {
		done <- cli.Run(ctx, []string{"local", "--ephemeral", "--json"}, streams, cli.Build{Version: "test"})
	}()
	var e struct {
		DataDir string `json:"data_dir"`
	}
	if err := json.Unmarshal([]byte(<-ready), &e); err != nil {
		t.Fatal(err)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(e.DataDir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
