package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/node/ingest"
	"aleph/message"
)

// fill submits total messages made by one, many at a time.
func (n *testNode) fill(t testing.TB, total int, one func(i int) *message.Message) {
	t.Helper()
	var wait sync.WaitGroup
	work := numbers(total)
	for range 32 {
		wait.Go(func() {
			for i := range work {
				m, err := message.ParseEnvelope([]byte(envelope(t, one(i))))
				if err != nil {
					t.Error(err)
					continue
				}
				result, err := n.queue.Submit(t.Context(), m, ingest.OriginP2P)
				if err != nil || result.Status != message.StatusProcessed {
					t.Errorf("submit %d: %v %v", i, result, err)
				}
			}
		})
	}
	wait.Wait()
}

func numbers(total int) <-chan int {
	work := make(chan int, total)
	for i := range total {
		work <- i
	}
	close(work)
	return work
}

// names reads a list: the value of one member of each item.
func names(t testing.TB, r reply, list, member string) []string {
	t.Helper()
	var body map[string]json.RawMessage
	var items []map[string]any
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("%d %.200s: %v", r.StatusCode, r.body, err)
	}
	if err := json.Unmarshal(body[list], &items); err != nil {
		t.Fatalf("%d %.200s: %v", r.StatusCode, r.body, err)
	}
	found := make([]string, len(items))
	for i, item := range items {
		found[i] = fmt.Sprint(item[member])
	}
	return found
}

// TestListsAreWhole reads lists in several ways, which must agree: at once, by
// pages and by cursors, in both directions, with many items of one time.
func TestListsAreWhole(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	const total = 1100
	n.fill(t, total, func(i int) *message.Message {
		at := float64(1767200000 + i/300) // hundreds share a second
		if i%10 == 0 {
			return signed(t, alice, message.TypeAggregate, "A", at, fmt.Sprintf(`"key":"k%d","content":{"n":%d}`, i, i))
		}
		return signed(t, alice, message.TypePost, "A", at, fmt.Sprintf(`"type":"x","content":{"n":%d,"text":%q}`, i, strings.Repeat("x", 1000)))
	})
	for name, c := range map[string]struct {
		path, list, member, all string
		items, page             int
	}{
		"messages":   {"/api/v0/messages.json?", "messages", "item_hash", "pagination=0", total, 150},
		"posts v0":   {"/api/v0/posts.json?types=x&", "posts", "item_hash", "pagination=0", total - total/10, 190},
		"posts v1":   {"/api/v1/posts.json?", "posts", "item_hash", "pagination=5000", total - total/10, 200},
		"aggregates": {"/api/v0/aggregates?", "aggregates", "key", "pagination=500", total / 10, 7},
	} {
		for _, order := range []string{"-1", "1"} {
			t.Run(name+order, func(t *testing.T) {
				t.Parallel()
				path := c.path + "sortOrder=" + order + "&"
				all := names(t, n.get(t, path+c.all), c.list, c.member)
				if len(all) != c.items {
					t.Fatalf("the whole list has %d items, want %d", len(all), c.items)
				}
				if distinct := slices.Compact(slices.Sorted(slices.Values(all))); len(distinct) != len(all) {
					t.Errorf("%d items are listed twice", len(all)-len(distinct))
				}
				var paged, walked []string
				for page := 1; len(paged) < len(all); page++ {
					r := n.get(t, path+fmt.Sprintf("pagination=%d&page=%d", c.page, page))
					if want := fmt.Sprintf(`"pagination_total":%d`, c.items); !strings.Contains(strings.ReplaceAll(r.body, ": ", ":"), want) {
						t.Errorf("page %d: no %s", page, want)
					}
					items := names(t, r, c.list, c.member)
					if len(items) == 0 {
						break
					}
					paged = append(paged, items...)
				}
				token := ""
				for {
					r := n.get(t, path+fmt.Sprintf("pagination=%d&cursor=%s", c.page, url.QueryEscape(token)))
					walked = append(walked, names(t, r, c.list, c.member)...)
					var next struct {
						Cursor *string `json:"next_cursor"`
					}
					if err := json.Unmarshal([]byte(r.body), &next); err != nil {
						t.Fatal(err)
					}
					if next.Cursor == nil {
						break
					}
					token = *next.Cursor
				}
				if diff := cmp.Diff(all, paged); diff != "" {
					t.Errorf("by pages (-all +pages):\n%s", diff)
				}
				if diff := cmp.Diff(all, walked); diff != "" {
					t.Errorf("by cursors (-all +cursors):\n%s", diff)
				}
			})
		}
	}
	t.Run("long list", func(t *testing.T) {
		t.Parallel()
		// More than is collected before it is sent: the length is not known then,
		// but HEAD tells it.
		r := n.get(t, "/api/v0/messages.json?pagination=0")
		head := n.do(t, http.MethodHead, "/api/v0/messages.json?pagination=0", http.NoBody)
		if want := strconv.Itoa(len(r.body)); len(r.body) < 1<<20 || head.Header.Get("Content-Length") != want {
			t.Errorf("HEAD: Content-Length %s, want %s", head.Header.Get("Content-Length"), want)
		}
		if !json.Valid([]byte(r.body)) || !strings.HasSuffix(r.body, fmt.Sprintf(`"pagination_total":%d}`, total)) {
			t.Errorf("the list ends with %s", r.body[len(r.body)-100:])
		}
		if got := len(names(t, n.get(t, "/api/v0/messages.json?pagination=0&sortBy=tx-time"), "messages", "item_hash")); got != total {
			t.Errorf("by confirmation: %d items, want %d", got, total)
		}
		if got := len(names(t, n.get(t, "/api/v0/messages.json?pagination=700&page=2&sortBy=tx-time"), "messages", "item_hash")); got != total-700 {
			t.Errorf("second page by confirmation: %d items, want %d", got, total-700)
		}
		for _, order := range []string{"-1", "1"} {
			path := "/api/v0/messages/hashes?hash_only=false&sortOrder=" + order + "&pagination="
			all := names(t, n.get(t, path+"0"), "hashes", "item_hash")
			if distinct := slices.Compact(slices.Sorted(slices.Values(all))); len(distinct) != total {
				t.Errorf("order %s: %d different hashes, want %d", order, len(distinct), total)
			}
			// The second page is longer than what is read at once.
			if diff := cmp.Diff(all[550:], names(t, n.get(t, path+"550&page=2"), "hashes", "item_hash")); diff != "" {
				t.Errorf("order %s, second page of hashes (-want +got):\n%s", order, diff)
			}
		}
	})
}

