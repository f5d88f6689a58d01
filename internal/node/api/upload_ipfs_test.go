package api_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	ipld "github.com/ipfs/go-ipld-format"

	"aleph/account"
	"aleph/internal/node/blob/blobtest"
	"aleph/message"
)

// hashOf is the name of a node in the network.
func hashOf(n ipld.Node) message.Hash { return message.Hash(n.Cid().String()) }

func storeCID(t testing.TB, by *account.Key, second float64, h message.Hash) *message.Message {
	t.Helper()
	return signed(t, by, message.TypeStore, "TEST", second, `"item_type":"ipfs","item_hash":"`+string(h)+`"`)
}

// sendForm posts parts, each a name and its content, as a form.
func (n *testNode) sendForm(t testing.TB, path string, parts ...string) reply {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for i := 0; i+1 < len(parts); i += 2 {
		part, err := w.CreateFormFile(parts[i], "name")
		if err == nil {
			_, err = io.WriteString(part, parts[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return n.do(t, http.MethodPost, path, &form, "Content-Type", w.FormDataContentType())
}

const addCAR = "/api/v0/ipfs/add_car"

// site is a directory with a file in it, and its archive.
func site(text string) (root, page ipld.Node, archive string) {
	index := blobtest.File(text)
	dir := blobtest.Directory(blobtest.Entry{Name: "index.html", Node: index})
	return dir, index, string(blobtest.Archive(dir, index))
}

// TestAddCAR uploads a directory and asks for it in every way.
// // spec ccn-http-api 10.6, 10.7, 10.8, 10.11
func TestAddCAR(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	root, page, archive := site("<h1>hello</h1>")
	h := hashOf(root)
	size, err := root.Size()
	if err != nil {
		t.Fatal(err)
	}
	m := storeCID(t, key(t, "1"), 1767250000, h)
	r := n.sendForm(t, addCAR, "file", archive, "metadata", withMessage(t, m, true)) // the file first, as the Rust client does
	if want := fmt.Sprintf(`{"status": "success", "hash": %q, "size": %d}`, h, size); r.StatusCode != 200 || r.body != want {
		t.Fatalf("got %d %s, want %s", r.StatusCode, r.body, want)
	}
	raw := n.get(t, "/api/v0/storage/raw/"+string(h))
	if got := raw.Header.Get("Content-Type"); got != "application/x-tar" || raw.ContentLength != -1 {
		t.Errorf("type %q, length %d", got, raw.ContentLength)
	}
	var names []string
	for files := tar.NewReader(strings.NewReader(raw.body)); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if want := []string{string(h) + "/", string(h) + "/index.html"}; fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("archive holds %q, want %q", names, want)
	}
	head := n.do(t, http.MethodHead, "/api/v0/storage/raw/"+string(h), http.NoBody)
	if head.StatusCode != 200 || head.Header.Get("Content-Type") != "application/x-tar" || head.Header.Get("Content-Length") != "" {
		t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
	}
	if got := n.get(t, "/api/v0/storage/"+string(h)); got.StatusCode != 404 || got.body != "No file found for hash "+string(h) {
		t.Errorf("inside JSON: %d %s", got.StatusCode, got.body)
	}
	want := fmt.Sprintf(`{"file_hash": "%[1]s", "type": "dir", "size": %d, "download_url": "/api/v0/storage/raw/%[1]s"}`, h, size)
	if got := n.get(t, "/api/v0/storage/metadata/"+string(h)); got.body != want {
		t.Errorf("metadata: %s, want %s", got.body, want)
	}
	if got := n.get(t, "/api/v0/storage/count/"+string(h)); got.body != "2" {
		t.Errorf("count: %s, want the pins of the upload and of the message", got.body)
	}
	// The page in it is no file of the node until a message stores it.
	path := "/api/v0/storage/raw/" + string(hashOf(page))
	if got := n.get(t, path); got.StatusCode != 404 {
		t.Errorf("a file inside the directory: %d", got.StatusCode)
	}
	if r := n.publish(t, storeCID(t, key(t, "2"), 1767250001, hashOf(page))); r.StatusCode != 200 {
		t.Errorf("store a file inside the directory: %d %s", r.StatusCode, r.body)
	}
	if got := n.get(t, path); got.StatusCode != 200 || got.body != "<h1>hello</h1>" {
		t.Errorf("the stored file: %d %q", got.StatusCode, got.body)
	}
}

// TestRefusedCAR goes through the table of spec ccn-http-api 10.6.
func TestRefusedCAR(t *testing.T) {
	t.Parallel()
	const most = 4000
	n := startNode(t, func(s *settings) { s.api.IPFS.MaxCARSize = most })
	alice := key(t, "1")
	root, page, archive := site("page")
	pageOnly := string(blobtest.Header(root.Cid())) + string(blobtest.Section(page.Cid().Bytes(), page.RawData()))
	sound := withMessage(t, storeCID(t, alice, 1767250000, hashOf(root)), true)
	for name, c := range map[string]struct {
		parts []string
		want  int
		body  string
	}{
		"too large":       {[]string{"file", strings.Repeat("x", most+1), "metadata", sound}, 413, "Maximum request body size 4000 exceeded."},
		"empty metadata":  {[]string{"file", archive, "metadata", ""}, 422, "422: metadata is required for CAR upload"},
		"bad metadata":    {[]string{"file", "x", "metadata", "{"}, 422, `422: Could not decode metadata: [{"type":"json_invalid"`},
		"two roots":       {[]string{"file", string(blobtest.Header(root.Cid(), page.Cid())), "metadata", sound}, 422, "422: Invalid CAR file: expected exactly 1 root, got 2"},
		"another root":    {[]string{"file", string(blobtest.Archive(page)), "metadata", sound}, 422, "422: Root CID does not match (" + string(hashOf(page)) + " != " + string(hashOf(root)) + ")"},
		"cut in a block":  {[]string{"file", archive[:len(archive)-3], "metadata", sound}, 502, "502: Failed to import CAR into IPFS: the archive ends within a block"},
		"wrong bytes":     {[]string{"file", archive[:len(archive)-1] + "x", "metadata", sound}, 502, "502: Failed to import CAR into IPFS: the bytes of block "},
		"missing block":   {[]string{"metadata", sound, "file", pageOnly}, 502, "502: Failed to import CAR into IPFS: block "},
		"first file wins": {[]string{"file", archive, "file", pageOnly, "metadata", sound}, 502, "502: Failed to import CAR into IPFS: block "},
	} {
		r := n.sendForm(t, addCAR, c.parts...)
		if r.StatusCode != c.want || !strings.HasPrefix(r.body, c.body) {
			t.Errorf("%s: got %d %s, want %d %s", name, r.StatusCode, r.body, c.want, c.body)
		}
		if left := n.stored(t); len(left) != 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
	if log := n.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("errors were logged:\n%s", log)
	}
}

// TestIPFSDisabled and what else a node can be configured to refuse.
// // spec ccn-http-api 10.5
func TestIPFSDisabled(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.IPFS.Enabled = false })
	for _, path := range []string{"add_file", "add_json", "add_car"} {
		if r := n.sendForm(t, "/api/v0/ipfs/"+path, "file", "x"); r.StatusCode != 403 || r.body != "403: IPFS is disabled on this node" {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
}

// TestIPFSFileLimits uploads files that are too large, with and without metadata.
func TestIPFSFileLimits(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.IPFS.MaxFileSize, s.api.IPFS.MaxAnonymousFileSize = 3000, 1000 })
	for size, want := range map[int]string{
		1001: "Maximum request body size 1000 exceeded.", 3001: "Maximum request body size 3000 exceeded.",
	} {
		for _, parts := range [][]string{{"file", strings.Repeat("x", size)}, {"metadata", "", "file", strings.Repeat("x", size)}} {
			if r := n.sendForm(t, "/api/v0/ipfs/add_file", parts...); r.StatusCode != 413 || r.body != want {
				t.Errorf("%d bytes in %d parts: %d %s", size, len(parts)/2, r.StatusCode, r.body)
			}
		}
	}
	if left := n.stored(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestUploadFunds uploads for an owner who cannot pay, then can.
// // spec ccn-http-api 10.2, 10.3, 10.5, 10.6
func TestUploadFunds(t *testing.T) {
	t.Parallel()
	m := openMarket(t)
	bob := key(t, "2")
	now := float64(noon.Unix())
	root, _, archive := site("paid")
	const cid = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
	ups := []struct{ path, file, metadata string }{
		{"/api/v0/storage/add_file", "stored", withMessage(t, storeOf(t, bob, message.HashOf([]byte("stored")), ""), true)},
		{"/api/v0/ipfs/add_file", "hello world\n", withMessage(t, storeCID(t, bob, now, cid), true)},
		{addCAR, archive, withMessage(t, storeCID(t, bob, now, hashOf(root)), true)},
	}
	for _, u := range ups {
		if r := m.sendForm(t, u.path, "metadata", u.metadata, "file", u.file); r.StatusCode != 402 || r.body != "402: Payment Required" {
			t.Errorf("%s without funds: %d %s", u.path, r.StatusCode, r.body)
		}
	}
	m.holds(bob, 10)
	for _, u := range ups {
		if r := m.sendForm(t, u.path, "metadata", u.metadata, "file", u.file); r.StatusCode != 200 {
			t.Errorf("%s with funds: %d %s", u.path, r.StatusCode, r.body)
		}
	}
}

// TestContentOnIPFS publishes a message whose content was uploaded before, and one
// whose content comes later. // spec messages 4.4
func TestContentOnIPFS(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	post := func(body string) (*message.Message, string) {
		content := fmt.Sprintf(`{"address":%q,"content":%q,"time":1767250000,"type":"test"}`, alice.Address(), body)
		m := &message.Message{Type: message.TypePost, ItemType: message.ItemIPFS, Time: message.TimestampFromSeconds(1767250000)}
		m.ItemHash = hashOf(blobtest.V0(content))
		if err := account.Sign(alice, m); err != nil {
			t.Fatal(err)
		}
		return m, content
	}
	upload := func(m *message.Message, content string) {
		var answer struct{ Hash message.Hash }
		if r := n.post(t, "/api/v0/ipfs/add_json", content); json.Unmarshal([]byte(r.body), &answer) != nil || answer.Hash != m.ItemHash {
			t.Fatalf("upload: %d %s, want %s", r.StatusCode, r.body, m.ItemHash)
		}
	}
	early, content := post("early")
	upload(early, content)
	if r := n.publish(t, early); r.StatusCode != 200 {
		t.Fatalf("publish: %d %s", r.StatusCode, r.body)
	}
	if r := n.get(t, "/api/v0/messages/"+string(early.ItemHash)+"/content"); r.StatusCode != 200 {
		t.Errorf("content: %d %s", r.StatusCode, r.body)
	}
	late, content := post("late")
	if r := n.publish(t, late); r.StatusCode != 202 {
		t.Fatalf("publish without content: %d %s", r.StatusCode, r.body)
	}
	upload(late, content)
	eventually(t, "the message is processed", func() bool {
		return strings.Contains(n.get(t, "/api/v0/messages/"+string(late.ItemHash)+"/status").body, `"processed"`)
	})
}

// TestForgottenDirectory forgets a directory of which another message keeps a
// file: all other blocks go when the time of grace is over.
func TestForgottenDirectory(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	root, page, archive := site("kept")
	m := storeCID(t, alice, 1767250000, hashOf(root))
	if r := n.sendForm(t, addCAR, "file", archive, "metadata", withMessage(t, m, true)); r.StatusCode != 200 {
		t.Fatalf("upload: %d %s", r.StatusCode, r.body)
	}
	kept := storeCID(t, alice, 1767250001, hashOf(page))
	for _, later := range []*message.Message{
		kept, signed(t, alice, message.TypeForget, "TEST", 1767250002, `"hashes":["`+string(m.ItemHash)+`"]`),
	} {
		if r := n.publish(t, later); r.StatusCode != 200 {
			t.Fatalf("publish: %d %s", r.StatusCode, r.body)
		}
	}
	n.later.Store(int64(25 * time.Hour))
	if err := n.queue.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := n.get(t, "/api/v0/storage/raw/"+string(hashOf(root))); r.StatusCode != 404 {
		t.Errorf("the directory: %d", r.StatusCode)
	}
	if r := n.get(t, "/api/v0/storage/raw/"+string(hashOf(page))); r.body != "kept" {
		t.Errorf("the file: %d %q", r.StatusCode, r.body)
	}
	if left := n.stored(t); len(left) != 2 { // the block and the list of the file
		t.Errorf("on disk: %v", left)
	}
	// A STORE that is refused does not keep what it made the node put together.
	stranger := signed(t, key(t, "2"), message.TypeStore, "TEST", 1767250003,
		`"item_type":"ipfs","item_hash":"`+string(hashOf(page))+`","address":"somebody"`)
	if r := n.publish(t, stranger); r.StatusCode != 422 {
		t.Errorf("a stranger: %d %s", r.StatusCode, r.body)
	}
}

// TestCutCAR breaks the connection in the middle of an archive.
func TestCutCAR(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	leaf := blobtest.Raw(strings.Repeat("x", 400_000))
	archive := string(blobtest.Archive(leaf, blobtest.Raw(strings.Repeat("y", 400_000))))
	_, err = io.WriteString(conn, "POST "+addCAR+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"+
		"Content-Type: multipart/form-data; boundary=B\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"+archive[:600_000])
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first block is there", func() bool { return len(n.stored(t)) == 1 })
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is left", func() bool { return len(n.stored(t)) == 0 })
}
