package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aleph/account"
	"aleph/internal/node"
	"aleph/internal/node/ingest"
	"aleph/message"
)

// startOperated runs a node in a data folder and returns its inside and what
// stops it.
func startOperated(t *testing.T, dir string) (*node.Inside, func()) {
	t.Helper()
	cfg := node.DefaultConfig(filepath.Join(dir, "node"))
	cfg.Listen = "127.0.0.1:0"
	n, err := node.New(cfg, message.PublicNetwork(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case <-n.Ready():
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(stop)
	return n.Inside(), stop
}

// letterOf signs a POST of somebody else's, which is rejected, or an amend of
// nothing, which waits.
func letterOf(t *testing.T, k *account.Key, owner message.Address, members string) *message.Message {
	t.Helper()
	m := &message.Message{
		Type: message.TypePost, ItemType: message.ItemInline, Time: message.TimestampOf(time.Now()),
		ItemContent: `{"address":"` + string(owner) + `","time":1700000000,` + members + `}`,
	}
	m.ItemHash = message.HashOf([]byte(m.ItemContent))
	if err := account.Sign(k, m); err != nil {
		t.Fatal(err)
	}
	parsed, err := message.ParseEnvelope([]byte(mustJSON(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type letterPage struct {
	Letters []struct {
		State   string         `json:"state"`
		Hash    message.Hash   `json:"item_hash"`
		Code    int            `json:"error_code"`
		Message map[string]any `json:"message"`
	} `json:"letters"`
	Next   string `json:"next_cursor"`
	Totals []struct {
		Error string `json:"error"`
		Total int    `json:"total"`
	} `json:"totals"`
}

// TestDeadLetters looks at the messages that a node rejected, beside the node and
// after it stopped, and has them retried and dropped.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inside, stop := startOperated(t, dir)
	run := func(args ...string) (int, string, string) {
		t.Helper()
		return runWith(t, nil, append([]string{"node", "dead-letters", "--data-dir", dir}, args...)...)
	}
	list := func(args ...string) letterPage {
		t.Helper()
		code, out, errs := run(append([]string{"list", "--json"}, args...)...)
		var p letterPage
		if err := json.Unmarshal([]byte(out), &p); err != nil || code != 0 {
			t.Fatalf("list %v: %d %q %q %v", args, code, out, errs, err)
		}
		return p
	}
	alice, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	const stranger = "0x9319Ad3B7A8E0eE24f2E639c40D8eD124C5520Ba"
	var foreign []*message.Message
	for _, text := range []string{"a", "b", "c"} {
		m := letterOf(t, alice, stranger, `"type":"x","content":"`+text+`"`)
		foreign = append(foreign, m)
		if res, err := inside.Queue.Submit(t.Context(), m, ingest.OriginP2P); err != nil || res.Status != message.StatusRejected {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	waiting := letterOf(t, alice, alice.Address(), `"type":"amend","ref":"`+strings.Repeat("ab", 32)+`","content":{}`)
	if res, err := inside.Queue.Submit(t.Context(), waiting, ingest.OriginP2P); err != nil || res.Status != message.StatusPending {
		t.Fatalf("%+v, %v", res, err)
	}

	first := list("-n", "2")
	if len(first.Letters) != 2 || first.Next == "" || len(first.Totals) != 2 || first.Totals[0].Error != "PERMISSION_DENIED" || first.Totals[0].Total != 3 {
		t.Errorf("first page %+v", first)
	}
	if second := list("-n", "2", "--cursor", first.Next); len(second.Letters) != 1 || second.Next != "" || second.Letters[0].Hash != foreign[0].ItemHash {
		t.Errorf("second page %+v", second)
	}
	for _, filter := range [][]string{
		{"--code", "2"}, {"--code", "permission_denied"}, {"--sender", string(alice.Address())}, {"--type", "post"}, {"--since", "1h"},
	} {
		if p := list(filter...); len(p.Letters) != 3 {
			t.Errorf("%v: %+v", filter, p)
		}
	}
	for _, filter := range [][]string{{"--code", "1"}, {"--sender", stranger}, {"--type", "store"}} {
		if p := list(filter...); len(p.Letters) != 0 {
			t.Errorf("%v: %+v", filter, p)
		}
	}
	if p := list("--pending"); len(p.Letters) != 1 || p.Letters[0].Hash != waiting.ItemHash || p.Letters[0].Code != 101 {
		t.Errorf("those that wait: %+v", p)
	}
	if code, out, _ := run("list"); code != 0 || !strings.Contains(out, string(foreign[2].ItemHash)) || !strings.Contains(out, "2 PERMISSION_DENIED") {
		t.Errorf("%d\n%s", code, out)
	}
	for _, h := range []message.Hash{foreign[0].ItemHash, waiting.ItemHash} {
		code, out, errs := run("show", string(h))
		if code != 0 || !strings.Contains(out, string(h)) || !strings.Contains(out, string(alice.Address())) {
			t.Errorf("show: %d %q %q", code, out, errs)
		}
	}

	code, out, errs := run("retry", string(foreign[0].ItemHash), string(waiting.ItemHash), "--json")
	if code != 0 || !strings.Contains(out, `"status":"rejected","error_code":2`) || !strings.Contains(out, `"status":"pending"`) {
		t.Errorf("retry: %d %q %q", code, out, errs)
	}
	if code, out, errs := run("retry", "--code", "2"); code != 0 || !strings.Contains(out, "rejected again  3") {
		t.Errorf("retry of a code: %d %q %q", code, out, errs)
	}
	if code, out, errs := run("retry", strings.Repeat("cd", 32)); code != 3 || !strings.Contains(out, "not found") {
		t.Errorf("retry of what is unknown: %d %q %q", code, out, errs)
	}
	for _, args := range [][]string{{"retry"}, {"drop"}, {"drop", "--all", "--code", "2"}, {"retry", "--all", strings.Repeat("cd", 32)}, {"list", "--code", "what"}, {"list", "--cursor", "x"}, {"list", "-n", "0"}} {
		if code, out, errs := run(args...); code != 2 || out != "" || errs == "" {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
	if code, out, errs := run("drop", string(foreign[1].ItemHash), string(waiting.ItemHash)); code != 0 || strings.Count(out, "dropped") != 2 {
		t.Errorf("drop: %d %q %q", code, out, errs)
	}
	if _, err := inside.Store.Status(t.Context(), waiting.ItemHash); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("what was dropped is known: %v", err)
	}

	stop()
	if p := list(); len(p.Letters) != 2 {
		t.Errorf("after the stop: %+v", p)
	}
	if code, _, errs := run("drop", "--all", "--yes"); code != 6 || !strings.Contains(errs, "no node answers") {
		t.Errorf("drop after the stop: %d %q", code, errs)
	}
	_, stop = startOperated(t, dir)
	if code, out, errs := run("drop", "--all", "--yes"); code != 0 || !strings.Contains(out, "dropped  2") {
		t.Errorf("drop: %d %q %q", code, out, errs)
	}
	stop()
}
