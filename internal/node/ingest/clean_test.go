package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// TestCleanKeepsWhatIsBeingStored lets a STORE claim a file whose time is over
// while the clean-up is on its way to it: the message has found the file and is
// not committed when the file is about to be deleted.
func TestCleanKeepsWhatIsBeingStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const files = 21 // one more than the clean-up deletes at once
		found, commit := make(chan struct{}), make(chan struct{})
		var once sync.Once
		firstDeleted := make(chan struct{})
		n := start(t, func(c *ingest.Config, s *store.Config, d *ingest.Deps) {
			c.CleanInterval = 1000 * time.Hour
			d.Log = slog.New(logHook(func(text string) {
				if text != "unused files removed" {
					return
				}
				once.Do(func() {
					close(firstDeleted)
					<-found
				})
			}))
			s.Fault = func(name string) error {
				if name == "pin.insert" {
					close(found)
					<-commit
				}
				return nil
			}
		})
		var list []message.Hash
		for i := range files {
			text := fmt.Sprintf("file %d", i)
			list = append(list, n.file(t, text))
			if err := n.Upload(t.Context(), list[i], int64(len(text))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(25 * time.Hour)
		last := slices.Max(list) // the order of the clean-up
		m := sign(t, newKey(t), message.TypeStore, 0, map[string]any{"item_type": "storage", "item_hash": last})
		cleaned := make(chan error, 1)
		go func() { cleaned <- n.Clean(context.Background()) }()
		stored := make(chan ingest.Result, 1)
		go func() {
			<-firstDeleted
			res, err := n.Submit(context.Background(), m, ingest.OriginP2P)
			if err != nil {
				t.Error(err)
			}
			stored <- res
		}()
		synctest.Wait() // the clean-up waits for its turn, the STORE for its commit
		close(commit)
		if err := <-cleaned; err != nil {
			t.Fatal(err)
		}
		if res := <-stored; res.Status != message.StatusProcessed || !n.blobs.Has(last) {
			t.Errorf("the STORE is %s, its file is there: %v", res.Status, n.blobs.Has(last))
		}
		if got := n.blobs.Stats().Files; got != 1 {
			t.Errorf("%d files are left, want 1", got)
		}
	})
}

// logHook is a log handler that is told the texts.
type logHook func(text string)

func (h logHook) Enabled(context.Context, slog.Level) bool { return true }

func (h logHook) Handle(_ context.Context, r slog.Record) error {
	h(r.Message)
	return nil
}

func (h logHook) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h logHook) WithGroup(string) slog.Handler      { return h }
