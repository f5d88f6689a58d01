package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"aleph/internal/bench/corpus"
	"aleph/internal/node"
	"aleph/internal/node/store"
	"aleph/message"
)

// Replay feeds a corpus to a node of the corpus' network, in this process, and
// says how it went.
type Replay struct {
	// Corpus is the file.
	Corpus string
	// Database says where the state goes. Without a path and a URL, which leaves
	// the defaults of [store.DefaultConfig], it is an SQLite database in Folder.
	Database store.Config
	// Folder holds the node's files. An empty one is made for the time of the
	// replay and removed.
	Folder string
	// HTTP sends messages and files through the node's HTTP interface instead of
	// its queue.
	HTTP bool
	// Workers is how many messages are on their way at once.
	Workers int
	// Resume goes on with a database that is not empty.
	Resume bool
	// Log receives the node's log; nil throws it away.
	Log io.Writer
	// Progress is told how many messages are answered; it may be nil.
	Progress func(done, total int)
}

// replay is a Replay while it runs.
type replay struct {
	Replay
	reader *corpus.Reader
	node   *node.Inside
	api    string
	clock  *replayClock
	verify *verifyMeter

	answered atomic.Int64
	unnoted  atomic.Int64 // envelopes that HTTP refused, which leave no trace
	took     [][]uint32   // µs, by worker
}

// Run replays the corpus. The report is complete when the error is nil.
func (r Replay) Run(ctx context.Context) (report *ReplayReport, err error) {
	if r.Workers < 1 {
		return nil, fmt.Errorf("%w: replay: there must be at least one worker", message.ErrInvalid)
	}
	run := &replay{Replay: r}
	if run.reader, err = corpus.Open(r.Corpus); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, run.reader.Close()) }()
	if run.Folder == "" {
		if run.Folder, err = os.MkdirTemp("", "aleph-replay-"); err != nil {
			return nil, fmt.Errorf("make a folder for the node: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(run.Folder)) }()
	}
	return run.withNode(ctx)
}

// withNode starts the node, replays, and stops it.
func (r *replay) withNode(ctx context.Context) (*ReplayReport, error) {
	r.clock = newReplayClock(r.reader.Header.Clock)
	r.verify = newVerifyMeter()
	n, err := r.newNode()
	if err != nil {
		return nil, err
	}
	var report *ReplayReport
	err = whileRunning(ctx, n, func() (err error) {
		r.node, r.api = n.Inside(), "http://"+n.Addr().String()
		report, err = r.run(ctx)
		return err
	})
	return report, err
}

// whileRunning starts a node, does something once it is ready, and stops it. The
// node ends after what is done, whatever ends that.
func whileRunning(ctx context.Context, n *node.Node, do func() error) error {
	nodeCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- n.Run(nodeCtx) }()
	select {
	case <-n.Ready():
	case err := <-ended:
		return fmt.Errorf("start a node: %w", err)
	}
	err := do()
	stop()
	return errors.Join(err, <-ended)
}

func (r *replay) newNode() (*node.Node, error) {
	cfg := node.DefaultConfig(r.Folder)
	cfg.Listen = "127.0.0.1:0"
	path := cfg.Database.Path
	if cfg.Database = r.Database; cfg.Database.Path == "" {
		cfg.Database.Path = path
	}
	cfg.Now, cfg.Verify = r.clock.Now, r.verify.Verify
	logger := slog.New(slog.DiscardHandler)
	if r.Log != nil {
		logger = slog.New(slog.NewTextHandler(r.Log, nil))
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Database.Path), 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for the database: %w", err)
	}
	return node.New(cfg, r.reader.Header.Network, logger, prometheus.NewRegistry())
}

