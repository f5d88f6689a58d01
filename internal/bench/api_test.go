package bench_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aleph/internal/bench"
	"aleph/internal/bench/corpus"
	"aleph/internal/node/store"
	"aleph/message"
)

// quick measures as shortly as anything can be measured.
func quick() bench.API {
	return bench.API{Connections: 3, Length: 20 * time.Millisecond, WarmUp: time.Millisecond, Progress: func(string, ...any) {}}
}

// TestAPI measures a node that holds a corpus: every row finds something to ask
// for and is answered, and every listener hears its messages once.
func TestAPI(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "corpus.ndjson")
	mix, err := corpus.ParseMix("store=120,instance=20,program=20,grant=20")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := corpus.Generate(t.Context(), path, corpus.Options{Messages: 1500, Seed: 5, Mix: mix}); err != nil {
		t.Fatal(err)
	}
	var report *bench.APIReport
	own := bench.OwnNode{Corpus: path, Database: store.DefaultConfig(), Folder: t.TempDir()}
	err = own.Run(t.Context(), func(url string) (err error) {
		b := quick()
		b.URL = url
		b.Sockets = &bench.Sockets{Listeners: 60, Deliveries: 500, Length: 200 * time.Millisecond, Seed: 1}
		if report, err = b.Run(t.Context()); err != nil {
			return err
		}
		b.Only = []string{"balance"}
		few, err := b.Run(t.Context())
		if err == nil && (len(few.Rows) == 0 || few.Sockets != nil) {
			t.Errorf("only balance: %+v", few)
		}
		b.Only = []string{"nonsense"}
		if _, err := b.Run(t.Context()); !errors.Is(err, message.ErrInvalid) || !strings.Contains(err.Error(), "message by hash") {
			t.Errorf("a row that is not there: got %v", err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Messages < 1000 || report.Version == "" || report.Machine == "" || report.Connections != 3 {
		t.Errorf("got %+v", report)
	}
	var names []string
	for _, row := range report.Rows {
		names = append(names, row.Name)
		if row.Errors != 0 || row.Error != "" || row.Requests == 0 || row.PerSecond <= 0 || row.Bytes < 2 || row.P99MS < row.P50MS || row.Paths < 1 {
			t.Errorf("%+v", row)
		}
	}
	for _, want := range []string{
		"message by hash", "status of a message", "content of a message", "aggregate", "price", "balance", "file", "size of a file", "file of a message",
		"messages", "messages, later pages", "messages addresses", "messages channels, later pages", "messages msgTypes", "messages refs", "messages tags",
		"messages contentKeys", "messages contentHashes", "messages paymentTypes", "messages sortBy=tx-time, later pages", "posts types", "posts tags", "hashes, later pages",
		"aggregates keys", "aggregates addresses", "balances, later pages", "credit balances", "statistics of addresses, later pages",
		"files of an address", "credit history of an address", "costs of an address", "metrics", "version",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("no row %q, left out: %+v", want, report.LeftOut)
		}
	}
	s := report.Sockets
	if s == nil || s.Published < 10 || s.Expected == 0 || s.Delivered != s.Expected {
		t.Fatalf("sockets: %+v", s)
	}
	if s.Listeners != 60 || s.Missing+s.Duplicates+s.Unasked+s.Closed+s.Refused != 0 || s.P99MS <= 0 || s.PerSecond <= 0 {
		t.Errorf("sockets: %+v", s)
	}
}

// TestAPICountsErrors measures a server that fails every third time: the
// failures are counted, and not as answers.
func TestAPICountsErrors(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/v0/messages.json":
			_, _ = w.Write([]byte(`{"messages":[{"item_hash":"` + string(message.HashOf(nil)) + `","type":"POST","chain":"ETH","sender":"0xA","channel":null,"time":1}],"pagination_total":1}`))
		case !strings.HasSuffix(r.URL.Path, "/status"):
			http.NotFound(w, r)
		case n.Add(1)%3 == 0:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer srv.Close()
	b := quick()
	b.URL, b.Only = srv.URL, []string{"status of a message", "version"}
	report, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rows) != 1 || len(report.LeftOut) != 1 || report.LeftOut[0].Name != "version" || !strings.Contains(report.LeftOut[0].Reason, "404") {
		t.Fatalf("got %+v", report)
	}
	row := report.Rows[0]
	if all := row.Requests + row.Errors; row.Reached || row.Error != "status 500" || row.Errors < all/3-3 || row.Errors > all/3+3 {
		t.Errorf("got %+v", row)
	}
}

// TestAPIWithoutNode names nodes that cannot be measured.
func TestAPIWithoutNode(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"messages":[],"pagination_total":0}`))
	}))
	defer empty.Close()
	for url, want := range map[string]string{
		gone.URL:         "no node answers at " + gone.URL,
		other.URL:        "is no node of the network",
		empty.URL:        "has no messages to ask for",
		"ftp://x":        "want http://HOST:PORT",
		"node.example.x": "want http://HOST:PORT",
	} {
		b := quick()
		b.URL = url
		if _, err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
}
