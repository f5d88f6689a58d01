// Package ingest is the way of a message through the node: it is submitted,
// checked, applied in a batch with others, committed, and only then
// acknowledged.
//
// [Queue] is the type to know. Every door of the node (HTTP, later gossip and
// chains) calls [Queue.Submit], which returns after the commit that holds the
// outcome; [Queue.Subscribe] tells the outcome to everybody else.
//
//	Submit ── signature, in parallel ──► jobs ──► applier ── commit ──► answers, events
//	                                      ▲          │ must wait
//	             due ◄── fetch pool ◄── dispatcher ◄── pending_messages
//
// One goroutine, the applier, writes: it takes what has gathered, applies it in
// order in one transaction and commits once. A message that must wait (for its
// content, a file, another message) becomes a row of pending_messages; the
// dispatcher brings it back when it is due, or at once when what it waits for
// arrives. Fetching content happens in a bounded pool and never holds a
// transaction.
//
// A Queue is safe for concurrent use. The package implements chapter 4 of
// docs/spec/messages.md.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"aleph/internal/node/apply"
	"aleph/internal/node/blob"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
	"aleph/message"
)

// Config bounds the queue.
type Config struct {
	QueueSize     int           `yaml:"queue_size" doc:"messages that may wait for the applier; more submitters wait their turn"`
	BatchSize     int           `yaml:"batch_size" doc:"most messages in one transaction"`
	BatchBytes    int           `yaml:"batch_bytes" doc:"most bytes of content in one transaction"`
	Gather        time.Duration `yaml:"gather" doc:"longest wait for messages whose signature is being checked"`
	MaxPending    int64         `yaml:"max_pending" doc:"most messages that wait for content, files or other messages"`
	FetchWorkers  int           `yaml:"fetch_workers" doc:"messages whose content is fetched at once"`
	FetchTimeout  time.Duration `yaml:"fetch_timeout" doc:"time to fetch the content and the file of one message"`
	MaxContent    int64         `yaml:"max_content" doc:"most bytes of a message's content outside its envelope"`
	CleanInterval time.Duration `yaml:"clean_interval" doc:"time between two removals of files that nothing keeps and of old records; the first is at most a minute after the start"`

	BalanceInterval time.Duration `yaml:"balance_interval" doc:"time between two searches for messages whose owners hold too little"`
	CreditInterval  time.Duration `yaml:"credit_interval" doc:"time between two searches for messages whose owners have too few credits"`

	MaxRejected      int64         `yaml:"max_rejected" doc:"most records of rejected messages; the oldest are dropped first"`
	MaxRejectedBytes int64         `yaml:"max_rejected_bytes" doc:"most bytes of the messages in these records"`
	KeepRejected     time.Duration `yaml:"keep_rejected" doc:"how long the record of a rejected message is kept"`
}

// DefaultConfig returns the settings of the reference where it has them.
func DefaultConfig() Config {
	return Config{
		QueueSize: 1024, BatchSize: 2048, BatchBytes: 8 << 20, Gather: time.Millisecond, MaxPending: 1_000_000,
		FetchWorkers:  10,                                                               // spec messages 4.3
		FetchTimeout:  75 * time.Second,                                                 // four tries of 15 s and the content. spec messages 4.4
		MaxContent:    100 << 20,                                                        // spec messages 1.5
		CleanInterval: time.Hour, BalanceInterval: time.Hour, CreditInterval: time.Hour, // spec messages 4.8
		MaxRejected: 1_000_000, MaxRejectedBytes: 1 << 30, KeepRejected: 90 * 24 * time.Hour,
	}
}

func (c Config) validate() error {
	if c.QueueSize < 1 || c.BatchSize < 1 || c.BatchBytes < 1 || c.FetchWorkers < 1 || c.MaxPending < 1 || c.MaxContent < 1 {
		return errors.New("node: queue sizes and fetch workers must be at least 1")
	}
	if c.Gather < 0 || c.FetchTimeout <= 0 || c.CleanInterval <= 0 {
		return errors.New("node: fetch_timeout and clean_interval must be more than zero")
	}
	if c.BalanceInterval <= 0 || c.CreditInterval <= 0 {
		return errors.New("node: balance_interval and credit_interval must be more than zero")
	}
	if c.MaxRejected < 1 || c.MaxRejectedBytes < 1 || c.KeepRejected <= 0 {
		return errors.New("node: max_rejected, max_rejected_bytes and keep_rejected must be more than zero")
	}
	return nil
}

// Fetcher brings a file of at most limit bytes into the blob store from
// elsewhere. It returns [message.ErrNotFound] when nobody has it. It must be
// safe for concurrent use and return when ctx ends.
type Fetcher func(ctx context.Context, hash message.Hash, limit int64) error