// run replays into the node that runs.
func (r *replay) run(ctx context.Context) (*ReplayReport, error) {
	if err := r.checkEmpty(ctx); err != nil {
		return nil, err
	}
	if err := resetPeak(os.Getpid()); err != nil {
		return nil, err
	}
	report := &ReplayReport{Via: "queue", Corpus: r.reader.Header}
	if r.HTTP {
		report.Via = "http"
	}
	used, err := cpuOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := r.feed(ctx); err != nil {
		return nil, err
	}
	report.Seconds = time.Since(began).Seconds()
	usedUp, err := cpuOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	report.SignatureShare = share(r.verify.total(), usedUp-used)
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	report.SettleSeconds = time.Since(began).Seconds() - report.Seconds
	return report, r.conclude(ctx, report)
}

func share(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// checkEmpty refuses a database that holds something already: the outcome would
// not be the corpus' own.
func (r *replay) checkEmpty(ctx context.Context) error {
	if r.Resume {
		return nil
	}
	counts, err := r.node.Store.OutcomeCounts(ctx)
	if err != nil {
		return err
	}
	if counts.Total() > 0 {
		return fmt.Errorf("%w: the database is not empty: name another one, or go on with --resume", message.ErrConflict)
	}
	return nil
}

// feed sends every line, in the order of the file, and returns when each has an
// answer. No more lines are in work than the corpus allows.
func (r *replay) feed(ctx context.Context) error {
	window := max(r.reader.Header.Window, 1)
	workers := min(r.Workers, window)
	group, ctx := errgroup.WithContext(ctx)
	tasks := make(chan *replayTask, workers)
	order := make(chan *replayTask, window)
	r.took = make([][]uint32, workers)
	for i := range workers {
		sender, err := r.newSender(ctx)
		if err != nil {
			return err
		}
		group.Go(func() error {
			defer sender.close()
			for task := range tasks {
				if err := r.perform(ctx, sender, task, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error { // lets the reader go on as the oldest lines are done
		for task := range order {
			select {
			case <-task.done:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	group.Go(func() error {
		defer close(tasks)
		defer close(order)
		return r.read(ctx, tasks, order)
	})
	return group.Wait()
}

// replayTask is a line on its way.
type replayTask struct {
	raw  []byte
	done chan struct{}
}

// read hands out the lines. A barrier waits for those before it, and after each
// window what could go on before the last one must have done so: an answer may
// say that a message waits, and what comes much later relies on its outcome.
func (r *replay) read(ctx context.Context, tasks, order chan<- *replayTask) error {
	var open []*replayTask // since the last barrier, until there are no more barriers
	lines, mark := 0, r.now()
	for {
		raw, err := r.reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		task := &replayTask{raw: raw, done: make(chan struct{})}
		if corpus.IsBarrier(raw) {
			for _, before := range open {
				select {
				case <-before.done:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			open = nil
			if mark, err = r.catchUp(ctx, r.now()); err != nil {
				return err
			}
			continue
		}
		if len(open) < cap(order) { // barriers stand at the beginning
			open = append(open, task)
		}
		if lines++; lines%cap(order) == 0 {
			if mark, err = r.catchUp(ctx, mark); err != nil {
				return err
			}
		}
		for _, queue := range []chan<- *replayTask{order, tasks} {
			select {
			case queue <- task:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// perform sends one line and waits for its answer.
func (r *replay) perform(ctx context.Context, s sender, task *replayTask, worker int) error {
	line, err := corpus.ParseLine(task.raw)
	if err != nil {
		return err
	}
	if line.File != nil {
		if err := s.file(ctx, line.File); err != nil {
			return fmt.Errorf("replay a file: %w", err)
		}
		close(task.done)
		return nil
	}
	began := time.Now()
	if err := s.message(ctx, line); err != nil {
		return fmt.Errorf("replay a message: %w", err)
	}
	r.took[worker] = append(r.took[worker], uint32(time.Since(began).Microseconds()))
	close(task.done)
	done := r.answered.Add(1)
	if r.Progress != nil {
		r.Progress(int(done), r.reader.Header.Messages)
	}
	return nil
}
