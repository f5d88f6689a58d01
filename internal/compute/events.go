package compute

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"aleph/client"
	"aleph/internal/compute/api"
	"aleph/message"
)

// Bounds of the runs that messages trigger.
const (
	maxListeners = 10_000 // programs that listen
	maxEventRuns = 16     // at a time; what comes meanwhile waits
	maxEvents    = 256    // that wait; more are dropped, and counted in the log
)

// events runs the programs that listen to messages. Only programs whose
// message is seen while the host runs are known. // spec crn 2.3
type events struct {
	host  *Host
	queue chan event
	begun chan struct{} // tells that a program listens

	mu        sync.Mutex // guards listeners
	listeners map[message.Hash][]json.RawMessage
}

// event is one run of one program.
type event struct {
	program message.Hash
	body    string
}

func newEvents(h *Host) *events {
	return &events{host: h, queue: make(chan event, maxEvents), begun: make(chan struct{}, 1), listeners: map[message.Hash][]json.RawMessage{}}
}

// run follows messages and does the queued runs until ctx ends.
func (e *events) run(ctx context.Context) {
	var workers sync.WaitGroup
	workers.Go(func() { e.follow(ctx) })
	for range maxEventRuns {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case one := <-e.queue:
					if err := e.host.event(ctx, one); err != nil && ctx.Err() == nil {
						e.host.log.WarnContext(ctx, "a run that a message triggered failed", "vm_hash", one.program, "error", err)
					}
				}
			}
		})
	}
	workers.Wait()
}

// follow watches every message of the network, but only while a program
// listens: most hosts have none, and reading everything costs.
func (e *events) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.begun:
		}
		for m, err := range e.host.client.Watch(ctx, client.WatchFilter{Patient: true}) {
			if err != nil {
				if ctx.Err() == nil {
					e.host.log.ErrorContext(ctx, "the node refuses to let messages be watched: they trigger no program", "error", err)
				}
				return
			}
			if !e.trigger(ctx, m.Message, m.Raw()) {
				break
			}
		}
	}
}

// note looks at a message that may make a program listen, or end that.
func (e *events) note(m *message.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch content := m.Content.(type) {
	case *message.Program:
		if len(content.On.Message) > 0 && len(e.listeners) < maxListeners {
			e.listeners[m.ItemHash] = content.On.Message
			select {
			case e.begun <- struct{}{}:
			default: // told already
			}
		}
	case *message.Forget:
		for _, gone := range content.Hashes {
			delete(e.listeners, gone)
		}
	}
}

// trigger queues a run of each program that listens to a message. It reports
// whether any program listens.
func (e *events) trigger(ctx context.Context, m *message.Message, raw json.RawMessage) bool {
	var attributes map[string]any
	if json.Unmarshal(raw, &attributes) != nil {
		return true
	}
	e.mu.Lock()
	listening := len(e.listeners) > 0
	var triggered []message.Hash
	for program, subscriptions := range e.listeners {
		if program != m.ItemHash && matchesAny(subscriptions, attributes) {
			triggered = append(triggered, program)
		}
	}
	e.mu.Unlock()
	for _, program := range triggered {
		select {
		case e.queue <- event{program, string(raw)}:
		default:
			e.host.log.WarnContext(ctx, "too many messages trigger programs: a run is dropped", "vm_hash", program, "item_hash", m.ItemHash)
		}
	}
	return listening
}

// matchesAny reports whether one of the subscriptions matches.
func matchesAny(subscriptions []json.RawMessage, attributes map[string]any) bool {
	for _, raw := range subscriptions {
		var want map[string]any
		if json.Unmarshal(raw, &want) == nil && matches(want, attributes) {
			return true
		}
	}
	return false
}

// matches reports whether every member of want is in have: a text equal, an
// object as a part. Nothing else can be asked for. // spec crn 2.3
func matches(want, have map[string]any) bool {
	for key, w := range want {
		switch w := w.(type) {
		case string:
			if got, ok := have[key].(string); !ok || got != w {
				return false
			}
		case map[string]any:
			got, ok := have[key].(map[string]any)
			if !ok || !matches(w, got) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// event runs a program for a message.
func (h *Host) event(ctx context.Context, one event) error {
	f, done, err := h.use(one.program)
	if err != nil {
		return err
	}
	defer done()
	l, err := f.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	ctx, cancel := context.WithTimeoutCause(ctx, l.limit(), api.ErrTimeout)
	defer cancel()
	if err := l.machine.Session().Event(ctx, one.body); err != nil {
		return l.failed(ctx, err)
	}
	l.succeeded()
	return nil
}

// limit is how long one run of the program may take.
func (l *lease) limit() time.Duration {
	return time.Duration(min(max(l.plan.program.Resources.Seconds, 1), l.f.host.cfg.MaxSeconds)) * time.Second
}
