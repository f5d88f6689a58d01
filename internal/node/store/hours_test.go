package store_test

import (
	"log/slog"
	"testing"

	"aleph/internal/node/store"
	"aleph/internal/node/store/storetest"
	"aleph/message"
)

// TestTotalsBetweenDates compares the totals that are added up from hours with
// those of a list that is read.
func TestTotalsBetweenDates(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), storetest.Config(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const hour = message.Timestamp(3_600_000_000)
	times := []message.Timestamp{-hour - 1, -hour, -1, 0, 1, hour - 1, hour, hour + 1, 5 * hour, 5*hour + 7, 9*hour - 1}
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		for i, at := range times {
			err := tx.InsertMessage(&store.MessageRow{
				Message: message.Message{ItemHash: message.Hash([]byte{'a' + byte(i)}), Type: "POST", Chain: "ETH", Sender: "s", Time: at},
				Status:  message.StatusProcessed, Owner: "s",
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	bounds := append([]message.Timestamp{-5 * hour, 2, hour / 2, 20 * hour}, times...)
	for _, from := range bounds {
		for _, until := range bounds {
			filter := store.MessageFilter{From: from, Until: until}
			if from > until && from != 0 && until != 0 {
				continue
			}
			list, err := db.ListMessages(t.Context(), store.MessageList{MessageFilter: filter})
			if err != nil {
				t.Fatal(err)
			}
			total, err := db.CountMessages(t.Context(), filter)
			if err != nil || total != int64(len(list)) {
				t.Errorf("from %d until %d: %d in the list, counted %d %v", from, until, len(list), total, err)
			}
		}
	}
}
