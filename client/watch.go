package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"aleph/message"
)

// WatchFilter says which messages to deliver, and what to deliver first.
type WatchFilter struct {
	// MessageFilter selects the messages. Its statuses, order and page have no
	// meaning for a stream.
	MessageFilter
	// History is how many past messages to deliver first, oldest first; at most
	// [MaxHistory].
	History int
	// Patient keeps trying when even the first connection fails. Without it, a
	// node that is not there ends the stream with an error.
	Patient bool
	// Interrupted is called, when it is set, each time the connection is lost
	// and before the wait for the next one.
	Interrupted func(err error, wait time.Duration)
}

// MaxHistory is the largest number of past messages of a stream.
const MaxHistory = 199 // spec ccn-http-api 11.1

// Limits of one connection.
const (
	watchBuffer   = 256
	frameLimit    = 8 << 20 // a message of 200,000 characters, twice, escaped
	pingInterval  = 30 * time.Second
	pongDeadline  = 15 * time.Second
	longestPause  = 30 * time.Second
	seenCapacity  = 16384
	resumeOverlap = time.Minute
)

// Watch delivers messages as the node processes them, each one once. A lost
// connection is made again, with growing pauses, and what was missed is fetched
// from the node's list: everything with a time later than a minute before the
// newest message delivered. The stream ends when ctx does, without an error, or
// with the error of a request that the node refuses.
// // spec ccn-http-api 11.1
func (c *Client) Watch(ctx context.Context, f WatchFilter) iter.Seq2[*Received, error] {
	return func(yield func(*Received, error) bool) {
		w := &watch{client: c, filter: f, seen: newSeenSet(seenCapacity), began: time.Now()}
		w.run(ctx, func(r *Received) bool { return yield(r, nil) }, func(err error) { yield(nil, err) })
	}
}

// watch is one stream. It is owned by the goroutine that ranges over it.
type watch struct {
	client *Client
	filter WatchFilter
	seen   *seenSet
	began  time.Time
	newest time.Time
	// live is set by the first connection that stood, fresh by each.
	live  bool
	fresh bool
}

// errEnough says that the caller left the loop.
var errEnough = errors.New("the caller left the loop")

func (w *watch) run(ctx context.Context, deliver func(*Received) bool, fail func(error)) {
	target, err := w.target(w.filter.History)
	if err != nil {
		fail(err)
		return
	}
	resume, err := w.target(0)
	if err != nil {
		fail(err)
		return
	}
	for attempt := 1; ; attempt++ {
		w.fresh = false
		err := w.session(ctx, target, deliver)
		if errors.Is(err, errEnough) || ctx.Err() != nil {
			return
		}
		if answer, ok := errors.AsType[*Error](err); ok && !errors.Is(answer, message.ErrUnavailable) && answer.Status < 500 {
			fail(err)
			return
		}
		if !w.live && !w.filter.Patient {
			fail(err)
			return
		}
		if w.live {
			target = resume
		}
		if w.fresh {
			attempt = 1
		}
		wait := min(pause(min(attempt, 10)), longestPause)
		if w.filter.Interrupted != nil {
			w.filter.Interrupted(err, wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// target returns the URL of the stream.
func (w *watch) target(history int) (string, error) {
	if history < 0 || history > MaxHistory {
		return "", fmt.Errorf("%w: history %d: want 0 to %d", message.ErrInvalid, history, MaxHistory)
	}
	f := w.filter.MessageFilter
	f.Statuses, f.Sort, f.Ascending = nil, "", false
	q, err := f.query()
	if err != nil {
		return "", err
	}
	q.Set("history", number(history))
	return w.client.apiURL("/api/ws0/messages", q)
}

// session holds one connection until it breaks or the caller has enough.
func (w *watch) session(ctx context.Context, target string, deliver func(*Received) bool) error {
	conn, err := w.client.dialStream(ctx, target)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := startStream(ctx, conn, target)
	defer s.wait()
	defer cancel()

	// The connection stands before the list is asked, so nothing falls between.
	if w.live {
		missed := w.filter.MessageFilter
		missed.Statuses, missed.Sort, missed.Ascending = nil, "", true
		if since := w.resumeFrom(); since.After(missed.Since) {
			missed.Since = since
		}
		for m, err := range w.client.AllMessages(ctx, missed) {
			if err != nil {
				return err
			}
			if !w.pass(m, deliver) {
				return errEnough
			}
		}
	}
	w.live, w.fresh = true, true
	for m := range s.frames {
		if !w.pass(m, deliver) {
			return errEnough
		}
	}
	return s.err
}

// resumeFrom is the time from which messages may have been missed.
func (w *watch) resumeFrom() time.Time {
	if since := w.newest.Add(-resumeOverlap); since.After(w.began) {
		return since
	}
	return w.began
}

// pass delivers a message that was not delivered before.
func (w *watch) pass(m *Received, deliver func(*Received) bool) bool {
	if !w.seen.add(m.ItemHash) {
		return true
	}
	if t := m.Time.Time(); t.After(w.newest) {
		w.newest = t
	}
	return deliver(m)
}

// dialStream opens a WebSocket and explains a refusal.
func (c *Client) dialStream(ctx context.Context, target string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, target, &websocket.DialOptions{ //nolint:bodyclose // that package owns it
		HTTPClient: c.http,
		HTTPHeader: http.Header{"User-Agent": {c.userAgent}},
	})
	if err != nil {
		// An answer that is no upgrade has a status that says why.
		if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
			return nil, answerError(res, http.MethodGet, strings.SplitN(target, "?", 2)[0])
		}
		return nil, unreachable(ctx, target, err)
	}
	conn.SetReadLimit(frameLimit)
	return conn, nil
}
