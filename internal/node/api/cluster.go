package api

import (
	"context"
	"errors"
	"io"
	"net/http"

	"aleph/internal/node/ingest"
)

// Cluster is what an API knows of the other processes that serve its database:
// one of them all takes messages and files in.
type Cluster interface {
	// Leads reports whether it is this process.
	Leads() bool
	// Queue returns the queue of this process. After it has led, the queue
	// refuses everything.
	Queue() *ingest.Queue
	// Subscribe is [ingest.Queue.Subscribe] for what any process takes in.
	Subscribe(ctx context.Context, buffer int) (events <-chan ingest.Event, cancel func())
	// Forward answers a request of a caller, named by its address, through the
	// process that leads. A body that was read can be sent again; nil was not read.
	Forward(w http.ResponseWriter, r *http.Request, ip string, body []byte) error
	// Sender returns the address of the caller whose request another process has
	// sent on; false when none has.
	Sender(r *http.Request) (ip string, ok bool)
}

// queue returns the queue of this process; see leading.
func (a *API) queue() *ingest.Queue {
	if a.Cluster == nil {
		return a.Queue
	}
	return a.Cluster.Queue()
}

// subscribe tells what is taken in, by whatever process.
func (a *API) subscribe(ctx context.Context, buffer int) (events <-chan ingest.Event, cancel func()) {
	if a.Cluster == nil {
		return a.Queue.Subscribe(buffer)
	}
	return a.Cluster.Subscribe(ctx, buffer)
}

// leads reports whether this process takes messages and files in.
func (a *API) leads() bool { return a.Cluster == nil || a.Cluster.Leads() }

// leading lets a handler that changes something run where that can be done.
func (a *API) leading(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !a.leads() {
			return a.forward(w, r)
		}
		return h(w, r)
	}
}

// forward answers a request through the process that leads. A message is read
// first, under the bounds that it would have there, and so can be sent again; a
// file passes through.
func (a *API) forward(w http.ResponseWriter, r *http.Request) error {
	var body []byte
	if r.ContentLength >= 0 && r.ContentLength <= a.cfg.MaxBody && r.Header.Get("Content-Encoding") == "" {
		read, err := a.readBody(w, r, a.cfg.MaxBody)
		if err != nil {
			return err
		}
		if body = read; body == nil {
			body = []byte{}
		}
	}
	passing := &passingBody{ReadCloser: r.Body}
	r.Body = passing
	err := a.Cluster.Forward(w, r, callerOf(r.Context()).ip, body)
	if err != nil && passing.err != nil {
		return badBody(passing.err)
	}
	return err
}

// passingBody remembers why it ended early, which is the caller's fault.
type passingBody struct {
	io.ReadCloser
	err error
}

// Read implements [io.Reader].
func (b *passingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
