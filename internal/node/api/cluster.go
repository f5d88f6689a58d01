package api

import (
	"context"
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
	// process that leads.
	Forward(w http.ResponseWriter, r *http.Request, ip string) error
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
			return a.Cluster.Forward(w, r, callerOf(r.Context()).ip)
		}
		return h(w, r)
	}
}
