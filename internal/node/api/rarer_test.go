package api_test

import (
	"net/http"
	"strings"
	"testing"

	"aleph/internal/node/store"
	"aleph/message"
)

// TestRarerAnswers gets answers that need a node in an unusual state.
func TestRarerAnswers(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.MaxFileSize = 3 })
	hash := message.Hash(strings.Repeat("5", 64))
	err := n.db.Update(t.Context(), func(tx *store.Tx) error { return tx.SetStatus(hash, message.StatusRemoved, 1) })
	if err != nil {
		t.Fatal(err)
	}
	big := n.do(t, http.MethodPost, "/api/v0/storage/add_file", strings.NewReader("four"), "Content-Type", "application/octet-stream")
	if big.StatusCode != http.StatusOK {
		t.Fatalf("upload: %d %s", big.StatusCode, big.body)
	}
	gone, file := string(hash), string(message.HashOf([]byte("four")))
	for path, want := range map[string]string{
		"messages/" + gone:               "This message has been removed: " + gone,
		"messages/" + gone + "/content":  "This message has been removed: " + gone,
		"price/" + gone:                  "This message has been removed: " + gone,
		"storage/" + file:                "Maximum request body size 3 exceeded.",
		"messages/" + file + "/content":  "404: Not Found",
		"storage/by-ref/" + file:         "No file found for tag " + file,
		"compute/x/metrics?start_date=x": `[{"type":"float_parsing","loc":["start_date"],"msg":"Input should be a valid number, unable to parse string as a number","input":"x"}]`,
	} {
		if r := n.get(t, "/api/v0/"+path); r.body != want || r.StatusCode < 400 {
			t.Errorf("%s: got %d %s, want %s", path, r.StatusCode, r.body, want)
		}
	}
	// A parameter without a name is one that nobody knows. // spec ccn-http-api 2.7
	if r := n.get(t, "/api/v0/messages.json?msgStatuses=forgotten&=x"); r.StatusCode != http.StatusOK {
		t.Errorf("a parameter without a name: %d %s", r.StatusCode, r.body)
	}
}
