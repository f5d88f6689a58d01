package ingest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// peer is another node that has files.
type peer struct {
	mu    sync.Mutex
	files map[message.Hash]string
	asked map[message.Hash]int
	delay time.Duration
}

func (p *peer) give(text string) message.Hash {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == nil {
		p.files, p.asked = map[message.Hash]string{}, map[message.Hash]int{}
	}
	h := message.HashOf([]byte(text))
	p.files[h] = text
	return h
}

// option lets a node fetch from the peer.
func (p *peer) option(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
	blobs := d.Blobs
	d.Fetch = func(ctx context.Context, h message.Hash, limit int64) error {
		select {
		case <-time.After(p.delay):
		case <-ctx.Done():
			return ctx.Err()
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.asked == nil {
			p.asked = map[message.Hash]int{}
		}
		p.asked[h]++
		text, ok := p.files[h]
		if !ok {
			return message.ErrNotFound
		}
		info, err := blobs.Put(ctx, strings.NewReader(text), limit)
		if err == nil && info.Hash != h {
			err = message.ErrInvalid
		}
		return err
	}
}

func TestContentAndFilesComeFromElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := peer{delay: time.Second}
		n := start(t, p.option)
		defer n.stop()
		alice, mallory := newKey(t), newKey(t)
		file := p.give("a file that only the peer has")
		inline := sign(t, alice, message.TypeStore, 1, map[string]any{"item_type": "storage", "item_hash": file})
		p.give(inline.ItemContent)
		m := seal(t, alice, &message.Message{
			Type: message.TypeStore, ItemHash: inline.ItemHash, ItemType: message.ItemStorage, Time: inline.Time,
		})
		if res := n.put(t, m); res.Status != message.StatusPending {
			t.Fatalf("got %+v", res)
		}
		// What is not allowed makes the node download nothing.
		secret := p.give("a file that a stranger wants the node to download")
		n.put(t, sign(t, mallory, message.TypeStore, 2, map[string]any{
			"item_type": "storage", "item_hash": secret, "address": alice.Address(),
		}))
		// While something is fetched, others are processed.
		if res := n.put(t, sign(t, alice, message.TypePost, 3, map[string]any{"type": "x", "content": 1})); res.Status != message.StatusProcessed {
			t.Errorf("a post: %+v", res)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := n.status(t, m.ItemHash); s != message.StatusProcessed {
			t.Errorf("the STORE is %s", s)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.asked[secret] != 0 || p.asked[file] != 1 || p.asked[m.ItemHash] != 1 {
			t.Errorf("the peer was asked %v", p.asked)
		}
	})
}

// TestDefectWhileFetching lets the fetching of a content panic: the message
// stays in the fetching stage and is processed when the defect is gone.
func TestDefectWhileFetching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p peer
		left := 3
		n := start(t, longest, p.option, func(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
			fetch := d.Fetch
			d.Fetch = func(ctx context.Context, h message.Hash, limit int64) error {
				if left--; left >= 0 {
					panic("a defect")
				}
				return fetch(ctx, h, limit)
			}
		})
		defer n.stop()
		content, m, _ := bodyOf(t)
		p.give(content)
		n.put(t, m)
		time.Sleep(3 * time.Second)
		rows, err := n.db.PendingOf(t.Context(), m.ItemHash)
		if err != nil || len(rows) != 1 || rows[0].Fetched || rows[0].Code != message.CodeInternal || !strings.Contains(rows[0].Traceback, "a defect") {
			t.Fatalf("got %+v, %v", rows, err)
		}
		time.Sleep(time.Minute)
		if s := n.status(t, m.ItemHash); s != message.StatusProcessed {
			t.Errorf("the message is %s", s)
		}
	})
}

// TestBadContentIsTerminal fetches bodies that are no content.
func TestBadContentIsTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p peer
		n := start(t, p.option, func(c *ingest.Config, _ *store.Config, _ *ingest.Deps) { c.MaxContent = 1000 })
		defer n.stop()
		alice := newKey(t)
		for body, code := range map[string]message.Code{
			`not JSON`:                           message.CodeInvalidFormat,
			`[1]`:                                message.CodeInvalidFormat,
			`{"type":"x"} `:                      message.CodeInvalidFormat, // lacks key and content
			`{"type":"x","content":"\u0000"}`:    message.CodeInvalidFormat,
			`"` + strings.Repeat("y", 999) + `"`: message.CodeContentUnavailable, // too large
		} {
			hash := p.give(body)
			m := seal(t, alice, &message.Message{Type: message.TypeAggregate, ItemHash: hash, ItemType: message.ItemStorage, Time: epoch * 1e6})
			n.put(t, m)
			time.Sleep(time.Hour)
			rej, err := n.db.Rejected(t.Context(), hash)
			if err != nil || rej.Code != code {
				t.Errorf("%.20s: %v %v, want %v", body, rej, err, code)
			}
		}
	})
}

