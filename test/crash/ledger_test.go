package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"aleph/internal/bench"
	"aleph/message"
)

// entry is a message of the test and what the node said about it.
type entry struct {
	m *message.Message
	// acknowledged is the status of the best answer: "" (none), pending,
	// processed.
	acknowledged message.Status
	// forgotten is set when a FORGET of the message was sent.
	forgotten bool
	// amended is set when an amend of the post was sent. Such a post is not
	// forgotten later: its amends would be forgotten with it.
	amended bool
	// element is the number of an aggregate's member, -1 for other messages.
	element int
	batch   int
}

// ledger remembers every message that the test has sent. It is the truth that
// the node is compared with.
type ledger struct {
	mu      sync.Mutex
	entries map[message.Hash]*entry
	files   map[message.Hash][]byte
	http    *http.Client
	// batch counts the batches of messages; entries carry its value.
	batch int
	// then is run, apart, after that many further acknowledgements.
	left int
	then func()
}

func newLedger() *ledger {
	return &ledger{entries: make(map[message.Hash]*entry), files: make(map[message.Hash][]byte), http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: checkers, DisableCompression: true}, Timeout: time.Minute,
	}}
}

// checkers is how many messages are checked at once.
const checkers = 8

// sent notes a message before it is sent.
func (l *ledger) sent(m *message.Message, element int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries[m.ItemHash] == nil {
		l.entries[m.ItemHash] = &entry{m: m, element: element, batch: l.batch}
	}
}

// answered notes what the node said. A 2xx answer is a promise.
func (l *ledger) answered(a bench.Answer) {
	if a.HTTP/100 != 2 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left--; l.left == 0 {
		go l.then()
	}
	if e := l.entries[a.Hash]; e.acknowledged != message.StatusProcessed {
		e.acknowledged = a.Status
	}
}

// whenAcknowledged runs then after n further acknowledgements.
func (l *ledger) whenAcknowledged(n int, then func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.then = n, then
}

// list returns the entries that keep accepts, at most n.
func (l *ledger) list(n int, keep func(*entry) bool) []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var some []*entry
	for _, e := range l.entries {
		if len(some) == n {
			break
		}
		if keep(e) {
			some = append(some, e)
		}
	}
	return some
}

// allBatches makes a check look at everything.
const allBatches = math.MaxInt

// outcome counts what a check of the ledger found.
type outcome struct {
	acknowledged int
	lost         int
}

// check asks the node for the messages of the newest batches and compares.
func (l *ledger) check(ctx context.Context, t *testing.T, api string, batches int) outcome {
	t.Helper()
	all := l.list(-1, func(e *entry) bool { return e.batch > l.batch-batches })
	var mu sync.Mutex
	var result outcome
	var group errgroup.Group
	group.SetLimit(checkers)
	for _, e := range all {
		group.Go(func() error {
			status, err := l.status(ctx, api, e.m.ItemHash)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if e.acknowledged != "" {
				result.acknowledged++
			}
			if !kept(e, status) {
				result.lost++
				t.Errorf("%s %s was acknowledged as %q and is %q", e.m.Type, e.m.ItemHash, e.acknowledged, status)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for hash, content := range l.files {
		got, err := get(ctx, api+"/api/v0/storage/raw/"+string(hash))
		if err != nil || !bytes.Equal(got, content) {
			result.lost++
			t.Errorf("file %s: %d bytes instead of %d: %v", hash, len(got), len(content), err)
		}
	}
	return result
}

// status asks where a message stands. A node whose database is away for a
// moment, which on a busy machine is one that answers late, is asked again.
func (l *ledger) status(ctx context.Context, api string, h message.Hash) (status message.Status, err error) {
	for range 10 {
		status, err = bench.StatusOf(ctx, l.http, api, h)
		if !errors.Is(err, message.ErrUnavailable) {
			return status, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return status, err
}

// kept reports whether a status is one that the acknowledgement allows.
func kept(e *entry, now message.Status) bool {
	switch now {
	case message.StatusProcessed:
		return true
	case message.StatusForgotten:
		return e.forgotten
	case message.StatusPending:
		return e.acknowledged != message.StatusProcessed
	case "":
		return e.acknowledged == ""
	case message.StatusRejected, message.StatusRemoving, message.StatusRemoved:
	}
	return false // a valid message must not be rejected or removed
}

// checkOnce finds effects that happened twice, or only in part: there is one
// row per processed message, one post per processed POST that is no amend, and
// an aggregate has exactly the members of its processed messages.
func (l *ledger) checkOnce(ctx context.Context, t *testing.T, api string, owner message.Address) {
	t.Helper()
	want := struct {
		messages, posts int
		members         map[string]bool
	}{members: make(map[string]bool)}
	for _, e := range l.list(-1, func(*entry) bool { return true }) {
		status, err := bench.StatusOf(ctx, l.http, api, e.m.ItemHash)
		if err != nil {
			t.Fatal(err)
		}
		if status != message.StatusProcessed {
			continue
		}
		want.messages++
		if p, ok := contentOf(t, e.m); ok && p != message.AmendType {
			want.posts++
		}
		if e.element >= 0 {
			want.members[fmt.Sprint("n", e.element)] = true
		}
	}
	if got := total(ctx, t, api+"/api/v0/messages.json?pagination=1&channels="+bench.Channel); got != want.messages {
		t.Errorf("the node lists %d messages, %d are processed", got, want.messages)
	}
	if got := total(ctx, t, api+"/api/v0/posts.json?pagination=1&channels="+bench.Channel); got != want.posts {
		t.Errorf("the node lists %d posts, %d are processed", got, want.posts)
	}
	members := aggregate(ctx, t, api, owner)
	for name := range want.members {
		if _, ok := members[name]; !ok {
			t.Errorf("the message of member %s is processed, the aggregate lacks it", name)
		}
	}
	for name := range members {
		if !want.members[name] {
			t.Errorf("the aggregate has member %s, its message is not processed", name)
		}
	}
}

// contentOf returns the post type of a POST.
func contentOf(t *testing.T, m *message.Message) (postType string, isPost bool) {
	t.Helper()
	var content struct{ Type string }
	if m.Type != message.TypePost {
		return "", false
	}
	if err := json.Unmarshal([]byte(m.ItemContent), &content); err != nil {
		t.Fatal(err)
	}
	return content.Type, true
}

func total(ctx context.Context, t *testing.T, url string) int {
	t.Helper()
	var page struct {
		Total int `json:"pagination_total"`
	}
	getJSON(ctx, t, url, &page)
	return page.Total
}

// aggregateKey is the key of the aggregate that the test writes.
const aggregateKey = "crash"

func aggregate(ctx context.Context, t *testing.T, api string, owner message.Address) map[string]json.RawMessage {
	t.Helper()
	var answer struct {
		Data map[string]map[string]json.RawMessage `json:"data"`
	}
	getJSON(ctx, t, api+"/api/v0/aggregates/"+string(owner)+".json?keys="+aggregateKey, &answer)
	return answer.Data[aggregateKey]
}

func getJSON(ctx context.Context, t *testing.T, url string, into any) {
	t.Helper()
	body, err := get(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%s: %v: %s", url, err, body)
	}
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, res.Status, body)
	}
	return body, err
}
