package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aleph/client"
	"aleph/message"
)

var someHash = message.HashOf([]byte("some"))

func TestMessageByStatus(t *testing.T) {
	t.Parallel()
	m, raw := signedPost(t, newKey(t), time.Unix(1714564800, 250e6), "hi")
	answers := map[string]string{
		"processed": `{"status":"processed","item_hash":"%h","reception_time":"2024-05-01T12:00:00.250000Z","message":%m}`,
		"pending":   `{"status":"pending","item_hash":"%h","reception_time":"2024-05-01T12:00:00Z","messages":[%m]}`,
		"rejected": `{"status":"rejected","item_hash":"%h","reception_time":"2024-05-01T12:00:00Z","message":%m,
			"error_code":5,"details":{"errors":[{"account_balance":"0","required_balance":"10.5"}]}}`,
		"odd": `{"status":"rejected","item_hash":"%h","reception_time":"2024-05-01T12:00:00Z","message":{"a":1},"error_code":0,"details":null}`,
		"forgotten": `{"status":"forgotten","item_hash":"%h","reception_time":"2024-05-01T12:00:00Z","message":{"sender":"0x9","chain":"ETH",
			"signature":null,"type":"STORE","item_type":"inline","item_hash":"%h","time":1714564800.25,"channel":null,"owner":"0x9",
			"payment_type":"hold","size":5,"forgotten_at":1714651200.25},"forgotten_by":["` + string(someHash) + `"]}`,
		"removing": `{"status":"removing","item_hash":"%h","reception_time":"2024-05-01T12:00:00Z","message":%m,"reason":"credit_insufficient"}`,
	}
	info := map[string]*client.MessageInfo{}
	for name, text := range answers {
		text = strings.NewReplacer("%h", string(m.ItemHash), "%m", raw).Replace(text)
		c := newNode(t, routes{"GET /api/v0/messages/{hash}": says(http.StatusOK, text)})
		got, err := c.Message(t.Context(), m.ItemHash)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if back, err := json.Marshal(got); err != nil || !json.Valid(back) || string(got.Raw()) != text {
			t.Errorf("%s: does not keep the node's answer", name)
		}
		info[name] = got
	}
	for _, name := range []string{"processed", "pending", "removing"} {
		got := info[name].Message
		if post, ok := got.Content.(*message.Post); !ok || string(post.Content) != `{"text":"hi"}` || got.Time != m.Time || got.Signature != m.Signature {
			t.Errorf("%s: message is %+v", name, got)
		}
	}
	if !info["processed"].ReceptionTime.Equal(time.Unix(1714564800, 250e6)) {
		t.Errorf("received at %v", info["processed"].ReceptionTime)
	}
	if r := info["rejected"].Rejection; r == nil || r.Code != message.CodeBalanceInsufficient || !strings.Contains(string(r.Details()), `"required_balance":"10.5"`) {
		t.Errorf("rejection is %v", r)
	}
	if got := info["odd"]; got.Message != nil || got.Rejection.Code != message.CodeInvalidFormat {
		t.Errorf("what was no message is %+v", got)
	}
	if got := info["forgotten"]; !cmp.Equal(got.ForgottenBy, []message.Hash{someHash}) || got.Message.Content != nil {
		t.Errorf("forgotten is %+v", got)
	}
	if got := info["removing"]; got.Reason != "credit_insufficient" {
		t.Errorf("reason is %q", got.Reason)
	}
}

func TestMessageThatNobodyHas(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		c := newNode(t, routes{"/": says(status, "")})
		if _, err := c.Message(t.Context(), someHash); !errors.Is(err, message.ErrNotFound) || !strings.Contains(err.Error(), string(someHash)) {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

// A node cannot pass another content off as the signed one.
func TestContentMustHaveTheSignedHash(t *testing.T) {
	t.Parallel()
	m, raw := signedPost(t, newKey(t), time.Now(), "mine")
	forged := strings.Replace(raw, "mine", "ours", 1)
	c := newNode(t, routes{
		"GET /api/v0/messages/{hash}": says(http.StatusOK, `{"status":"processed","item_hash":"`+string(m.ItemHash)+`","message":`+forged+`}`),
		"GET /api/v0/messages.json":   says(http.StatusOK, `{"messages":[`+forged+`,`+raw+`]}`),
	})
	info, err := c.Message(t.Context(), m.ItemHash)
	if err != nil || !errors.Is(info.Invalid, message.ErrInvalid) || info.Message.Content != nil {
		t.Errorf("forged message: %+v, %v", info, err)
	}
	page, err := c.Messages(t.Context(), client.MessageFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if page.Messages[0].Invalid == nil || page.Messages[1].Invalid != nil || page.Messages[1].Content == nil {
		t.Errorf("one bad entry hides others: %+v", page.Messages)
	}
}

func TestWaitProcessed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	answer := func(last string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) < 3 {
				fmt.Fprintf(w, `{"status":"pending","item_hash":"%s","messages":[]}`, someHash)
				return
			}
			fmt.Fprint(w, last)
		}
	}
	c := newNode(t, routes{"/": answer(`{"status":"rejected","item_hash":"` + string(someHash) + `","error_code":2,"details":null}`)})
	_, err := c.WaitProcessed(t.Context(), someHash)
	if r, ok := errors.AsType[*message.Rejection](err); !ok || r.Code != message.CodePermissionDenied || calls.Load() != 3 {
		t.Errorf("after %d requests: %v", calls.Load(), err)
	}
}

