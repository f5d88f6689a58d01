package store_test

import (
	"log/slog"
	"os"
	"testing"

	"aleph/internal/node/store"
	"aleph/internal/node/store/storetest"
)

func TestMain(m *testing.M) {
	store.TestConfig = storetest.Config
	os.Exit(storetest.Main(m))
}

func open(t testing.TB) *store.DB {
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

func TestCheckWritesDurably(t *testing.T) {
	t.Parallel()
	if err := open(t).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}
