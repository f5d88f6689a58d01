package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"aleph/account"
	"aleph/client"
	"aleph/message"
)

// submission is what a client sends to publish.
type submission struct {
	Message json.RawMessage `json:"message"`
	Sync    bool            `json:"sync"`
}

func post(key *account.Key, content string) client.PostContent {
	return client.PostContent{
		Address: key.Address(), Time: message.TimestampOf(time.Now()), Type: "test", Content: json.RawMessage(content),
	}
}

func TestPublishSignsWhatItSends(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var got submission
	c := newNode(t, routes{"POST /api/v0/messages": func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, `{"publication_status":{"status":"success","failed":[]},"message_status":"processed"}`)
	}})
	published, err := c.Publish(t.Context(), key, message.TypePost, post(key, `{"html":"<b>&</b>","big":1e3}`), client.PublishOptions{Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := message.ParseEnvelope(got.Message)
	if err != nil {
		t.Fatalf("the node would refuse %s: %v", got.Message, err)
	}
	if err := account.Verify(m); err != nil {
		t.Error(err)
	}
	if !got.Sync || published.Status != message.StatusProcessed || published.Message.ItemHash != m.ItemHash {
		t.Errorf("published %+v", published)
	}
	if m.Channel == nil || *m.Channel != client.DefaultChannel {
		t.Errorf("channel is %v", m.Channel)
	}
	// Compact, in the order of the fields, not escaped for HTML.
	if !strings.Contains(m.ItemContent, `"content":{"html":"<b>&</b>","big":1e3},"type":"test"}`) {
		t.Errorf("content is %s", m.ItemContent)
	}
}

func TestPublishRefusesWhatEveryNodeWould(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	c := newNode(t, routes{})
	tests := map[string]any{
		"no address":  map[string]any{"time": 1.5, "type": "t"},
		"no object":   []int{1},
		"unknown key": map[string]any{"address": "0x1", "time": 1.5, "type": "t", "extra": 1},
		"NUL":         post(key, `"a\u0000b"`),
		"no JSON":     func() {},
	}
	for name, content := range tests {
		if _, err := c.Publish(t.Context(), key, message.TypePost, content, client.PublishOptions{}); err == nil {
			t.Errorf("%s: published", name)
		}
	}
}

func TestLargeContentIsStored(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var stored []byte
	var got submission
	c := newNode(t, routes{
		"POST /api/v0/storage/add_file": func(w http.ResponseWriter, r *http.Request) {
			file, _, err := r.FormFile("file")
			if err != nil {
				t.Error(err)
				return
			}
			stored, _ = io.ReadAll(file)
			fmt.Fprintf(w, `{"status":"success","hash":"%s"}`, message.HashOf(stored))
		},
		"POST /api/v0/messages": func(w http.ResponseWriter, r *http.Request) {
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"publication_status":{"status":"success","failed":[]},"message_status":"pending"}`)
		},
	})
	text := strings.Repeat("x", client.InlineLimit)
	published, err := c.Publish(t.Context(), key, message.TypePost, post(key, `"`+text+`"`), client.PublishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := message.ParseEnvelope(got.Message)
	if err != nil {
		t.Fatal(err)
	}
	if m.ItemType != message.ItemStorage || m.ItemHash != message.HashOf(stored) || strings.Contains(string(got.Message), "item_content") {
		t.Errorf("sent %s", got.Message)
	}
	if published.Status != message.StatusPending || !strings.Contains(string(stored), text) {
		t.Errorf("published %+v", published)
	}
}

// An account must never sign a name that a node made up.
func TestLargeContentStoredAsSomethingElse(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	c := newNode(t, routes{
		"POST /api/v0/storage/add_file": says(http.StatusOK, `{"status":"success","hash":"`+string(someHash)+`"}`),
		"POST /api/v0/messages":         func(http.ResponseWriter, *http.Request) { t.Error("published") },
	})
	if _, err := c.Publish(t.Context(), key, message.TypePost, post(key, `"`+strings.Repeat("x", client.InlineLimit)+`"`), client.PublishOptions{}); err == nil {
		t.Error("no error")
	}
}

func TestPublishRefused(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	c := newNode(t, routes{
		"POST /api/v0/messages": says(http.StatusUnprocessableEntity, `{"publication_status":{"status":"success","failed":[]},"message_status":"rejected"}`),
		"GET /api/v0/messages/{hash}": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"status":"rejected","item_hash":"%s","message":{},"error_code":101,"details":{"errors":["gone"]}}`, r.PathValue("hash"))
		},
	})
	published, err := c.Publish(t.Context(), key, message.TypePost, post(key, "1"), client.PublishOptions{Sync: true})
	r, ok := errors.AsType[*message.Rejection](err)
	if !ok || r.Code != message.CodePostAmendNotFound || string(r.Details()) != `{"errors":["gone"]}` {
		t.Errorf("error is %v", err)
	}
	if published == nil || published.Status != message.StatusRejected || !strings.Contains(err.Error(), string(published.Message.ItemHash)) {
		t.Errorf("published is %+v", published)
	}

	tests := []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"too large", http.StatusRequestEntityTooLarge, "Maximum request body size 1048576 exceeded.", message.ErrInvalid},
		{"down", http.StatusServiceUnavailable, "", message.ErrUnavailable},
		{"no status", http.StatusOK, `{"message_status":null}`, nil},
		{"publication failed", http.StatusInternalServerError, `{"publication_status":{"status":"error","failed":["p2p"]},"message_status":null}`, nil},
	}
	for _, test := range tests {
		c := newNode(t, routes{"/": says(test.status, test.body)})
		_, err := c.Publish(t.Context(), key, message.TypePost, post(key, "1"), client.PublishOptions{})
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	format := newNode(t, routes{"/": says(http.StatusUnprocessableEntity, "InvalidMessageFormat: time is missing")})
	_, err = format.Publish(t.Context(), key, message.TypePost, post(key, "1"), client.PublishOptions{})
	if r, ok := errors.AsType[*message.Rejection](err); !ok || r.Code != message.CodeInvalidFormat || !strings.Contains(err.Error(), "time is missing") {
		t.Errorf("refused envelope: %v", err)
	}
}