func TestFilterOnTheWire(t *testing.T) {
	t.Parallel()
	var got url.Values
	c := newNode(t, routes{"/": func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		fmt.Fprint(w, `{"messages":[],"pagination_page":2,"pagination_per_page":7,"pagination_total":40}`)
	}})
	page, err := c.Messages(t.Context(), client.MessageFilter{
		Hashes: []message.Hash{someHash}, Senders: []message.Address{"0xA", "0xB"}, Owners: []message.Address{"0xC"},
		Types: []message.Type{message.TypePost, message.TypeStore}, Statuses: []message.Status{message.StatusProcessed},
		Chains: []message.Chain{"ETH"}, Channels: []string{"a b"}, Tags: []string{"t"}, Refs: []string{"r"},
		ContentTypes: []string{"blog"}, ContentKeys: []string{"k"}, ContentHashes: []message.Hash{someHash},
		PaymentTypes: []message.PaymentType{message.PaymentCredit}, Since: time.Unix(10, 5e8), Until: time.Unix(20, 0),
		SinceBlock: 3, UntilBlock: 4, Sort: client.SortTxTime, Ascending: true, Content: client.ContentHeaders, Page: 2, PerPage: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	if page.Total != 40 || page.Page != 2 || page.PerPage != 7 {
		t.Errorf("page is %+v", page)
	}
	want := url.Values{
		"hashes": {string(someHash)}, "addresses": {"0xA,0xB"}, "owners": {"0xC"}, "msgTypes": {"POST,STORE"}, "msgStatuses": {"processed"},
		"chains": {"ETH"}, "channels": {"a b"}, "tags": {"t"}, "refs": {"r"}, "contentTypes": {"blog"}, "contentKeys": {"k"},
		"contentHashes": {string(someHash)}, "paymentTypes": {"credit"}, "startDate": {"10.5"}, "endDate": {"20.0"},
		"startBlock": {"3"}, "endBlock": {"4"}, "sortBy": {"tx-time"}, "sortOrder": {"1"}, "contentFormat": {"headers"},
		"page": {"2"}, "pagination": {"7"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"a,b", ""} {
		if _, err := c.Messages(t.Context(), client.MessageFilter{Channels: []string{bad}}); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("channel %q: %v", bad, err)
		}
	}
}

func TestWalks(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var entries []string
	for i := range 5 {
		_, raw := signedPost(t, key, time.Now(), fmt.Sprint(i))
		entries = append(entries, raw)
	}
	c := newNode(t, routes{"/": func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Has("cursor") {
			next := map[string]string{"": `"two"`, "two": `"three"`, "three": "null"}[q.Get("cursor")]
			part := map[string][]string{"": entries[:2], "two": entries[2:4], "three": entries[4:]}[q.Get("cursor")]
			fmt.Fprintf(w, `{"messages":[%s],"next_cursor":%s,"pagination_per_page":2}`, strings.Join(part, ","), next)
			return
		}
		part := map[string][]string{"1": entries[:3], "2": entries[3:]}[q.Get("page")]
		fmt.Fprintf(w, `{"messages":[%s],"pagination_total":5}`, strings.Join(part, ","))
	}})
	for name, filter := range map[string]client.MessageFilter{"cursor": {}, "pages": {Sort: client.SortTxTime}} {
		var texts string
		for m, err := range c.AllMessages(t.Context(), filter) {
			if err != nil {
				t.Fatal(err)
			}
			texts += string(m.Content.(*message.Post).Content)
		}
		if texts != `{"text":"0"}{"text":"1"}{"text":"2"}{"text":"3"}{"text":"4"}` {
			t.Errorf("%s: walked %s", name, texts)
		}
	}
	seen := 0
	for _, err := range c.AllMessages(t.Context(), client.MessageFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("a loop that ends early saw %d", seen)
	}
}

func TestWalkEndsWithAnError(t *testing.T) {
	t.Parallel()
	c := newNode(t, routes{"/": says(http.StatusUnprocessableEntity, "Invalid cursor")})
	n := 0
	for _, err := range c.AllPosts(t.Context(), client.PostFilter{}) {
		if n++; !errors.Is(err, message.ErrInvalid) {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d turns of the loop, want 1", n)
	}
}
