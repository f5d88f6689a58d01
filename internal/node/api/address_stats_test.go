package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/account"
	"aleph/message"
)

// ranking reads a page of senders: the addresses in their order, the total of
// one column, and the cursor of the next page.
func ranking(t *testing.T, body, column string) (list []string, next *string) {
	t.Helper()
	var answer struct {
		Data json.RawMessage `json:"data"`
		Next *string         `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	in := json.NewDecoder(bytes.NewReader(answer.Data))
	if _, err := in.Token(); err != nil {
		t.Fatal(err)
	}
	for in.More() {
		address, err := in.Token()
		if err != nil {
			t.Fatal(err)
		}
		var counts map[string]int
		if err := in.Decode(&counts); err != nil {
			t.Fatal(err)
		}
		if len(counts) != 7 {
			t.Errorf("%s has %d totals, want 7", address, len(counts))
		}
		list = append(list, fmt.Sprint(address, " ", counts[column]))
	}
	return list, answer.Next
}

// TestSendersAreWhole ranks senders, of whom many share a total and some have
// none of a type, at once, by pages and by cursors. // spec ccn-http-api 8.2
func TestSendersAreWhole(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	const senders = 9
	var keys [senders]*account.Key
	for i := range keys {
		keys[i] = key(t, fmt.Sprint(i+1))
	}
	n.fill(t, 4*senders, func(i int) *message.Message {
		who, round := i%senders, i/senders
		at := float64(1767200000 + i)
		if round > who%3 { // some post less than others, and some only set aggregates
			return signed(t, keys[who], message.TypeAggregate, "A", at, fmt.Sprintf(`"key":"k%d","content":{"n":1}`, i))
		}
		if who%3 == 0 {
			return signed(t, keys[who], message.TypeAggregate, "A", at, `"key":"own","content":{}`)
		}
		return signed(t, keys[who], message.TypePost, "A", at, `"type":"x","content":1`)
	})
	for column, sortBy := range map[string]string{"messages": "total", "post": "post", "aggregate": "aggregate", "store": "store"} {
		for _, order := range []string{"-1", "1"} {
			path := "/api/v1/addresses/stats.json?sortBy=" + sortBy + "&sortOrder=" + order
			all, _ := ranking(t, n.get(t, path+"&pagination=0").body, column)
			if len(all) != senders {
				t.Fatalf("%s: %d senders, want %d", path, len(all), senders)
			}
			for i := 1; i < len(all); i++ {
				var before, after string
				var more, less int
				if _, err := fmt.Sscan(all[i-1]+" "+all[i], &before, &more, &after, &less); err != nil {
					t.Fatal(err)
				}
				if order == "1" {
					more, less = less, more
				}
				if more < less || (more == less && before >= after) {
					t.Errorf("%s: %s before %s", path, all[i-1], all[i])
				}
			}
			var paged, walked []string
			for page := 1; page <= senders/2+1; page++ {
				list, _ := ranking(t, n.get(t, path+fmt.Sprintf("&pagination=2&page=%d", page)).body, column)
				paged = append(paged, list...)
			}
			if diff := cmp.Diff(all, paged); diff != "" {
				t.Errorf("%s by pages (-all +pages):\n%s", path, diff)
			}
			for token := ""; ; {
				list, next := ranking(t, n.get(t, path+"&pagination=2&cursor="+token).body, column)
				walked = append(walked, list...)
				if next == nil {
					break
				}
				token = *next
			}
			if diff := cmp.Diff(all, walked); diff != "" {
				t.Errorf("%s by cursors (-all +cursors):\n%s", path, diff)
			}
		}
	}
}