// TestStopDoesNotWaitForAFetch stops a node whose workers are all busy.
func TestStopDoesNotWaitForAFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := peer{delay: time.Hour}
		n := start(t, p.option, func(c *ingest.Config, _ *store.Config, _ *ingest.Deps) {
			c.FetchWorkers, c.FetchTimeout = 2, 2*time.Hour
		})
		alice := newKey(t)
		var list []*message.Message
		for i := range 5 {
			list = append(list, sign(t, alice, message.TypeStore, float64(i), map[string]any{
				"item_type": "storage", "item_hash": message.HashOf([]byte("far away")),
			}))
			n.put(t, list[i])
		}
		time.Sleep(time.Minute)
		began := time.Now()
		n.stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the stop took %v", took)
		}
	})
}

// TestLargeContentsTakeTurns processes contents that need much memory.
func TestLargeContentsTakeTurns(t *testing.T) {
	t.Parallel()
	n := start(t)
	alice := newKey(t)
	var list []*message.Message
	for i := range 8 {
		inline := sign(t, alice, message.TypePost, float64(i), map[string]any{"type": "x", "content": strings.Repeat("z", 150_000)})
		n.file(t, inline.ItemContent)
		list = append(list, seal(t, alice, &message.Message{
			Type: message.TypePost, ItemHash: inline.ItemHash, ItemType: message.ItemStorage, Time: inline.Time,
		}))
	}
	for i, res := range submitAll(t, n, list) {
		if res.Status != message.StatusProcessed {
			t.Errorf("message %d: %+v", i, res)
		}
	}
	row, err := n.db.Message(t.Context(), list[0].ItemHash)
	if err != nil || len(row.Content()) < 150_000 || row.Size != int64(len(row.Content())) {
		t.Errorf("got %d bytes, size %d: %v", len(row.Content()), row.Size, err)
	}
}

// TestLargeContentsWaitAndTakeTurns lets contents that need much memory wait for
// another message, whose arrival makes all of them due at once.
func TestLargeContentsWaitAndTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		alice := newKey(t)
		original := sign(t, alice, message.TypePost, 0, map[string]any{"type": "x", "content": "first"})
		var list []*message.Message
		for i := range 8 {
			inline := sign(t, alice, message.TypePost, 1+float64(i), map[string]any{
				"type": "amend", "ref": original.ItemHash, "content": strings.Repeat("z", 150_000),
			})
			n.file(t, inline.ItemContent)
			list = append(list, seal(t, alice, &message.Message{
				Type: message.TypePost, ItemHash: inline.ItemHash, ItemType: message.ItemStorage, Time: inline.Time,
			}))
		}
		for i, res := range submitAll(t, n, list) {
			if res.Status != message.StatusPending {
				t.Errorf("message %d: %+v", i, res)
			}
		}
		n.put(t, original)
		synctest.Wait()
		for i, m := range list {
			if s := n.status(t, m.ItemHash); s != message.StatusProcessed {
				t.Errorf("message %d is %s", i, s)
			}
		}
	})
}

func TestUploadOfAMissingFileIsRefused(t *testing.T) {
	t.Parallel()
	n := start(t)
	if err := n.Upload(t.Context(), message.HashOf([]byte("gone")), 4); !errors.Is(err, message.ErrConflict) {
		t.Errorf("got %v", err)
	}
}

// TestPanicPutsOneMessageAside lets a rule panic over one file.
func TestPanicPutsOneMessageAside(t *testing.T) {
	t.Parallel()
	bad := message.HashOf([]byte("bad"))
	n := start(t, func(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
		size := d.Rules.FileSize
		d.Rules.FileSize = func(h message.Hash) (int64, bool) {
			if h == bad {
				panic("a defect")
			}
			return size(h)
		}
	})
	alice, good := newKey(t), n.file(t, "good")
	var list []*message.Message
	for i := range 20 {
		file := good
		if i == 7 {
			file = bad
		}
		list = append(list, sign(t, alice, message.TypeStore, float64(i), map[string]any{"item_type": "storage", "item_hash": file}))
	}
	for i, res := range submitAll(t, n, list) {
		want := message.StatusProcessed
		if i == 7 {
			want = message.StatusPending
		}
		if res.Status != want {
			t.Errorf("message %d: %+v, want %v", i, res, want)
		}
	}
}
