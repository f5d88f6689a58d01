package ingest_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"aleph/account"
	"aleph/internal/node/apply"
	"aleph/internal/node/blob"
	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/internal/node/store/storetest"
	"aleph/message"
)

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, func() error { return goleak.Find() }))
}

// testNode is a real queue over a real database and a real folder of files.
type testNode struct {
	*ingest.Queue
	db    *store.DB
	blobs *blob.Store
	stop  func()
}

type option func(*ingest.Config, *store.Config, *ingest.Deps)

// start runs a node in a folder of its own.
func start(t testing.TB, options ...option) *testNode {
	t.Helper()
	return startIn(t, t.TempDir(), options...)
}

// startIn runs a node in a folder that may hold the state of an earlier one.
func startIn(t testing.TB, dir string, options ...option) *testNode {
	t.Helper()
	storeCfg := storetest.ConfigIn(t, dir)
	cfg := ingest.DefaultConfig()
	deps := ingest.Deps{Verify: account.Verify, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()}
	var err error
	if deps.Blobs, err = blob.Open(blob.Config{Folder: filepath.Join(dir, "files")}); err != nil {
		t.Fatal(err)
	}
	deps.Rules = &apply.Rules{
		FileSize: deps.Blobs.Size, IsDirectory: deps.Blobs.IsDirectory, GracePeriod: 24 * time.Hour,
		KnownRuntime: func(h message.Hash) bool { return h == knownRuntime },
		NoAggregates: []message.Address{"0x51A58800b26AA1451aaA803d1746687cB88E0501"},
	}
	for _, o := range options {
		o(&cfg, &storeCfg, &deps)
	}
	if deps.Store, err = store.Open(t.Context(), storeCfg, deps.Log); err != nil {
		t.Fatal(err)
	}
	q, err := ingest.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	n := &testNode{Queue: q, db: deps.Store, blobs: deps.Blobs}
	stopped := false
	n.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if _, ok := t.(*testing.B); !ok {
			broken, err := deps.Store.Inconsistencies(context.Background())
			if err != nil || len(broken) > 0 {
				t.Errorf("the state contradicts itself: %v %v", broken, err)
			}
		}
		if err := deps.Store.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	}
	t.Cleanup(n.stop)
	return n
}

// knownRuntime is a hash that stands for a runtime without a STORE.
var knownRuntime = message.Hash(strings.Repeat("ab", 32))

// put submits a message and returns its outcome.
func (n *testNode) put(t testing.TB, m *message.Message) ingest.Result {
	t.Helper()
	res, err := n.Submit(context.Background(), m, ingest.OriginP2P)
	if err != nil {
		t.Fatalf("submit %s: %v", m.ItemHash, err)
	}
	return res
}

// file puts bytes into the blob store.
func (n *testNode) file(t testing.TB, text string) message.Hash {
	t.Helper()
	info, err := n.blobs.Put(context.Background(), strings.NewReader(text), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return info.Hash
}

// status returns where a message stands, "" when it is unknown.
func (n *testNode) status(t testing.TB, h message.Hash) message.Status {
	t.Helper()
	row, err := n.db.Status(context.Background(), h)
	if err != nil {
		return ""
	}
	return row.Status
}

// newKey makes an account.
func newKey(t testing.TB) *account.Key {
	t.Helper()
	k, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// epoch is the time of the first message of a test.
const epoch = 1_700_000_000

// sign returns an inline message of the key. Content gets the key's address and
// the time at seconds unless it has them.
func sign(t testing.TB, k account.Account, typ message.Type, at float64, content map[string]any) *message.Message {
	t.Helper()
	full := map[string]any{"address": k.Address(), "time": epoch + at}
	maps.Copy(full, content)
	raw, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	m := &message.Message{
		Type: typ, ItemHash: message.HashOf(raw), ItemType: message.ItemInline, ItemContent: string(raw),
		Time: message.TimestampFromSeconds(epoch + at),
	}
	return seal(t, k, m)
}

// seal signs a message and reads it back as a node would.
func seal(t testing.TB, k account.Account, m *message.Message) *message.Message {
	t.Helper()
	if err := account.Sign(k, m); err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := message.ParseEnvelope(wire)
	if err != nil {
		t.Fatalf("%s: %v", wire, err)
	}
	return parsed
}
