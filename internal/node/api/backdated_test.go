package api_test

import (
	"net/http"
	"strings"
	"testing"

	"aleph/message"
)

// Who sends a message here cannot have it judged by the rules of another time.
// // spec messages Q-38
func TestBackdatedMessages(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	free := message.PublicNetwork().Cutoffs.FreeTime.Seconds()
	now := float64(noon.Unix())
	store := `"item_type":"storage","item_hash":"` + strings.Repeat("a", 64) + `"`
	const post, refused = `"type":"x","content":1`, "what must be paid for has changed since"
	for name, c := range map[string]struct {
		typ     message.Type
		time    float64
		members string
		want    int
	}{
		"today":                  {message.TypeStore, now, store, http.StatusAccepted},
		"since the last change":  {message.TypeStore, free, store, http.StatusAccepted},
		"tomorrow":               {message.TypeStore, now + 86400, store, http.StatusAccepted},
		"before the last change": {message.TypeStore, free - 1, store, http.StatusUnprocessableEntity},
		"long ago":               {message.TypeStore, 1, store, http.StatusUnprocessableEntity},
		"what is free":           {message.TypePost, 1, post, http.StatusOK},
	} {
		m := signed(t, alice, c.typ, "c", c.time, c.members)
		answer := n.publish(t, m)
		if answer.StatusCode != c.want || strings.Contains(answer.body, refused) != (c.want == http.StatusUnprocessableEntity) {
			t.Errorf("%s: %d %s", name, answer.StatusCode, answer.body)
		}
		if c.want != http.StatusUnprocessableEntity {
			continue
		}
		if answer := n.get(t, "/api/v0/messages/"+string(m.ItemHash)); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: it left a trace: %s", name, answer.body)
		}
		topic := message.PublicNetwork().Topic
		answer = n.post(t, "/api/v0/p2p/pubsub/pub", `{"topic":"`+topic+`","data":`+envelope(t, m)+`}`)
		if answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(answer.body, refused) {
			t.Errorf("%s, by the older route: %d %s", name, answer.StatusCode, answer.body)
		}
		answer = n.upload(t, []byte("x"), `{"sync":false,"message":`+envelope(t, m)+`}`)
		if answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(answer.body, refused) {
			t.Errorf("%s, with its file: %d %s", name, answer.StatusCode, answer.body)
		}
	}
}
