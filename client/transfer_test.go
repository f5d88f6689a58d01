package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aleph/client"
	"aleph/message"
)

// someBytes are the same on every run and not compressible.
func someBytes(n int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	if _, err := source.Read(b); err != nil {
		panic(err) // it never fails
	}
	return b
}

func TestUpload(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	data := someBytes(300_000)
	for _, status := range []int{http.StatusOK, http.StatusAccepted} {
		c := newNode(t, routes{"POST /api/v0/storage/add_file": func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength <= int64(len(data)) {
				t.Errorf("length is %d", r.ContentLength)
			}
			form, err := r.MultipartReader()
			if err != nil {
				t.Error(err)
				return
			}
			part, err := form.NextPart()
			if err != nil || part.FormName() != "metadata" {
				t.Errorf("first part is %v, %v", part, err)
				return
			}
			var sent submission
			if err := json.NewDecoder(part).Decode(&sent); err != nil || !sent.Sync {
				t.Errorf("metadata: %+v, %v", sent, err)
			}
			m, err := message.ParseEnvelope(sent.Message)
			if err != nil {
				t.Error(err)
				return
			}
			store := m.Content.(*message.Store)
			if store.ItemHash != message.HashOf(data) || store.Ref != "mine" || string(store.Metadata) != `{"name":"x"}` {
				t.Errorf("content is %+v", store)
			}
			if part, err = form.NextPart(); err != nil || part.FormName() != "file" || part.FileName() != "photo ü.jpg" {
				t.Errorf("second part is %v, %v", part, err)
				return
			}
			if got, err := io.ReadAll(part); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes arrived, %v", len(got), err)
			}
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"status":"success","hash":"%s"}`, message.HashOf(data))
		}})
		var last, total int64
		published, err := c.Upload(t.Context(), key, bytes.NewReader(data), client.UploadOptions{
			PublishOptions: client.PublishOptions{Sync: true}, Name: "photo ü.jpg", Ref: "mine", Metadata: json.RawMessage(`{"name":"x"}`),
			Progress: func(d, t int64) { last, total = d, t },
		})
		if err != nil {
			t.Fatal(err)
		}
		want := message.StatusProcessed
		if status == http.StatusAccepted {
			want = message.StatusPending
		}
		if published.Status != want || last != int64(len(data)) || total != last {
			t.Errorf("status %s, progress %d of %d", published.Status, last, total)
		}
	}
}

func TestUploadRefused(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	tests := []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"too large", http.StatusRequestEntityTooLarge, "Maximum request body size 10 exceeded.", message.ErrInvalid},
		{"no funds", http.StatusPaymentRequired, "402: Payment Required", message.ErrForbidden},
		{"signature", http.StatusForbidden, "403: Forbidden", message.ErrForbidden},
		{"hash", http.StatusUnprocessableEntity, "422: File hash does not match (a != b)", message.ErrInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// The node answers without reading what is sent.
			c := newNode(t, routes{"POST /api/v0/storage/add_file": says(test.status, test.body)})
			read := 0
			_, err := c.Upload(t.Context(), key, bytes.NewReader(someBytes(5_000_000)), client.UploadOptions{
				Progress: func(done, _ int64) { read = int(done) },
			})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.body) {
				t.Errorf("error is %v", err)
			}
			if read != 0 {
				t.Errorf("%d bytes were sent to a node that refuses them", read)
			}
		})
	}
	rejected := newNode(t, routes{
		"POST /api/v0/storage/add_file": says(http.StatusUnprocessableEntity, `{"status":"success","hash":"x"}`),
		"GET /api/v0/messages/{hash}":   says(http.StatusOK, `{"status":"rejected","item_hash":"`+string(someHash)+`","message":{},"error_code":2,"details":null}`),
	})
	_, err := rejected.Upload(t.Context(), key, strings.NewReader("x"), client.UploadOptions{})
	if r, ok := errors.AsType[*message.Rejection](err); !ok || r.Code != message.CodePermissionDenied {
		t.Errorf("rejected: %v", err)
	}
}

// fileNode serves one file, with ranges if it can.
func fileNode(t *testing.T, data []byte, ranges bool) (*client.Client, *[]string) {
	t.Helper()
	asked := &[]string{}
	return newNode(t, routes{"GET /api/v0/storage/raw/{hash}": func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Header.Get("Range"))
		if r.PathValue("hash") != string(message.HashOf(data)) {
			http.Error(w, "Not found", http.StatusNotFound)
			return
		}
		if !ranges {
			r.Header.Del("Range")
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}}), asked
}

func TestDownloadTo(t *testing.T) {
	t.Parallel()
	data := someBytes(200_000)
	hash := message.HashOf(data)
	tests := []struct {
		name   string
		part   []byte
		ranges bool
		asked  string // the ranges asked for
	}{
		{"fresh", nil, true, ""},
		{"goes on", data[:150_000], true, "bytes=150000-"},
		{"node without ranges", data[:150_000], false, "bytes=150000-"},
		{"part of another file", someBytes(400)[200:], true, "bytes=200-|"},
		{"part too long", append(bytes.Clone(data), 1, 2), true, "bytes=200002-|"},
		{"part complete", data, true, "none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, asked := fileNode(t, data, test.ranges)
			path := filepath.Join(t.TempDir(), "out")
			if test.part != nil {
				if err := os.WriteFile(path+".part", test.part, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var last int64
			size, err := c.DownloadTo(t.Context(), hash, path, func(done, _ int64) { last = done })
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, data) || size != int64(len(data)) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if _, err := os.Stat(path + ".part"); err == nil {
				t.Error("the partial file is left behind")
			}
			want := test.asked
			if want == "none" {
				if len(*asked) != 0 {
					t.Errorf("asked for %q", *asked)
				}
				return
			}
			if got := strings.Join(*asked, "|"); got != want || last != size {
				t.Errorf("asked for %q, want %q; progress ends at %d", got, want, last)
			}
		})
	}
}

func TestDownloadThatLies(t *testing.T) {
	t.Parallel()
	c := newNode(t, routes{"/": says(http.StatusOK, "not what you asked for")})
	path := filepath.Join(t.TempDir(), "out")
	if _, err := c.DownloadTo(t.Context(), someHash, path, nil); !errors.Is(err, message.ErrInvalid) || !strings.Contains(err.Error(), string(someHash)) {
		t.Errorf("error is %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDownloadThatBreaksOff(t *testing.T) {
	t.Parallel()
	data := someBytes(100_000)
	broken := true
	c := newNode(t, routes{"/": func(w http.ResponseWriter, r *http.Request) {
		if broken {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = w.Write(data[:40_000])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}})
	path := filepath.Join(t.TempDir(), "out")
	if _, err := c.DownloadTo(t.Context(), message.HashOf(data), path, nil); !errors.Is(err, message.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
	if info, err := os.Stat(path + ".part"); err != nil || info.Size() == 0 {
		t.Errorf("nothing to go on from: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("half a file stands where the whole belongs")
	}
	broken = false
	if _, err := c.DownloadTo(t.Context(), message.HashOf(data), path, nil); err != nil {
		t.Error(err)
	}
}

func TestDownloadOfNothing(t *testing.T) {
	t.Parallel()
	c, _ := fileNode(t, nil, true)
	dir := t.TempDir()
	if size, err := c.DownloadTo(t.Context(), message.HashOf(nil), filepath.Join(dir, "empty"), nil); err != nil || size != 0 {
		t.Errorf("empty file: %d, %v", size, err)
	}
	if _, err := c.DownloadTo(t.Context(), someHash, filepath.Join(dir, "gone"), nil); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("unknown file: %v", err)
	}
	if _, err := c.DownloadTo(t.Context(), "QmPoBEaYRf2HDHHFsD7tYkCcSdpLbx5CYDgCgDtW4ywhSK", filepath.Join(dir, "cid"), nil); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("a file that cannot be verified: %v", err)
	}
}

func TestVerifyReader(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"right": nil, "wrong": message.ErrInvalid} {
		r, err := client.VerifyReader(strings.NewReader(text), message.HashOf([]byte("right")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLatestStore(t *testing.T) {
	t.Parallel()
	store := func(owner, ref string) string {
		content := fmt.Sprintf(`{"address":%q,"time":1.5,"item_type":"storage","item_hash":%q,"ref":%q}`, owner, someHash, ref)
		text, _ := json.Marshal(content)
		return fmt.Sprintf(`{"sender":"0x1","chain":"ETH","type":"STORE","time":1.5,"item_type":"inline","item_hash":%q,"item_content":%s,"content":%s}`,
			message.HashOf([]byte(content)), text, content)
	}
	original := store("0xOwner", "")
	update := store("0xOwner", string(someHash))
	stranger := store("0xOther", string(someHash))
	for name, test := range map[string]struct {
		updates string
		updated bool
	}{
		"none":     {"", false},
		"one":      {update, true},
		"stranger": {stranger, false},
	} {
		c := newNode(t, routes{"GET /api/v0/messages.json": func(w http.ResponseWriter, r *http.Request) {
			list := original
			if r.URL.Query().Has("refs") {
				list = test.updates
			}
			fmt.Fprintf(w, `{"messages":[%s],"pagination_total":1}`, list)
		}})
		got, err := c.LatestStore(t.Context(), someHash)
		if err != nil || (got != someHash) != test.updated {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
