package api_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aleph/account"
	"aleph/message"
)

// small makes limits that tests can reach: 3000 bytes with metadata, 1000 without.
func small(s *settings) { s.api.MaxFileSize, s.api.MaxAnonymousFileSize = 3000, 1000 }

// stored is what a node keeps on disk: files, and uploads not yet ended.
func (n *testNode) stored(t testing.TB) []string {
	t.Helper()
	var found []string
	root := filepath.Join(n.folder, "files")
	err := filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			found = append(found, entry.Name())
		}
		if errors.Is(err, fs.ErrNotExist) { // it went while we looked
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func storeOf(t testing.TB, by *account.Key, h message.Hash, more string) *message.Message {
	t.Helper()
	return signed(t, by, message.TypeStore, "TEST", 1767250000, `"item_type":"storage","item_hash":"`+string(h)+`"`+more)
}

func withMessage(t testing.TB, m *message.Message, sync bool) string {
	t.Helper()
	return fmt.Sprintf(`{"message":%s,"sync":%t}`, envelope(t, m), sync)
}

// TestUpload goes through the table of spec ccn-http-api 10.3.
func TestUpload(t *testing.T) {
	t.Parallel()
	n := startNode(t, small)
	alice := key(t, "1")
	size := 0
	fresh := func(size int) []byte { return bytes.Repeat([]byte{byte(size), byte(size >> 8)}, (size+1)/2)[:size] }
	for name, c := range map[string]struct {
		file     int
		metadata func(h message.Hash) string
		want     int
		body     string // a part of it
		kept     bool
	}{
		"anonymous":             {file: 100, want: 200, body: `{"status": "success", "hash": "`, kept: true},
		"anonymous, at limit":   {file: 1000, want: 200, body: "success", kept: true},
		"anonymous, over limit": {file: 1001, want: 413, body: "Maximum request body size 1000 exceeded."},
		"over limit":            {file: 3001, want: 413, body: "Maximum request body size 3000 exceeded."},
		"empty metadata": {
			file: 1002, metadata: func(message.Hash) string { return "" }, want: 413, body: "Maximum request body size 1000 exceeded.",
		},
		"sync": {
			file: 3000, want: 200, body: "success", kept: true,
			metadata: func(h message.Hash) string { return withMessage(t, storeOf(t, alice, h, ""), true) },
		},
		"not sync": {
			file: 2000, want: 202, body: "success", kept: true,
			metadata: func(h message.Hash) string { return withMessage(t, storeOf(t, alice, h, ""), false) },
		},
		"rejected by the rules": {
			file: 2001, want: 422, body: "success", kept: true,
			metadata: func(h message.Hash) string {
				return withMessage(t, storeOf(t, alice, h, `,"ref":"bob/x","address":"bob"`), true)
			},
		},
		"waits for another message": {
			file: 2002, want: 202, body: "success", kept: true,
			metadata: func(h message.Hash) string {
				return withMessage(t, storeOf(t, alice, h, `,"ref":"`+strings.Repeat("cd", 32)+`"`), true)
			},
		},
		"metadata not JSON": {
			file: 2003, metadata: func(message.Hash) string { return "{" }, want: 422, body: `422: Could not decode metadata: [{"type":"json_invalid"`,
		},
		"metadata an array": {
			file: 2004, metadata: func(message.Hash) string { return "[]" }, want: 422, body: `422: Could not decode metadata: [{"type":"model_type"`,
		},
		"sync missing": {
			file: 2005, want: 422, body: `422: Could not decode metadata: [{"type":"missing","loc":["sync"]`,
			metadata: func(h message.Hash) string { return `{"message":` + envelope(t, storeOf(t, alice, h, "")) + `}` },
		},
		"message missing": {
			file: 2006, metadata: func(message.Hash) string { return `{"sync":true}` }, want: 422, body: `"loc":["message"]`,
		},
		"not a STORE": {
			file: 2007, want: 422, body: "422: Could not decode metadata: ",
			metadata: func(message.Hash) string {
				return withMessage(t, signed(t, alice, message.TypePost, "TEST", 1, `"type":"t","content":{}`), true)
			},
		},
		"wrong item hash": {
			file: 2008, want: 422, body: "422: Could not decode metadata: ",
			metadata: func(h message.Hash) string {
				m := storeOf(t, alice, h, "")
				m.ItemHash = message.HashOf(nil)
				return withMessage(t, m, true)
			},
		},
		"wrong signature": {
			file: 2009, want: 403, body: "403: Forbidden",
			metadata: func(h message.Hash) string {
				m := storeOf(t, alice, h, "")
				m.Signature = storeOf(t, alice, message.HashOf(nil), "").Signature
				return withMessage(t, m, true)
			},
		},
		"no signature": {
			file: 2010, want: 403, body: "403: Forbidden",
			metadata: func(h message.Hash) string {
				m := storeOf(t, alice, h, "")
				m.Signature = ""
				return withMessage(t, m, true)
			},
		},
		"chain without verifier": {
			file: 2011, want: 403, body: "403: Forbidden",
			metadata: func(h message.Hash) string {
				m := storeOf(t, alice, h, "")
				m.Chain = "STT"
				return withMessage(t, m, true)
			},
		},
		"content is no STORE": {
			file: 2012, want: 422, body: "422: Invalid store message content: [",
			metadata: func(message.Hash) string {
				return withMessage(t, signed(t, alice, message.TypeStore, "TEST", 1, `"item_type":"storage"`), true)
			},
		},
		"other file": {
			file: 2013, want: 422, body: "422: File hash does not match (",
			metadata: func(message.Hash) string { return withMessage(t, storeOf(t, alice, message.HashOf(nil), ""), true) },
		},
	} {
		size++
		file := fresh(c.file)
		h := message.HashOf(file)
		metadata := ""
		if c.metadata != nil {
			metadata = c.metadata(h)
		}
		r := n.upload(t, file, metadata)
		if r.StatusCode != c.want || !strings.Contains(r.body, c.body) {
			t.Errorf("%s: got %d %s, want %d with %s", name, r.StatusCode, r.body, c.want, c.body)
		}
		raw := n.get(t, "/api/v0/storage/raw/"+string(h))
		if c.kept != (raw.StatusCode == http.StatusOK) || (c.kept && raw.body != string(file)) {
			t.Errorf("%s: download: got %d, kept %t", name, raw.StatusCode, c.kept)
		}
		if n.blobs.Has(h) != c.kept {
			t.Errorf("%s: on disk %t, want %t", name, n.blobs.Has(h), c.kept)
		}
	}
	for _, name := range n.stored(t) {
		if strings.HasPrefix(name, "upload-") {
			t.Errorf("left behind: %s", name)
		}
	}
}

// form sends the parts in order; a name with a slash is name/content type.
func (n *testNode) form(t testing.TB, parts ...string) reply {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for i := 0; i+1 < len(parts); i += 2 {
		name, kind, typed := strings.Cut(parts[i], "/")
		header := map[string][]string{"Content-Disposition": {`form-data; name="` + name + `"; filename="x"`}}
		if typed {
			header["Content-Type"] = []string{kind}
		}
		part, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return n.do(t, http.MethodPost, "/api/v0/storage/add_file", &form, "Content-Type", w.FormDataContentType())
}

func TestUploadForms(t *testing.T) {
	t.Parallel()
	n := startNode(t, small)
	alice := key(t, "1")
	text := strings.Repeat("in any order ", 100)
	h := message.HashOf([]byte(text))
	metadata := withMessage(t, storeOf(t, alice, h, ""), true)
	for name, c := range map[string]struct {
		parts []string
		want  int
		body  string
	}{
		"file first":       {[]string{"file", text, "metadata", metadata}, 200, string(h)},
		"metadata first":   {[]string{"metadata", metadata, "file", text}, 200, string(h)},
		"typed metadata":   {[]string{"metadata/application/json", metadata, "file/image/png", text}, 200, string(h)},
		"other parts":      {[]string{"a", "1", "file", text, "b", "2", "metadata", metadata, "c", "3"}, 200, string(h)},
		"last file counts": {[]string{"file", "not this", "metadata", metadata, "file", text}, 200, string(h)},
		"nested form":      {[]string{"file/multipart/mixed; boundary=x", text}, 400, "Invalid multipart structure"},
		"no file":          {[]string{"metadata", metadata}, 400, "400: File should be sent as FormData or Raw Upload"},
		"nothing":          {nil, 400, "400: File should be sent as FormData or Raw Upload"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r := n.form(t, c.parts...); r.StatusCode != c.want || !strings.Contains(r.body, c.body) {
				t.Errorf("got %d %s, want %d %s", r.StatusCode, r.body, c.want, c.body)
			}
		})
	}
	var many []string
	for range 200 {
		many = append(many, "x", "y")
	}
	if r := n.form(t, many...); r.StatusCode != http.StatusBadRequest {
		t.Errorf("200 parts: got %d %s", r.StatusCode, r.body)
	}
	if r := n.form(t, "file", "x", "metadata", strings.Repeat("x", 1<<20+1)); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("long metadata: got %d %s", r.StatusCode, r.body)
	}
}

