package api_test

import (
	"net/http"
	"strings"
	"testing"

	"aleph/internal/node/api"
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

// TestUploadsByStatus uploads files whose messages nobody waits for, and then
// those whose messages are forgotten. // spec ccn-http-api 10.2
func TestUploadsByStatus(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	root, _, archive := site("sent twice")
	const cid = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
	for i, u := range []struct {
		path, file string
		message    *message.Message
	}{
		{"/api/v0/storage/add_file", "stored", storeOf(t, alice, message.HashOf([]byte("stored")), "")},
		{"/api/v0/ipfs/add_file", "hello world\n", storeCID(t, alice, 1767250000, cid)},
		{addCAR, archive, storeCID(t, alice, 1767250000, hashOf(root))},
	} {
		if r := n.sendForm(t, u.path, "metadata", withMessage(t, u.message, false), "file", u.file); r.StatusCode != http.StatusAccepted {
			t.Errorf("%s: nobody waits: %d %s", u.path, r.StatusCode, r.body)
		}
		forget := signed(t, alice, message.TypeForget, "TEST", float64(1767260000+i), `"hashes":["`+string(u.message.ItemHash)+`"]`)
		if r := n.publish(t, forget); r.StatusCode != http.StatusOK {
			t.Fatalf("forget: %d %s", r.StatusCode, r.body)
		}
		if r := n.sendForm(t, u.path, "metadata", withMessage(t, u.message, true), "file", u.file); r.StatusCode != http.StatusGone {
			t.Errorf("%s: the message is forgotten: %d %s", u.path, r.StatusCode, r.body)
		}
	}
}

// TestRarerRefusals gets refusals to POST that need a node in an unusual state,
// or a network whose prices lack something.
func TestRarerRefusals(t *testing.T) {
	t.Parallel()
	admin, authority := newAdministrator("admin"), key(t, "9")
	n := startNode(t, func(s *settings) {
		s.api.IPFS.MaxAnonymousFileSize, s.api.Auth.PublicKey = 3, admin.public()
		s.network = message.PublicNetwork().GovernedBy(authority.Address())
	})
	refused := func(path, body string, status int, want string) {
		t.Helper()
		r := n.do(t, http.MethodPost, "/api/v0/"+path, strings.NewReader(body), "X-Auth-Token", admin.token(noon))
		if r.StatusCode != status || !strings.HasPrefix(r.body, want) {
			t.Errorf("%s: got %d %s, want %d %s", path, r.StatusCode, r.body, status, want)
		}
	}
	decree := func(key, content string) {
		t.Helper()
		m := signed(t, authority, message.TypeAggregate, "c", float64(noon.Unix()), `"key":"`+key+`","content":`+content)
		if r := n.publish(t, m); r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", key, r.StatusCode, r.body)
		}
	}
	absent := strings.Repeat("a", 64)
	refused("ipfs/add_json", `{"a":1}`, 413, "Maximum request body size 3 exceeded.")
	refused("price/estimate", `{"message":{"type":"STORE","item_type":"storage","item_hash":"`+absent+`"}}`, 404,
		"404: the content "+absent+" is not on this node: upload it first")
	decree("pricing", `{"storage":{"price":{"storage":{"holding":"1"}}}}`)
	refused("price/estimate/instance", `{"address":"0xA","environment":{},"resources":{},"rootfs":{"parent":{"ref":"`+absent+`"},"persistence":"host","size_mib":1}}`,
		404, "404: incomplete prices: there is no product instance")
	decree("settings", `{"compatible_gpus":5}`)
	refused("price/recalculate", "", 404, "404: incomplete prices: settings: compatible_gpus is malformed")
	defer api.HoldRecalculation(n.API)()
	refused("price/recalculate", "", 409, "409: costs are being recalculated: wait until that has ended")
}
