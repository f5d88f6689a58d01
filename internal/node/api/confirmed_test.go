package api_test

import (
	"net/http"
	"strings"
	"testing"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// carry submits a message that a transaction carries.
func (n *testNode) carry(t testing.TB, m *message.Message, hash string, height int64) ingest.Result {
	t.Helper()
	res, err := n.queue.SubmitEnvelope(t.Context(), []byte(envelope(t, m)), ingest.Source{Origin: ingest.OriginOnChain, Tx: &store.ChainTx{
		Hash: hash, Chain: message.ChainEthereum, Height: height, Time: message.TimestampFromSeconds(1767250000 + float64(height)),
		Publisher: "0x23eC28598DCeB2f7082Cc3a9D670592DfEd6e0dC", Protocol: "aleph", Version: 1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func expectIn(t *testing.T, what, body, part string) {
	t.Helper()
	if !strings.Contains(body, part) {
		t.Errorf("%s lacks %s:\n%s", what, part, body)
	}
}

// TestConfirmations shows what confirms a message, in every shape.
// // spec ccn-http-api 3.1, 3.2, 6.2, 11.1
func TestConfirmations(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	live := n.listen(t, "history=0")
	quiet := signed(t, alice, message.TypePost, "A", 1767250000, `"type":"x","content":{"n":1}`)
	n.carry(t, quiet, "0xbb", 20) // newly processed, but by a transaction: not sent
	heard := signed(t, alice, message.TypePost, "A", 1767250001, `"type":"x","content":{"n":2}`)
	n.publish(t, heard)
	n.carry(t, quiet, "0xaa", 10) // a confirmation: not sent
	if h := hear(t, live); h.ItemHash != heard.ItemHash {
		t.Errorf("live: got %s", h.text)
	}
	// An amend that waits is confirmed before it is processed.
	original := signed(t, alice, message.TypePost, "A", 1767250002, `"type":"x","content":{"n":3}`)
	amend := signed(t, alice, message.TypePost, "A", 1767250003, `"type":"amend","ref":"`+string(original.ItemHash)+`","content":{"n":4}`)
	n.post(t, "/api/v0/messages", `{"message":`+envelope(t, amend)+`}`)
	n.carry(t, amend, "0xcc", 30)
	n.publish(t, original)
	if h := hear(t, live); h.ItemHash != original.ItemHash {
		t.Errorf("live: got %s", h.text)
	}
	const cc = `"confirmed":true,"confirmations":[{"chain":"ETH","height":30,"hash":"0xcc"}]}`
	expectIn(t, "live", hear(t, live).text, cc)

	const list = `"confirmations":[{"chain":"ETH","hash":"0xaa","height":10},{"chain":"ETH","hash":"0xbb","height":20}],"confirmed":true`
	for _, query := range []string{"", "?pagination=1&sortBy=tx-time&sortOrder=1", "?cursor=&channels=A", "?endBlock=11", "?startBlock=10&contentFormat=none"} {
		expectIn(t, "list "+query, n.get(t, "/api/v0/messages.json"+query).body, list)
	}
	if r := n.get(t, "/api/v0/messages.json?endBlock=10"); strings.Contains(r.body, "0xaa") {
		t.Errorf("before block 10: %s", r.body)
	}
	if r := n.get(t, "/api/v0/messages.json?startBlock=11&hashes="+string(quiet.ItemHash)); strings.Contains(r.body, "0xaa") {
		t.Errorf("from block 11: %s", r.body)
	}
	expectIn(t, "list", n.get(t, "/api/v0/messages.json").body, `"confirmations":[],"confirmed":false`)
	expectIn(t, "message", n.get(t, "/api/v0/messages/"+string(quiet.ItemHash)).body,
		`"confirmed":true,"confirmations":[{"chain":"ETH","height":10,"hash":"0xaa"},{"chain":"ETH","height":20,"hash":"0xbb"}]`)
	posts := n.get(t, "/api/v0/posts.json?hashes="+string(original.ItemHash)).body
	expectIn(t, "post", posts, `"confirmed": true`)
	expectIn(t, "post", posts, `"confirmations": [{"chain": "ETH", "height": 30, "hash": "0xcc"}]`)
	expectIn(t, "post", n.get(t, "/api/v0/posts.json?hashes="+string(heard.ItemHash)).body, `"confirmed": false`)
	history := n.listen(t, "history=1&hashes="+string(quiet.ItemHash))
	expectIn(t, "history", hear(t, history).text, list)
}

// TestInvalidCopies publishes copies of known messages whose signature is wrong:
// the answer says where the message stands. // spec messages 4.10
func TestInvalidCopies(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	good := signed(t, alice, message.TypePost, "A", 1767250000, `"type":"x","content":{}`)
	waits := signed(t, alice, message.TypePost, "A", 1767250001, `"type":"amend","ref":"`+strings.Repeat("ab", 32)+`","content":{}`)
	gone := signed(t, alice, message.TypePost, "A", 1767250002, `"type":"x","content":{"gone":1}`)
	for _, m := range []*message.Message{good, waits, gone, signed(t, alice, message.TypeForget, "A", 1767250003, `"hashes":["`+string(gone.ItemHash)+`"]`)} {
		n.publish(t, m)
	}
	for _, tt := range []struct {
		of     *message.Message
		code   int
		status string
	}{
		{good, http.StatusOK, "processed"},
		{waits, http.StatusAccepted, "pending"},
		{gone, http.StatusGone, "forgotten"},
		{signed(t, alice, message.TypePost, "A", 1767250004, `"type":"x","content":{"new":1}`), http.StatusUnprocessableEntity, "rejected"},
	} {
		bad := *tt.of
		bad.Signature = "0x" + strings.Repeat("11", 65)
		r := n.publish(t, &bad)
		if r.StatusCode != tt.code || !strings.Contains(r.body, `"message_status":"`+tt.status+`"`) {
			t.Errorf("invalid copy of %s: %d %s, want %d %s", tt.of.ItemHash, r.StatusCode, r.body, tt.code, tt.status)
		}
	}
}
