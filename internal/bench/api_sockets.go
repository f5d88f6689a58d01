package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"aleph/message"
)

// Sockets says how WebSockets are measured: listeners in groups, and messages of
// which each is meant for one group.
type Sockets struct {
	Listeners int
	// Deliveries is how many arrivals a second are aimed at: it decides how many
	// messages are published.
	Deliveries int
	Length     time.Duration
	// Seed makes the keys of the messages.
	Seed uint64
}

// SocketFigures says what arrived.
type SocketFigures struct {
	Listeners int `json:"listeners"`
	Groups    int `json:"groups"`
	Published int `json:"published"`
	// Refused are messages that the node did not process.
	Refused           int     `json:"refused"`
	Expected          int     `json:"expected"`
	Delivered         int     `json:"delivered"`
	Missing           int     `json:"missing"`
	Duplicates        int     `json:"duplicates"`
	Unasked           int     `json:"unasked"` // of another group
	Closed            int     `json:"closed"`  // listeners that the node cut off
	Seconds           float64 `json:"seconds"`
	PerSecond         float64 `json:"deliveries_per_second"`
	P50MS             float64 `json:"p50_ms"` // from the request that publishes to the arrival
	P99MS             float64 `json:"p99_ms"`
	PublishP99MS      float64 `json:"publish_p99_ms"`
	AimPerSecond      float64 `json:"aim_deliveries_per_second"`
	AimP99MS          float64 `json:"aim_p99_ms"`
	Reached           bool    `json:"reached"`
	OpenListenersInMS float64 `json:"open_listeners_ms"`
}

const (
	// mostGroups is in how many groups listeners are: each message goes to
	// Listeners/mostGroups of them.
	mostGroups = 25
	// aimDelivery is the project's for the 99th percentile.
	aimDelivery = 250 * time.Millisecond
	// openers is how many listeners are opened at once.
	openers = 32
	// straggle is how long arrivals may take after the last answer.
	straggle = 10 * time.Second
	// socketPublishers is how many connections publish.
	socketPublishers = 16
)

// socketRun is a measurement of WebSockets under way.
type socketRun struct {
	*Sockets
	target    *url.URL
	groups    []*topic
	messages  []*message.Message
	numbers   map[message.Hash]int
	sent      []atomic.Int64 // when each message went out, in ns since began
	began     time.Time
	listeners []*listener
	arrived   atomic.Int64
}

// listener is one WebSocket. What it counts belongs to its goroutine until that
// ended.
type listener struct {
	conn       *websocket.Conn
	group      int
	seen       map[int]bool
	took       []time.Duration
	last       time.Duration // since the run began
	duplicates int
	unasked    int
	broken     bool // ended by the node
}

func (s *Sockets) run(ctx context.Context, target *url.URL, progress func(string, ...any)) (figures *SocketFigures, err error) {
	if s.Listeners < 1 || s.Deliveries < 1 || s.Length <= 0 {
		return nil, fmt.Errorf("%w: there must be a listener, a delivery a second, and time to measure", message.ErrInvalid)
	}
	r := &socketRun{Sockets: s, target: target, numbers: map[message.Hash]int{}}
	if err := r.write(); err != nil {
		return nil, err
	}
	progress("opening %d WebSockets", s.Listeners)
	opening := time.Now()
	listening, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		stop()
		running.Wait()
	}()
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	opened := time.Since(opening)
	r.began = time.Now()
	for _, l := range r.listeners {
		running.Go(func() { l.listen(listening, r) })
	}
	progress("publishing %d messages in %s", len(r.messages), s.Length)
	answers, err := r.publish(ctx)
	if err != nil {
		return nil, err
	}
	expected := r.expected(answers)
	if err := r.await(ctx, expected); err != nil {
		return nil, err
	}
	stop()
	running.Wait()
	figures = r.count(answers, expected)
	figures.OpenListenersInMS = milliseconds(opened)
	return figures, nil
}