// TestPackedUpload sends compressed bodies: what counts is what comes out.
// // spec ccn-http-api 2.4
func TestPackedUpload(t *testing.T) {
	t.Parallel()
	n := startNode(t, small)
	form := "--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nin a form\r\n--B--\r\n"
	for name, c := range map[string]struct {
		kind, text string
		cut        int
		want       int
		body       string
	}{
		"raw":            {"text/plain", "raw", 0, 200, string(message.HashOf([]byte("raw")))},
		"form":           {"multipart/form-data; boundary=B", form, 0, 200, string(message.HashOf([]byte("in a form")))},
		"bomb":           {"text/plain", strings.Repeat("x", 64<<10), 0, 413, "Maximum request body size 1000 exceeded."},
		"bomb in a form": {"multipart/form-data; boundary=B", strings.Replace(form, "form\r", strings.Repeat("x", 8<<20)+"\r", 1), 0, 413, "exceeded."},
		"cut":            {"text/plain", "raw", 6, 400, "the body of the request is incomplete"},
		"wrong checksum": {"text/plain", "raw", -6, 400, "the body of the request is malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			if _, err := io.WriteString(z, c.text); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			if c.cut < 0 {
				packed.Bytes()[packed.Len()+c.cut]++
			} else {
				packed.Truncate(packed.Len() - c.cut)
			}
			r := n.do(t, http.MethodPost, "/api/v0/storage/add_file", &packed, "Content-Encoding", "gzip", "Content-Type", c.kind)
			if r.StatusCode != c.want || !strings.Contains(r.body, c.body) {
				t.Errorf("got %d %s, want %d %s", r.StatusCode, r.body, c.want, c.body)
			}
		})
	}
	broken := "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\n../b\"\r\n\r\nx\r\n--B--\r\n"
	r := n.do(t, http.MethodPost, "/api/v0/storage/add_file", strings.NewReader(broken), "Content-Type", "multipart/form-data; boundary=B")
	if r.StatusCode != http.StatusBadRequest || r.body != "400: the body of the request is malformed" {
		t.Errorf("a broken form: got %d %s", r.StatusCode, r.body)
	}
}

