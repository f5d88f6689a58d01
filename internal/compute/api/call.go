package api

import (
	"context"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"aleph/internal/compute/guest"
	"aleph/message"
)

// callPath runs a function named in the path: /vm/HASH/the/rest. // spec crn 1.13
func (s *Server) callPath(w http.ResponseWriter, r *http.Request, ref string) error {
	hash, ok := parseRef(ref)
	if !ok {
		return failf(http.StatusBadRequest, "Invalid message reference: %s", ref)
	}
	return s.call(w, r, hash, "/vm/"+ref)
}

// callHost runs a function named by the host name. // spec crn 1.13
func (s *Server) callHost(w http.ResponseWriter, r *http.Request) error {
	name := hostName(r.Host)
	if strings.EqualFold(name, hostName(s.cfg.DomainName)) || net.ParseIP(name) != nil {
		if r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			return s.index(w)
		}
		return failf(http.StatusNotFound, "404: Invalid message reference")
	}
	hash, ok := s.hashOfName(r.Context(), name)
	if !ok {
		return failf(http.StatusNotFound, "404: Invalid message reference")
	}
	return s.call(w, r, hash, "")
}

// hostName is a host without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// txtTimeout bounds the look-up of a name that is not a hash.
const txtTimeout = 5 * time.Second

// hashOfName finds the function that a host name stands for: its first label
// is the hash in base32, or a TXT record says the hash. // spec crn 1.13
func (s *Server) hashOfName(ctx context.Context, name string) (message.Hash, bool) {
	label, rest, dotted := strings.Cut(name, ".")
	const encoded = 56 // of 32 bytes, padded
	if pad := encoded - len(label); pad >= 0 {
		raw, err := base32.StdEncoding.DecodeString(strings.ToUpper(label) + strings.Repeat("=", pad))
		if err == nil {
			return parseRef(hex.EncodeToString(raw))
		}
	}
	if !dotted || rest == "" {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, txtTimeout)
	defer cancel()
	records, err := s.txt.LookupTXT(ctx, "_aleph-id."+name)
	if err != nil || len(records) == 0 {
		return "", false
	}
	return parseRef(strings.TrimSpace(records[0]))
}

// index says what this is.
func (s *Server) index(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	const page = `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Aleph compute host</title>` +
		`<h1>Aleph compute host</h1><p>Functions answer at <code>/vm/HASH/</code>. See <a href="/about/executions/list">what runs here</a>, ` +
		`<a href="/about/usage/system">how busy it is</a> and <a href="/status/config">how it is configured</a>.</p></html>`
	_, _ = io.WriteString(w, page) // a broken connection has nobody to tell
	return nil
}

// call runs a function for one request and copies its answer as it comes.
func (s *Server) call(w http.ResponseWriter, r *http.Request, hash message.Hash, root string) error {
	control := http.NewResponseController(w)
	// The answer may come before the whole request has been read.
	_ = control.EnableFullDuplex() // HTTP/2 always can
	request := guest.RequestFromHTTP(r, root)
	upload := &upload{Reader: request.Body}
	if request.Body != nil {
		request.Body = upload
		defer func() {
			if !upload.ended.Load() {
				_ = control.SetReadDeadline(s.now()) // nobody reads the rest
			}
		}()
	}
	answer, err := s.host.Call(r.Context(), hash, request)
	h := w.Header()
	if request.Body != nil && !upload.ended.Load() {
		// What is left of the request must not be taken for the next one.
		h.Set("Connection", "close")
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for _, line := range answer.Headers {
		switch name := http.CanonicalHeaderKey(line.Name); name {
		case "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer", "Proxy-Connection", "Te", "Server":
			// These belong to the connection, or to this host. The reference drops
			// Content-Encoding and Vary too, since it decodes bodies; here bodies
			// stay as the program sent them.
		default:
			if validHeader(line) {
				h.Add(name, line.Value)
			}
		}
	}
	h.Set("Aleph-Program-ItemHash", string(hash))
	h.Set("Aleph-Program-Code-Ref", string(answer.CodeRef))
	if answer.Status < 200 || answer.Status > 999 {
		h.Del("Content-Length")
		return failf(http.StatusBadGateway, "The program answered with status %d, which is none", answer.Status)
	}
	room := declaredLength(h)
	if answer.Status == http.StatusNoContent || answer.Status == http.StatusNotModified {
		room = 0 // such an answer has no body
	}
	if answer.Status == http.StatusNoContent {
		h.Del("Content-Length")
	}
	w.WriteHeader(answer.Status)
	return s.copyBody(w, r, answer, room)
}

// declaredLength returns how long an answer says to be. A length that is no
// number, or several that differ, would let callers take the rest of one answer
// for the next: it is dropped, and there is no bound.
func declaredLength(h http.Header) int64 {
	values := h.Values("Content-Length")
	if len(values) == 0 {
		return math.MaxInt64
	}
	length, err := strconv.ParseUint(values[0], 10, 63)
	for _, other := range values[1:] {
		if other != values[0] {
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		h.Del("Content-Length")
		return math.MaxInt64
	}
	h.Set("Content-Length", values[0])
	return int64(length)
}

// upload knows whether the body of a request was read to its end.
type upload struct {
	io.Reader
	ended atomic.Bool
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		u.ended.Store(true)
	}
	return n, err
}

// validHeader reports whether a line may stand in an answer.
func validHeader(line guest.Header) bool {
	return line.Name != "" && !strings.ContainsAny(line.Name, " \t\r\n:\x00") && !strings.ContainsAny(line.Value, "\r\n\x00")
}

// copyBody sends the body on as it comes, at most room bytes of it: what a
// program sends beyond the length that it declared is dropped. When the body
// breaks off, so does the connection: the caller must not take a part for the
// whole.
func (s *Server) copyBody(w http.ResponseWriter, r *http.Request, answer *Answer, room int64) error {
	control := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for {
		n, err := answer.Body.Read(buf)
		if int64(n) > room {
			s.log.DebugContext(r.Context(), "a function's answer is longer than it says", "path", r.URL.Path)
			n, err = int(room), io.EOF
		}
		room -= int64(n)
		if n > 0 {
			if _, writeErr := w.Write(buf[:n]); writeErr != nil {
				return http.ErrAbortHandler
			}
			if err == nil && n < len(buf) {
				_ = control.Flush() // what cannot flush sends at its end
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if r.Context().Err() == nil {
				s.log.DebugContext(r.Context(), "the body of a function's answer broke off", "path", r.URL.Path, "error", err)
			}
			return http.ErrAbortHandler
		}
	}
}
