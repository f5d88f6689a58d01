// Package admin is the operator's door of a running node: a Unix socket in the
// node's data folder, which only the user who runs the node can open.
//
// [Serve] answers on it; [Client] is what the command line asks through. The two
// speak JSON over HTTP to each other and to nobody else, so the form may change
// with the program. Reading needs no door: the database can be read beside a
// running node.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

const (
	// mostBody bounds a request: a few thousand hashes.
	mostBody = 1 << 20
	// mostPath is how long the path of a socket may be. // man 7 unix
	mostPath = 107
	// headerTime bounds the headers of a request, and stopTime what is under way
	// when the node stops.
	headerTime = 5 * time.Second
	stopTime   = 5 * time.Second
	// dialTime bounds the time to find out whether somebody listens.
	dialTime = time.Second
)

// The acts that a node does for its operator.
const (
	pathRetry = "/dead-letters/retry"
	pathDrop  = "/dead-letters/drop"
)

// Selection says which dead letters an act is for: those named, or all rejected
// messages that the filter selects.
type Selection struct {
	Hashes  []message.Hash    `json:"hashes,omitempty"`
	Codes   []message.Code    `json:"codes,omitempty"`
	Senders []message.Address `json:"senders,omitempty"`
	Types   []message.Type    `json:"types,omitempty"`
	Since   message.Timestamp `json:"since,omitempty"`
}

func (s Selection) filter() store.LetterFilter {
	return store.LetterFilter{Codes: s.Codes, Senders: s.Senders, Types: s.Types, Since: s.Since}
}

// Outcome is what became of one dead letter.
type Outcome struct {
	Hash   message.Hash   `json:"item_hash"`
	Status message.Status `json:"status,omitempty"`
	// Code and Details say why it was rejected once more.
	Code    *message.Code   `json:"error_code,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
	// Error says why nothing could be done.
	Error string `json:"error,omitempty"`
}

// Answer says what an act did.
type Answer struct {
	// Letters are those that were named, in their order.
	Letters []Outcome `json:"letters,omitempty"`
	// Counts is what became of those that a filter selected.
	Counts *ingest.LetterCounts `json:"counts,omitempty"`
	// Dropped is how many were dropped.
	Dropped int64 `json:"dropped"`
}

// Listen opens the door at a path. A socket that an earlier process left behind
// is replaced; one on which a process answers is not.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > mostPath {
		return nil, fmt.Errorf("%w: the path of the operator's socket %s is longer than %d bytes: name a shorter one with node.admin_socket",
			message.ErrInvalid, path, mostPath)
	}
	dialer := net.Dialer{Timeout: dialTime}
	if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("%w: another node answers on %s: stop it, or name another socket with node.admin_socket",
			message.ErrConflict, path), conn.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("operator's socket: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("operator's socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("operator's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("operator's socket: %w", err), l.Close())
	}
	return l, nil
}

// Serve answers on l until ctx ends.
func Serve(ctx context.Context, l net.Listener, queue *ingest.Queue, log *slog.Logger) error {
	door := &door{queue: queue, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathRetry, door.act(door.retry))
	mux.HandleFunc("POST "+pathDrop, door.act(door.drop))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTime, IdleTimeout: headerTime,
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }() // ends with the server, below
	select {
	case err := <-served:
		return fmt.Errorf("operator's socket %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		_ = server.Close() // what is under way is cut
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("operator's socket %s: %w", l.Addr(), err)
	}
	return nil
}

// door answers requests.
type door struct {
	queue *ingest.Queue
	log   *slog.Logger
}

// failure is the body of an answer that is none.
type failure struct {
	Error string `json:"error"`
}

// act reads a selection and writes what was done.
func (d *door) act(do func(context.Context, Selection) (Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var s Selection
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&s); err != nil {
			write(w, http.StatusBadRequest, failure{"read the request: " + err.Error()})
			return
		}
		d.log.InfoContext(r.Context(), "the operator acts", slog.String("act", r.URL.Path), slog.Int("named", len(s.Hashes)))
		answer, err := do(r.Context(), s)
		if err != nil {
			write(w, http.StatusServiceUnavailable, failure{err.Error()})
			return
		}
		write(w, http.StatusOK, answer)
	}
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked may have left
}

func (d *door) retry(ctx context.Context, s Selection) (Answer, error) {
	if len(s.Hashes) == 0 {
		counts, err := d.queue.RetryLetters(ctx, s.filter())
		return Answer{Counts: &counts}, err
	}
	var a Answer
	for _, hash := range s.Hashes {
		o := Outcome{Hash: hash}
		res, err := d.queue.RetryLetter(ctx, hash)
		switch {
		case isAnswer(err):
			o.Error = err.Error()
		case err != nil:
			return a, fmt.Errorf("retry %s: %w", hash, err)
		}
		o.Status = res.Status
		if rej := res.Rejection; rej != nil {
			o.Code, o.Details = &rej.Code, rej.Details()
		}
		a.Letters = append(a.Letters, o)
	}
	return a, nil
}

func (d *door) drop(ctx context.Context, s Selection) (Answer, error) {
	var a Answer
	if len(s.Hashes) == 0 {
		n, err := d.queue.DropLetters(ctx, s.filter())
		a.Dropped = n
		return a, err
	}
	for _, hash := range s.Hashes {
		o := Outcome{Hash: hash}
		switch err := d.queue.DropLetter(ctx, hash); {
		case isAnswer(err):
			o.Error = err.Error()
		case err != nil:
			return a, fmt.Errorf("drop %s: %w", hash, err)
		default:
			a.Dropped++
		}
		a.Letters = append(a.Letters, o)
	}
	return a, nil
}

// isAnswer reports whether err is about one letter and not about the node.
func isAnswer(err error) bool {
	return errors.Is(err, message.ErrNotFound) || errors.Is(err, message.ErrInvalid)
}
