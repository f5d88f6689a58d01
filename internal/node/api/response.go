package api

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// response is the answer under way: it knows its status and gives each write
// its own deadline, so that a reader who stops cannot hold a connection while
// one who is merely slow gets everything.
type response struct {
	http.ResponseWriter
	control  *http.ResponseController
	timeout  time.Duration
	head     bool
	status   int
	expected int64
	written  int64
	deadline time.Time
}

func newResponse(w http.ResponseWriter, r *http.Request, timeout time.Duration) *response {
	return &response{
		ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout,
		head: r.Method == http.MethodHead, expected: -1,
	}
}

// Unwrap lets [http.ResponseController] and the WebSocket upgrade reach the
// connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the status and the headers.
func (w *response) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if length, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64); err == nil {
		w.expected = length
	}
	exposeHeaders(w.Header())
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.extend()
	n, err := w.ResponseWriter.Write(p) //nolint:gosec // no answer that repeats what was sent has the type of a page
	w.written += int64(n)
	return n, err
}

// chunkSize is how much of a file is sent under one deadline.
const chunkSize = 512 << 10

// ReadFrom sends a file, without copying it through the program where the
// system can do that.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	// The system's way takes a file with one limit, not with two.
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	var total int64
	for limited.N > 0 {
		w.extend()
		part := min(chunkSize, limited.N)
		n, err := io.Copy(w.ResponseWriter, &io.LimitedReader{R: limited.R, N: part})
		total += n
		w.written += n
		limited.N -= n
		if err != nil || n < part {
			return total, err
		}
	}
	return total, nil
}

// extend moves the deadline of writing forward, not more often than useful.
func (w *response) extend() {
	now := time.Now()
	if w.timeout <= 0 || w.deadline.Sub(now) > w.timeout/2 {
		return
	}
	w.deadline = now.Add(w.timeout)
	// A writer without deadlines is one of a test; it cannot hang either.
	_ = w.control.SetWriteDeadline(w.deadline)
}

// complete reports whether all that was promised has been written.
func (w *response) complete() bool { return w.head || w.expected == w.written }

// errSlowBody says that a request's body stopped coming.
var errSlowBody = errors.New("the body of the request stopped coming")

// progressBody gives each read of a request's body its own deadline.
type progressBody struct {
	io.ReadCloser
	control *http.ResponseController
	timeout time.Duration
	// until is when all of it must have come; zero is no such time.
	until time.Time
}

func (b *progressBody) Read(p []byte) (int, error) {
	if b.timeout > 0 {
		deadline := time.Now().Add(b.timeout)
		if !b.until.IsZero() && b.until.Before(deadline) {
			deadline = b.until
		}
		_ = b.control.SetReadDeadline(deadline)
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errSlowBody
	case b.timeout > 0:
		// From here on the connection is watched for a caller who leaves; that
		// may take as long as the handler does.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// buffers holds the memory of answers.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// mostPooled is the largest buffer that is kept for the next answer.
const mostPooled = 1 << 20

func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= mostPooled {
		b.Reset()
		buffers.Put(b)
	}
}

// writeJSON answers with one value.
func writeJSON(w http.ResponseWriter, status int, s style, value any) error {
	buffer := buffers.Get().(*bytes.Buffer)
	defer putBuffer(buffer)
	buffer.Write(s.value(buffer.AvailableBuffer(), value))
	return writeBody(w, status, typeJSON, buffer.Bytes())
}

// writeBody answers with bytes.
func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) error {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return gone(err)
}

// gone marks a failure to write: the caller left, and nobody is to be told.
func gone(err error) error {
	if err == nil {
		return nil
	}
	return &failure{status: statusClientGone, contentType: typeText, cause: err}
}