// TestUploadWakesMessage sends a STORE before its file.
func TestUploadWakesMessage(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	file := []byte("comes after its message")
	m := storeOf(t, key(t, "1"), message.HashOf(file), "")
	if r := n.post(t, "/api/v0/messages", `{"message":`+envelope(t, m)+`}`); r.StatusCode != http.StatusAccepted {
		t.Fatalf("publish: got %d %s", r.StatusCode, r.body)
	}
	events, cancel := n.queue.Subscribe(10)
	defer cancel()
	if r := n.upload(t, file, ""); r.StatusCode != http.StatusOK {
		t.Fatalf("upload: got %d %s", r.StatusCode, r.body)
	}
	for event := range events {
		if event.Hash == m.ItemHash && event.Status == message.StatusProcessed {
			return
		}
	}
	t.Error("the message was not processed")
}

// TestUploadCut breaks the connection in the middle of a file.
func TestUploadCut(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "POST /api/v0/storage/add_file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"+
		"Content-Type: multipart/form-data; boundary=B\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"+strings.Repeat("x", 500_000))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the upload begins", func() bool { return len(n.stored(t)) == 1 })
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is left", func() bool { return len(n.stored(t)) == 0 })
}

// eventually waits until something that happens elsewhere has happened.
func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// TestUploadStopsEarly sends a file without end.
func TestUploadStopsEarly(t *testing.T) {
	t.Parallel()
	n := startNode(t, small)
	for name, c := range map[string]struct {
		before, kind, limit string
	}{
		"raw":  {"", "application/octet-stream", "1000"},
		"form": {"--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n", "multipart/form-data; boundary=B", "3000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64
			body := io.MultiReader(strings.NewReader(c.before), readerFunc(func(p []byte) (int, error) {
				sent.Add(int64(len(p)))
				return len(p), nil
			}))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL+"/api/v0/storage/add_file", body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.kind)
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				// The node closed the connection while the body was still sent.
				if _, ok := errors.AsType[*net.OpError](err); !ok {
					t.Fatal(err)
				}
			} else {
				text, err := io.ReadAll(res.Body)
				if want := "Maximum request body size " + c.limit + " exceeded."; err == nil && string(text) != want {
					t.Errorf("got %d %s, want %s", res.StatusCode, text, want)
				}
				inspect(t, req.Method, req.URL.Path, res.StatusCode, res.Header.Get("Content-Type"), string(text))
				_ = res.Body.Close()
			}
			// What is under way in the buffers of both ends counts as sent.
			if got := sent.Load(); got > 32<<20 {
				t.Errorf("%d bytes were taken of an upload limited to %s", got, c.limit)
			}
		})
	}
	declared := n.do(t, http.MethodPost, "/api/v0/storage/add_file", strings.NewReader(strings.Repeat("x", 5<<20)),
		"Content-Type", "multipart/form-data; boundary=B", "Expect", "100-continue")
	if declared.StatusCode != http.StatusRequestEntityTooLarge || declared.body != "Maximum request body size 3000 exceeded." {
		t.Errorf("declared length: got %d %s", declared.StatusCode, declared.body)
	}
	if left := n.stored(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestTooManyUploads takes all places for uploads.
func TestTooManyUploads(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.MaxUploads, s.api.ReadTimeout = 1, 300*time.Millisecond })
	read, write := io.Pipe()
	done := make(chan reply)
	go func() {
		done <- n.do(t, http.MethodPost, "/api/v0/storage/add_file", io.MultiReader(strings.NewReader("x"), read), "Content-Type", "application/octet-stream")
	}()
	eventually(t, "the first upload begins", func() bool { return len(n.stored(t)) == 1 })
	// While the first one keeps coming, the second is told to come back later.
	stop := make(chan struct{})
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				_ = write.Close()
				return
			case <-tick.C:
				_, _ = write.Write([]byte("y"))
			}
		}
	}()
	if r := n.upload(t, []byte("second"), ""); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("second upload: got %d %s", r.StatusCode, r.body)
	}
	close(stop)
	<-fed
	if r := <-done; r.StatusCode != http.StatusOK {
		t.Errorf("first upload: got %d %s", r.StatusCode, r.body)
	}
}