// Deps are the parts that a queue works with.
type Deps struct {
	Store *store.DB
	Blobs *blob.Store
	Rules *apply.Rules
	// Verify checks a signature; see account.Verify.
	Verify func(*message.Message) error
	// Fetch may be nil: then only what the blob store has is there.
	Fetch Fetcher
	Log   *slog.Logger
	// Health is told when the database cannot be written; nil tells nobody.
	Health   *telemetry.Health
	Registry prometheus.Registerer
	// Now tells the time and Rand returns a number in [0, 1) for the delay of a
	// retry. Nil means the system's clock and randomness.
	Now  func() time.Time
	Rand func() float64
	// Replaced is called when another process has taken the database over. It may
	// be called more than once; nil calls nobody.
	Replaced func()
}

// Queue takes messages in. Make one with [New]; nothing moves until [Queue.Run].
type Queue struct {
	deps    Deps
	cfg     Config
	metrics *metrics
	events  Broadcast

	jobs      chan *job
	fetches   chan *store.PendingRow
	cpu       chan struct{} // one token for each core that checks signatures: all but the one for the applier
	preparing atomic.Int64  // submissions that have not reached jobs yet
	pending   atomic.Int64  // rows of pending_messages
	ill       atomic.Bool   // the last commit failed for lack of something
	poke      chan struct{} // there may be something due
	large     chan struct{} // one token for contents that need much memory

	stopping chan struct{} // closed: no new work
	stopped  chan struct{} // closed: nothing is answered any more
	started  atomic.Bool
	stopOnce sync.Once

	flight    flight
	abandoned abandoned
	// waiting is owned by the applier: what pending messages wait for.
	waiting map[message.Hash]int
	// records is owned by the applier: how many records of rejected messages
	// there are.
	records store.LetterTotal
	// full is owned by the applier: the last message that had to wait found no place.
	full bool
}

// New returns a queue that is ready to run. It starts nothing.
func New(cfg Config, deps Deps) (*Queue, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if deps.Store == nil || deps.Blobs == nil || deps.Rules == nil || deps.Verify == nil || deps.Log == nil || deps.Registry == nil {
		return nil, errors.New("node: the ingestion queue lacks a part it needs")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Health == nil {
		deps.Health = new(telemetry.Health)
	}
	if deps.Rand == nil {
		deps.Rand = rand.Float64
	}
	q := &Queue{
		deps: deps, cfg: cfg,
		jobs:     make(chan *job, cfg.QueueSize),
		fetches:  make(chan *store.PendingRow, cfg.FetchWorkers),
		cpu:      make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)),
		poke:     make(chan struct{}, 1),
		large:    make(chan struct{}, 1),
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
		waiting:  map[message.Hash]int{},
	}
	q.metrics = newMetrics(deps.Registry, q)
	return q, nil
}

// Run takes messages in until ctx ends. Then it refuses new work, commits and
// answers what it has accepted, and returns nil. It runs once.
func (q *Queue) Run(ctx context.Context) error {
	if !q.started.CompareAndSwap(false, true) {
		return errors.New("node: the ingestion queue runs already")
	}
	defer close(q.stopped)
	defer context.AfterFunc(ctx, q.stop)()
	if err := q.loadWaiting(context.WithoutCancel(ctx)); err != nil {
		q.stop()
		return fmt.Errorf("resume pending messages: %w", err)
	}
	q.deps.Health.Set(healthPart, telemetry.StateOK, "")
	q.deps.Health.Set(pendingPart, telemetry.StateOK, "")
	q.tellPending()
	helpers, helperCtx := errgroup.WithContext(ctx)
	helpers.Go(func() error { return q.dispatch(helperCtx) })
	for _, job := range append(q.reviewJobs(), q.cleanJob()) {
		helpers.Go(func() error { return q.repeat(helperCtx, job) })
	}
	for range q.cfg.FetchWorkers {
		helpers.Go(func() error { return q.fetchLoop(helperCtx) })
	}
	applied := make(chan struct{})
	go func() {
		defer close(applied)
		q.applyLoop(context.WithoutCancel(ctx))
	}()
	err := helpers.Wait()
	q.stop()
	<-applied
	q.events.Close()
	return err
}

// Check reports whether the database can be written, by writing durably.
func (q *Queue) Check(ctx context.Context) error { return q.deps.Store.Check(ctx) }

// stop makes the queue refuse new work.
func (q *Queue) stop() { q.stopOnce.Do(func() { close(q.stopping) }) }

// loadWaiting reads what the messages left by an earlier run wait for, and how
// many were rejected.
func (q *Queue) loadWaiting(ctx context.Context) error {
	totals, err := q.deps.Store.LetterTotals(ctx)
	if err != nil {
		return err
	}
	var n int64
	for key, t := range totals {
		if key.State == store.LetterPending {
			n += t.Total
			continue
		}
		q.records.Total, q.records.Bytes = q.records.Total+t.Total, q.records.Bytes+t.Bytes
	}
	q.pending.Store(n)
	q.waiting, err = q.deps.Store.WaitedFor(ctx)
	if n > 0 {
		q.deps.Log.InfoContext(ctx, "resume pending messages", slog.Int64("messages", n))
	}
	return err
}

// now returns the instant as the protocol writes it.
func (q *Queue) now() message.Timestamp { return message.TimestampOf(q.deps.Now()) }
