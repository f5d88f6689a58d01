package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"aleph/internal/node/blob/blobtest"
	"aleph/message"
)

// held is the memory of the process: the heap, and the stacks of goroutines.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// TestHalfOpenConnections opens 2000 connections whose requests never end. The
// node answers everybody else, holds little for each, and forgets them. That it ends
// those that stay is shown by TestSlowCallers.
func TestHalfOpenConnections(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	const silent, slow, uploads = 1200, 740, 60
	n := startNode(t, func(s *settings) { s.api.HeaderTimeout, s.api.ReadTimeout = time.Minute, time.Minute })
	address, _ := n.serve(t)
	n.URL = "http://" + address
	before := held()
	var conns []net.Conn
	for _, c := range []struct {
		many  int
		begin string
	}{
		{silent / 2, ""},
		{silent / 2, "GET /version HTTP/1.1\r\nHost: x\r\nX-Half: "},
		{slow, "POST /api/v0/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{"},
		{uploads, "POST /api/v0/storage/add_file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nContent-Type: application/octet-stream\r\n\r\nx"},
	} {
		for range c.many {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			if _, err := io.WriteString(conn, c.begin); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
	}
	eventually(t, "the requests with a body are under way", func() bool {
		return strings.Contains(n.get(t, "/metrics").body, fmt.Sprintf("aleph_api_requests_in_flight %d\n", slow+uploads+1))
	})
	const most = 96 << 20 // 48 KiB for each
	if grown := held() - before; grown > most {
		t.Errorf("%d connections hold %d bytes, want at most %d", len(conns), grown, most)
	}
	alice := key(t, "1")
	m := signed(t, alice, message.TypePost, "A", 1767250000, `"type":"x","content":1`)
	if r := n.publish(t, m); r.StatusCode != http.StatusOK {
		t.Errorf("publish beside them: %d %s", r.StatusCode, r.body)
	}
	if r := n.get(t, "/api/v0/messages/"+string(m.ItemHash)); r.StatusCode != http.StatusOK {
		t.Errorf("read beside them: %d %s", r.StatusCode, r.body)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	eventually(t, "their requests end", func() bool {
		return strings.Contains(n.get(t, "/metrics").body, "aleph_api_requests_in_flight 1\n")
	})
	eventually(t, "nothing of their uploads is left", func() bool { return len(n.stored(t)) == 0 })
	n.quiet(t)
}

// quiet demands that nothing was logged: bad input is answered and counted.
func (n *testNode) quiet(t testing.TB) {
	t.Helper()
	for line := range strings.Lines(n.log.String()) {
		if !strings.Contains(line, "database migrated") {
			t.Errorf("logged: %s", line)
		}
	}
}

// TestDeafListeners opens WebSockets that never read beside one that does: the
// node ends them, and the reader misses nothing.
func TestDeafListeners(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	const deaf = 40
	n := startNode(t, func(s *settings) { s.api.SocketQueue = 8 })
	before := held()
	var conns []net.Conn
	for range deaf {
		conn := n.raw(t, "/api/ws0/messages?history=0&channels=flood")
		if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	reader := n.listen(t, "history=0&channels=flood")
	alice := key(t, "1")
	large := strings.Repeat("x", 190_000)
	sent := 0
	eventually(t, "they are dropped", func() bool {
		m := signed(t, alice, message.TypePost, "flood", float64(1767250000+sent), fmt.Sprintf(`"type":"x","content":"%d%s"`, sent, large))
		if r := n.publish(t, m); r.StatusCode != http.StatusOK {
			t.Fatalf("publish: %d %s", r.StatusCode, r.body)
		}
		sent++
		if got := hear(t, reader).ItemHash; got != m.ItemHash {
			t.Fatalf("heard %s, want %s", got, m.ItemHash)
		}
		return strings.Contains(n.get(t, "/metrics").body, fmt.Sprintf("aleph_api_sockets_dropped_total %d\n", deaf))
	})
	const most = 64 << 20
	if grown := held() - before; grown > most {
		t.Errorf("%d deaf listeners hold %d bytes, want at most %d", deaf, grown, most)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	n.quiet(t)
}

// TestAbuse sends what is meant to harm, each many times at once: each is told
// what is wrong and counted, nothing is logged, and nothing stays.
func TestAbuse(t *testing.T) {
	t.Parallel()
	const times = 8
	n := startNode(t, small, func(s *settings) { s.api.IPFS.MaxCARSize, s.api.IPFS.MaxAnonymousFileSize = 100_000, 1000 })
	alice := key(t, "1")
	page := blobtest.File("page")
	root := blobtest.Directory(blobtest.Entry{Name: "page", Node: page})
	sound := withMessage(t, storeCID(t, alice, 1767250000, hashOf(root)), true)
	form := func(parts ...string) string {
		var b strings.Builder
		for i := 0; i < len(parts); i += 2 {
			fmt.Fprintf(&b, "--B\r\nContent-Disposition: form-data; name=%q; filename=\"x\"\r\n%s\r\n", parts[i], parts[i+1])
		}
		return b.String() + "--B--\r\n"
	}
	archive := func(blocks ...[]byte) string {
		return form("metadata", "\r\n"+sound, "file", "\r\n"+string(append(blobtest.Header(root.Cid()), bytes.Join(blocks, nil)...)))
	}
	const multi = "multipart/form-data; boundary=B"
	packed := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.String()
	}
	const addFile = "/api/v0/storage/add_file"
	var wg sync.WaitGroup
	for name, c := range map[string]struct {
		path, kind, encoding, body string
		route                      string
		want                       int
		text                       string
	}{
		"bomb of a message": {"/api/v0/messages", "application/json", "gzip", packed(strings.Repeat(" ", 4<<20)), "publish", 413, "Maximum request body size 1048576 exceeded."},
		"bomb of a bomb":    {"/api/v0/messages", "application/json", "gzip", packed(packed(strings.Repeat(" ", 4<<20))), "publish", 422, "422: "},
		"no gzip":           {"/api/v0/p2p/pubsub/pub", "application/json", "gzip", "{}", "pubsub", 400, "400: the body of the request is not gzip"},
		"other packing":     {"/api/v0/storage/add_json", "application/json", "br", "{}", "add_json", 415, `415: content encoding "br" is not supported`},
		"anonymous file":    {addFile, "application/octet-stream", "", strings.Repeat("x", 1001), "add_file", 413, "Maximum request body size 1000 exceeded."},
		"anonymous on IPFS": {"/api/v0/ipfs/add_file", multi, "", form("file", "\r\n"+strings.Repeat("x", 1001)), "ipfs_add_file", 413, "Maximum request body size 1000 exceeded."},
		"header of a part":  {addFile, multi, "", form("file", "X: "+strings.Repeat("x", 3<<20)+"\r\n\r\nx"), "add_file", 413, "Maximum request body size 3000 exceeded."},
		"form in a form":    {addFile, multi, "", form("file", "Content-Type: multipart/mixed; boundary=C\r\n\r\n--C--"), "add_file", 400, "Invalid multipart structure"},
		"lying block":       {addCAR, multi, "", archive([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}), "ipfs_add_car", 502, "502: Failed to import CAR into IPFS: a block of 4294967295 bytes"},
		"endless varint":    {addCAR, multi, "", archive(bytes.Repeat([]byte{0xff}, 90_000)), "ipfs_add_car", 502, "502: Failed to import CAR into IPFS: block: malformed varint"},
		"empty blocks":      {addCAR, multi, "", archive(make([]byte, 90_000)), "ipfs_add_car", 502, "502: Failed to import CAR into IPFS: block with a malformed CID"},
		"too many bytes":    {addCAR, multi, "", archive(make([]byte, 200_000)), "ipfs_add_car", 413, "Maximum request body size 100000 exceeded."},
	} {
		for range times {
			wg.Go(func() {
				header := []string{"Content-Type", c.kind}
				if c.encoding != "" {
					header = append(header, "Content-Encoding", c.encoding)
				}
				if r := n.do(t, http.MethodPost, c.path, strings.NewReader(c.body), header...); r.StatusCode != c.want || !strings.HasPrefix(r.body, c.text) {
					t.Errorf("%s: got %d %.200s, want %d %s", name, r.StatusCode, r.body, c.want, c.text)
				}
			})
		}
	}
	wg.Wait()
	counted := n.get(t, "/metrics").body
	for _, want := range []string{
		`{code="413",route="publish"} 8`, `{code="422",route="publish"} 8`, `{code="400",route="pubsub"} 8`, `{code="415",route="add_json"} 8`,
		`{code="413",route="add_file"} 16`, `{code="400",route="add_file"} 8`, `{code="413",route="ipfs_add_file"} 8`,
		`{code="502",route="ipfs_add_car"} 24`, `{code="413",route="ipfs_add_car"} 8`,
	} {
		if !strings.Contains(counted, "aleph_api_requests_total"+want+"\n") {
			t.Errorf("not counted: %s", want)
		}
	}
	if left := n.stored(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	n.quiet(t)
}
