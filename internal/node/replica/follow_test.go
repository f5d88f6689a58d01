package replica_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/replica"
	"aleph/internal/node/store"
	"aleph/internal/node/store/storetest"
	"aleph/internal/telemetry"
	"aleph/message"
	"aleph/test/redis"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// patience bounds the wait for what must happen.
const patience = time.Minute

func post(name string) *store.MessageRow {
	content := fmt.Sprintf(`{"address":"0x1","time":1,"type":%q,"content":{}}`, name)
	return &store.MessageRow{
		Message: message.Message{
			ItemHash: message.HashOf([]byte(content)), Type: message.TypePost, Chain: "ETH", Sender: "0x1", ItemType: message.ItemInline,
			ItemContent: content, Time: 1,
		},
		Status: message.StatusProcessed, Owner: "0x1", ContentType: name,
	}
}

func open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), storetest.Config(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// follower runs a member on a database.
func follower(t *testing.T, db *store.DB) *replica.Member {
	t.Helper()
	server, err := redis.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := replica.DefaultConfig()
	cfg.URL = server.URL()
	m, err := replica.New(cfg, replica.Deps{
		Store: db.Reader, Address: "http://127.0.0.1:1", Log: slog.New(slog.DiscardHandler), Health: new(telemetry.Health),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, server.Close()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// heard returns the type of the next message that is told.
func heard(t *testing.T, events <-chan ingest.Event) string {
	t.Helper()
	select {
	case e, open := <-events:
		if !open {
			t.Fatal("the events have ended")
		}
		return e.Message.Content.(*message.Post).Type
	case <-time.After(patience):
		t.Fatal("nothing is told")
	}
	return ""
}

// TestNewsOfRemovedNumbers removes the messages that were taken in last, so that
// others get their numbers: each new one is told once.
func TestNewsOfRemovedNumbers(t *testing.T) {
	t.Parallel()
	db := open(t)
	insert := func(rows ...*store.MessageRow) {
		t.Helper()
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			for _, row := range rows {
				if err := tx.InsertMessage(row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	remove := func(rows ...*store.MessageRow) {
		t.Helper()
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			for _, row := range rows {
				if err := tx.DeleteMessage(row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	insert(post("before"))
	m := follower(t, db)
	events, cancel := m.Subscribe(t.Context(), 16)
	defer cancel()
	a, b, c := post("a"), post("b"), post("c")
	for _, row := range []*store.MessageRow{a, b, c} {
		insert(row)
		if got := heard(t, events); got != row.ContentType {
			t.Fatalf("told %q, want %q", got, row.ContentType)
		}
	}
	remove(b, c)
	insert(post("d"), post("e"), post("f"))
	for _, want := range []string{"d", "e", "f"} {
		if got := heard(t, events); got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
	remove(a) // leaves a gap that nobody fills
	insert(post("g"))
	if got := heard(t, events); got != "g" {
		t.Errorf("told %q, want g", got)
	}
	select {
	case e := <-events:
		t.Errorf("told once more: %s", e.Message.ItemContent)
	default:
	}
}