// TestFilesAreWhole lists more files than are read at once.
func TestFilesAreWhole(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	upload := n.do(t, http.MethodPost, "/api/v0/storage/add_file", strings.NewReader("a file"), "Content-Type", "application/octet-stream")
	if upload.StatusCode != http.StatusOK {
		t.Fatalf("upload: %d %s", upload.StatusCode, upload.body)
	}
	const total = 620
	n.fill(t, total, func(i int) *message.Message {
		return signed(t, alice, message.TypeStore, "A", float64(1767200000+i/300),
			fmt.Sprintf(`"item_type":"storage","item_hash":%q,"metadata":{"n":%d}`, message.HashOf([]byte("a file")), i))
	})
	for _, order := range []string{"-1", "1"} {
		path := "/api/v0/addresses/" + string(alice.Address()) + "/files?sort_order=" + order
		r := n.get(t, path+"&pagination=0")
		all := names(t, r, "files", "item_hash")
		if distinct := slices.Compact(slices.Sorted(slices.Values(all))); len(distinct) != total || len(all) != total {
			t.Errorf("order %s: %d files, %d different, want %d", order, len(all), len(distinct), total)
		}
		if want := fmt.Sprintf(`"pagination_total":%d`, total); !strings.Contains(r.body, want) || !strings.Contains(r.body, fmt.Sprintf(`"total_size":%d`, 6*total)) {
			t.Errorf("order %s: no %s or a wrong size: %.100s", order, want, r.body)
		}
		if diff := cmp.Diff(all[310:], names(t, n.get(t, path+"&pagination=310&page=2"), "files", "item_hash")); diff != "" {
			t.Errorf("order %s, second page (-want +got):\n%s", order, diff)
		}
	}
}

// TestDelegatedOwner finds messages by owner where another account signs.
func TestDelegatedOwner(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice, bob := key(t, "1"), key(t, "2")
	grant := signed(t, alice, message.TypeAggregate, "security", 1767200000,
		`"key":"security","content":{"authorizations":[{"address":"`+string(bob.Address())+`"}]}`)
	own := signed(t, alice, message.TypePost, "A", 1767200001, `"type":"x","content":1`)
	delegated := signed(t, bob, message.TypePost, "A", 1767200002, `"type":"x","content":2,"address":"`+string(alice.Address())+`"`)
	other := signed(t, bob, message.TypePost, "A", 1767200003, `"type":"x","content":3`)
	for _, m := range []*message.Message{grant, own, delegated, other} {
		if r := n.publish(t, m); r.StatusCode != http.StatusOK {
			t.Fatalf("publish: %d %s %s", r.StatusCode, r.body, n.get(t, "/api/v0/messages/"+string(m.ItemHash)).body)
		}
	}
	got := names(t, n.get(t, "/api/v0/messages.json?owners="+string(alice.Address())), "messages", "item_hash")
	if diff := cmp.Diff([]string{string(delegated.ItemHash), string(own.ItemHash), string(grant.ItemHash)}, got); diff != "" {
		t.Errorf("by owner (-want +got):\n%s", diff)
	}
	if r := n.get(t, "/api/v0/messages.json?pagination=1&owners="+string(alice.Address())); !strings.Contains(r.body, `"pagination_total":3`) {
		t.Errorf("total by owner: %s", r.body)
	}
	got = names(t, n.get(t, "/api/v0/messages.json?addresses="+string(bob.Address())), "messages", "item_hash")
	if diff := cmp.Diff([]string{string(other.ItemHash), string(delegated.ItemHash)}, got); diff != "" {
		t.Errorf("by sender (-want +got):\n%s", diff)
	}
	// A post says who owns it, not who signed.
	r := n.get(t, "/api/v0/posts.json?hashes="+string(delegated.ItemHash))
	if got := names(t, r, "posts", "sender"); len(got) != 1 || got[0] != string(alice.Address()) {
		t.Errorf("sender of a delegated post: %v", got)
	}
}
