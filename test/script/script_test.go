package script_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aleph/internal/cli"
	"aleph/internal/local/spawn"
)

var update = flag.Bool("update", false, "write the expected outputs in the scripts again")

// TestMain makes this test binary the command `aleph` of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"aleph": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(cli.Run(ctx, os.Args[1:], cli.Streams{
			In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Environ: os.Environ(),
		}, cli.Build{Version: "test"}))
	}})
}

func params(dir string, vars ...string) testscript.Params {
	return testscript.Params{
		Dir: dir, UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("CHANNEL", strings.NewReplacer("/", "-", " ", "-").Replace(env.T().(testing.TB).Name()))
			for _, entry := range vars {
				name, value, _ := strings.Cut(entry, "=")
				env.Setenv(name, value)
			}
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": exitCode, "json": member},
	}
}

// exitCode is `code N PROGRAM ARGS…`: it runs the program as exec does, and
// requires the exit code.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARGS...")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError) //nolint:errorlint // it is what Exec returns
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = fmt.Sprint(exit.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// member is `json PATH VARIABLE [FILE]`: it sets a variable to a member of the
// one JSON value that the last command printed, or that stands in the file.
// PATH is members and indexes separated by dots; a dot alone is the whole value.
func member(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: json PATH VARIABLE [FILE]")
	}
	text := ts.ReadFile("stdout")
	if len(args) == 3 {
		text = ts.ReadFile(args[2])
	}
	if strings.Count(text, "\n") != 1 {
		ts.Fatalf("want one line of JSON, there are %d", strings.Count(text, "\n"))
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		ts.Fatalf("%v", err)
	}
	for _, step := range strings.FieldsFunc(args[0], func(r rune) bool { return r == '.' }) {
		switch v := value.(type) {
		case map[string]any:
			next, ok := v[step]
			if !ok {
				ts.Fatalf("there is no member %s", step)
			}
			value = next
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i < 0 || i >= len(v) {
				ts.Fatalf("there is no element %s of %d", step, len(v))
			}
			value = v[i]
		default:
			ts.Fatalf("%s is no member of %v", step, v)
		}
	}
	out, err := printed(value)
	ts.Check(err)
	ts.Setenv(args[1], out)
}

// printed is a text without its quotes, and anything else as JSON.
func printed(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	b, err := json.Marshal(value)
	return string(b), err
}

func TestOffline(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params("offline"))
}

func TestCloud(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("aleph")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cloud, err := spawn.Start(context.Background(), spawn.Options{Binary: binary, Args: []string{"--ephemeral"}, Stderr: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	t.Cleanup(func() {
		if err := cloud.Stop(20 * time.Second); err != nil {
			t.Errorf("stop the cloud: %v\n%s", err, &log)
		}
	})
	// The scripts run in parallel with each other and end before the cloud does.
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, params("cloud",
			"ALEPH_API="+cloud.API, "ALEPH_COMPUTE="+cloud.Compute, "ALEPH_KEY_FILE="+cloud.Account.PrivateKeyFile,
			"ADDRESS="+string(cloud.Account.Address)))
	})
}
