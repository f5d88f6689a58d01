package compute

import (
	"context"
	"fmt"
	"sync"
	"time"

	"aleph/internal/compute/api"
)

// room counts the machines of a host against its bounds. // spec crn 2.5
type room struct {
	maxMachines, maxMemory int

	mu       sync.Mutex // guards what follows
	machines int
	memory   int
	changed  chan struct{} // closed and replaced when something is given back
}

func newRoom(machines, memory int) *room {
	return &room{maxMachines: machines, maxMemory: memory, changed: make(chan struct{})}
}

// evictInterval is how often a start that waits for room looks for a machine
// that has become idle.
const evictInterval = 200 * time.Millisecond

// take reserves a place and memory. While there is none it calls evict, which
// begins to end what can be spared, and waits until something is given back or
// ctx ends.
func (r *room) take(ctx context.Context, memory int, evict func()) error {
	if memory > r.maxMemory {
		return fmt.Errorf("%w: it asks for %d MiB of memory and functions have %d MiB here", api.ErrFull, memory, r.maxMemory)
	}
	for {
		r.mu.Lock()
		if r.machines < r.maxMachines && r.memory+memory <= r.maxMemory {
			r.machines++
			r.memory += memory
			r.mu.Unlock()
			return nil
		}
		changed := r.changed
		r.mu.Unlock()
		evict()
		select {
		case <-changed:
		case <-time.After(evictInterval):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", api.ErrFull, context.Cause(ctx))
		}
	}
}

// give returns what take reserved.
func (r *room) give(memory int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.machines--
	r.memory -= memory
	close(r.changed)
	r.changed = make(chan struct{})
}

// used says what is reserved.
func (r *room) used() (machines, memory int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machines, r.memory
}
