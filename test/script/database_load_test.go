package script_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aleph/account"
	"aleph/client"
	"aleph/internal/local/spawn"
	"aleph/internal/node/store"
	"aleph/message"
)

// TestKilledImport ends the program in the middle of an import, with kill -9.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("aleph")
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range engines(t) {
		full, name := engine.New(t), engine.New(t)
		issue2(t, full)
		export := run(t, program, nil, "db", "export", "--out", "-", "--database", full)
		killed := exec.CommandContext(t.Context(), program, "db", "import", "--database", name, "--in", "-")
		in, err := killed.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := killed.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(export[:len(export)/2]); err != nil {
			t.Fatal(err)
		}
		// It waits for the rest; that the database is marked says that it has begun.
		for _, err := store.ReadSchema(t.Context(), configOf(name)); !errors.Is(err, store.ErrUnfinished); _, err = store.ReadSchema(t.Context(), configOf(name)) {
			if t.Context().Err() != nil || err != nil && !errors.Is(err, message.ErrNotFound) && !store.Temporary(err) {
				t.Fatalf("%s: the import does not begin: %v", engine.name, err)
			}
		}
		if err := errors.Join(killed.Process.Kill(), in.Close()); err != nil {
			t.Fatal(err)
		}
		_ = killed.Wait() // it was killed
		if _, err := store.Open(t.Context(), configOf(name), quiet); !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("%s: a node opens what is left: %v", engine.name, err)
		}
		run(t, program, export, "db", "import", "--database", name, "--in", "-")
		if again := run(t, program, nil, "db", "export", "--out", "-", "--database", name); !bytes.Equal(export, again) {
			t.Errorf("%s: the second import holds something else", engine.name)
		}
	}
}

// run runs the program and returns what it prints.
func run(t *testing.T, program string, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &errs
	cmd.Env = append(cmd.Environ(), "HOME="+t.TempDir())
	if err := cmd.Run(); err != nil {
		t.Fatalf("aleph %s: %v\n%s", strings.Join(args, " "), err, &errs)
	}
	return out.Bytes()
}

// TestExportBesideANode exports again and again while messages are published.
// Each export is of one moment: imported, it breaks no law.
func TestExportBesideANode(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("aleph")
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range engines(t) {
		name, dir := engine.New(t), t.TempDir()
		env := "ALEPH_NODE_DATABASE_PATH=" + name
		if cfg := configOf(name); cfg.URL != "" {
			env = "ALEPH_NODE_DATABASE_URL=" + name
		}
		cloud, err := spawn.Start(t.Context(), spawn.Options{
			Binary: program, Args: []string{"--ephemeral"}, Env: []string{env, "HOME=" + dir}, Timeout: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		stop, published := publish(t, cloud)
		last := int64(-1)
		for i := range 4 {
			for before := published.Load(); published.Load() < before+20; { // some more between two exports
				if t.Context().Err() != nil {
					t.Fatal("nothing is published")
				}
				<-time.After(time.Millisecond)
			}
			export := run(t, program, nil, "db", "export", "--out", "-", "--database", name)
			copied := configOf(filepath.Join(dir, fmt.Sprint(i)+".db"))
			totals, err := store.Import(t.Context(), copied, bytes.NewReader(export), quiet, nil)
			if err != nil {
				t.Fatal(err)
			}
			found, err := store.Examine(t.Context(), copied, func(int64, int64) {})
			if err != nil || len(found) > 0 {
				t.Errorf("%s: export %d contradicts itself: %q %v", engine.name, i, found, err)
			}
			if n := totals.Tables["messages"]; n <= last {
				t.Errorf("%s: export %d has %d messages, the one before %d", engine.name, i, n, last)
			} else {
				last = n
			}
		}
		run(t, program, nil, "db", "check", "--database", name)
		stop()
		if err := cloud.Stop(time.Minute); err != nil {
			t.Error(err)
		}
	}
}

// publish publishes posts, their amends and their ends until it is stopped.
func publish(t *testing.T, cloud *spawn.Cloud) (stop func(), published *atomic.Int64) {
	t.Helper()
	c, err := client.New(client.Config{API: cloud.API})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	published = new(atomic.Int64)
	var running sync.WaitGroup
	for i := range 2 {
		key, err := account.NewKey(message.ChainEthereum)
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := publishOne(ctx, c, key, i, n); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				published.Add(3)
			}
		})
	}
	return func() { cancel(); running.Wait(); c.Close() }, published
}

func publishOne(ctx context.Context, c *client.Client, key *account.Key, i, n int) error {
	send := func(typ message.Type, content map[string]any) (message.Hash, error) {
		content["address"], content["time"] = key.Address(), float64(1_700_000_000+n)
		out, err := c.Publish(ctx, key, typ, content, client.PublishOptions{Sync: true})
		if err != nil {
			return "", err
		}
		return out.Message.ItemHash, nil
	}
	post, err := send(message.TypePost, map[string]any{"type": "x", "content": map[string]any{"n": n, "i": i, "tags": []string{"a", fmt.Sprint(n % 3)}}})
	if err != nil {
		return err
	}
	if _, err := send(message.TypePost, map[string]any{"type": "amend", "ref": post, "content": map[string]any{"n": -n}}); err != nil {
		return err
	}
	_, err = send(message.TypeForget, map[string]any{"hashes": []message.Hash{post}, "reason": fmt.Sprint(i)})
	return err
}
