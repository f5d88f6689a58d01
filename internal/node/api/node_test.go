package api_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"aleph/account"
	"aleph/internal/node/api"
	"aleph/internal/node/apply"
	"aleph/internal/node/blob"
	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/internal/node/store/storetest"
	"aleph/internal/telemetry"
	"aleph/message"
)

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, func() error { return goleak.Find() }, answersWereSeen, routesDocument))
}

// noon is when the nodes of these tests live: 2026-01-01T12:00:00.25Z.
var noon = time.Unix(1767268800, 250_000_000)

// testNode is the real interface over a real queue, database and folder.
type testNode struct {
	*api.API
	URL    string
	queue  *ingest.Queue
	db     *store.DB
	blobs  *blob.Store
	folder string
	reg    *prometheus.Registry
	log    *logBuffer
	later  atomic.Int64 // how far the clock is ahead of noon
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type settings struct {
	api   api.Config
	store store.Config
	rand  float64
	// network makes prices and payments count; the zero value knows none.
	network message.Network
	// limiter counts callers; nil counts in the process.
	limiter api.Limiter
	// logLevel is info unless it is set.
	logLevel string
}

func startNode(t testing.TB, change ...func(*settings)) *testNode {
	t.Helper()
	contractOf(t) // read now: some tests measure memory
	folder := t.TempDir()
	s := settings{api: api.DefaultConfig(), store: storetest.Config(t), rand: 0.5}
	for _, c := range change {
		c(&s)
	}
	n := &testNode{folder: folder, reg: prometheus.NewRegistry(), log: new(logBuffer)}
	log, err := telemetry.NewLogger(n.log, telemetry.LogConfig{Level: cmp.Or(s.logLevel, "info"), Format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return noon.Add(time.Duration(n.later.Load())) }
	if n.blobs, err = blob.Open(blob.Config{Folder: filepath.Join(folder, "files")}); err != nil {
		t.Fatal(err)
	}
	if n.db, err = store.Open(t.Context(), s.store, log); err != nil {
		t.Fatal(err)
	}
	rules := &apply.Rules{FileSize: n.blobs.Size, IsDirectory: n.blobs.IsDirectory, GracePeriod: 24 * time.Hour, Network: s.network}
	n.queue, err = ingest.New(ingest.DefaultConfig(), ingest.Deps{
		Store: n.db, Blobs: n.blobs, Rules: rules,
		Verify: account.Verify, Log: log, Registry: n.reg, Now: now, Rand: func() float64 { return s.rand },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.API, err = api.New(s.api, api.Deps{
		Store: n.db, Blobs: n.blobs, Queue: n.queue, Rules: rules, Network: message.PublicNetwork(), Log: log, Registry: n.reg,
		Version: "v1.2.3", Now: now, Limiter: s.limiter,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.queue.Run(ctx) }()
	server := httptest.NewServer(n.API)
	n.URL = server.URL
	t.Cleanup(func() {
		n.Close()
		server.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("queue: %v", err)
		}
		if err := n.db.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return n
}

// reply is an answer that was read whole.
type reply struct {
	*http.Response
	body string
}

// do sends a request. A name that begins with "Header:" sets a header.
func (n *testNode) do(t testing.TB, method, path string, body io.Reader, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, n.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	inspect(t, method, path, res.StatusCode, res.Header.Get("Content-Type"), string(text))
	return reply{res, string(text)}
}

// fetch sends a GET and returns the answer with its body unread.
func fetch(t testing.TB, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	// The body is for the caller; what HEAD would tell is inspected.
	inspect(t, http.MethodHead, req.URL.EscapedPath(), res.StatusCode, res.Header.Get("Content-Type"), "")
	return res
}

func (n *testNode) get(t testing.TB, path string, header ...string) reply {
	t.Helper()
	return n.do(t, http.MethodGet, path, http.NoBody, header...)
}

func (n *testNode) post(t testing.TB, path, body string) reply {
	t.Helper()
	return n.do(t, http.MethodPost, path, strings.NewReader(body))
}

// publish posts a message and waits for the outcome.
func (n *testNode) publish(t testing.TB, m *message.Message) reply {
	t.Helper()
	return n.post(t, "/api/v0/messages", `{"sync":true,"message":`+envelope(t, m)+`}`)
}

// upload sends a form with a file and perhaps the message it belongs to.
func (n *testNode) upload(t testing.TB, file []byte, metadata string) reply {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if metadata != "" {
		if err := w.WriteField("metadata", metadata); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "name.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return n.do(t, http.MethodPost, "/api/v0/storage/add_file", &form, "Content-Type", w.FormDataContentType())
}

func envelope(t testing.TB, m *message.Message) string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// key returns an account that is the same in every run.
func key(t testing.TB, digit string) *account.Key {
	t.Helper()
	k, err := account.ImportKey(message.ChainEthereum, "0x"+strings.Repeat(digit, 64))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signed returns an inline message whose content is the given members beside
// address and time.
func signed(t testing.TB, by *account.Key, typ message.Type, channel string, second float64, members string) *message.Message {
	t.Helper()
	at := message.TimestampFromSeconds(second)
	m := &message.Message{
		Type: typ, ItemType: message.ItemInline, Time: at, Channel: &channel,
		ItemContent: fmt.Sprintf(`{"address":%q,"time":%s,%s}`, by.Address(), message.FormatSeconds(second), members),
	}
	m.ItemHash = message.HashOf([]byte(m.ItemContent))
	if err := account.Sign(by, m); err != nil {
		t.Fatal(err)
	}
	return m
}