// open opens the listeners, some at once.
func (r *socketRun) open(ctx context.Context) error {
	r.listeners = make([]*listener, r.Listeners)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(openers)
	for i := range r.listeners {
		l := &listener{group: i % len(r.groups), seen: map[int]bool{}}
		r.listeners[i] = l
		filter := r.groups[l.group].filter(i / len(r.groups))
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, answerTimeout)
			defer cancel()
			conn, _, err := websocket.Dial(ctx, r.address(filter), nil) //nolint:bodyclose // an upgrade has none
			if err != nil {
				return fmt.Errorf("open listener %d of %d, the node or `ulimit -n` may allow fewer: %w", i+1, r.Listeners, err)
			}
			conn.SetReadLimit(mostAnswer)
			l.conn = conn
			return nil
		})
	}
	err := group.Wait()
	if err != nil {
		for _, l := range r.listeners {
			if l != nil && l.conn != nil {
				_ = l.conn.CloseNow()
			}
		}
	}
	return err
}

// address is where a filter listens, without history. // spec ccn-http-api 11.1
func (r *socketRun) address(filter url.Values) string {
	u := *r.target
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u = *u.JoinPath("/api/ws0/messages")
	filter.Set("history", "0")
	u.RawQuery = filter.Encode()
	return u.String()
}

// await waits until everything arrived, or for as long as stragglers may take.
func (r *socketRun) await(ctx context.Context, expected int) error {
	deadline := time.NewTimer(straggle)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for r.arrived.Load() < int64(expected) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return nil
		case <-tick.C:
		}
	}
	// A duplicate would come now.
	select {
	case <-time.After(200 * time.Millisecond):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// listen counts what arrives until ctx ends or the connection does.
func (l *listener) listen(ctx context.Context, r *socketRun) {
	defer l.conn.CloseNow()
	for {
		_, text, err := l.conn.Read(ctx)
		at := time.Since(r.began)
		if err != nil {
			l.broken = !errors.Is(err, context.Canceled) && ctx.Err() == nil
			return
		}
		n, ok := r.numbers[hashIn(text)]
		switch {
		case !ok || r.groupOf(n) != l.group:
			l.unasked++
			continue
		case l.seen[n]:
			l.duplicates++
			continue
		}
		l.seen[n] = true
		l.took = append(l.took, at-time.Duration(r.sent[n].Load()))
		l.last = at
		r.arrived.Add(1)
	}
}

// count sums up.
func (r *socketRun) count(answers []Answer, expected int) *SocketFigures {
	f := &SocketFigures{
		Listeners: r.Listeners, Groups: len(r.groups), Published: len(r.messages), Expected: expected,
		AimPerSecond: float64(r.Deliveries), AimP99MS: milliseconds(aimDelivery),
	}
	var took, published []time.Duration
	var last time.Duration
	for _, l := range r.listeners {
		took = append(took, l.took...)
		f.Duplicates += l.duplicates
		f.Unasked += l.unasked
		if l.broken {
			f.Closed++
		}
		last = max(last, l.last)
	}
	for _, a := range answers {
		if a.Status == message.StatusProcessed {
			published = append(published, a.Took)
		} else {
			f.Refused++
		}
	}
	times := PercentilesOf(took)
	f.Delivered, f.Missing = len(took), max(expected-len(took), 0)
	f.Seconds = last.Seconds()
	if last > 0 {
		f.PerSecond = float64(f.Delivered) / last.Seconds()
	}
	f.P50MS, f.P99MS, f.PublishP99MS = milliseconds(times.P50), milliseconds(times.P99), milliseconds(PercentilesOf(published).P99)
	// The rate is that of the publisher: it is reached when nothing stayed behind.
	f.Reached = f.PerSecond >= 0.98*f.AimPerSecond && times.P99 <= aimDelivery && f.Missing+f.Duplicates+f.Unasked+f.Closed+f.Refused == 0
	return f
}
