package crash_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"aleph/internal/bench"
	"aleph/internal/local"
	"aleph/internal/local/spawn"
	"aleph/message"
)

var (
	cycles = flag.Int("cycles", 20, "how often the cloud is killed")
	seed   = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the moments and messages")
	only   = flag.String("engine", "", "kill clouds on this database only: sqlite or postgres")
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "aleph-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary, err = spawn.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// place is where a cloud keeps its state.
type place struct {
	dir      string
	database string // URL of a PostgreSQL database, "" for SQLite in dir
}

// options start a cloud there, on free ports.
func (p place) options(t *testing.T, log io.Writer) spawn.Options {
	t.Helper()
	args := []string{"--data-dir", p.dir, "--port", "0", "--compute-port", "0"}
	if p.database != "" {
		args = append(args, "--database", p.database)
	}
	return spawn.Options{Binary: binary, Stderr: log, Args: args, Env: environment(t)}
}

// start starts a cloud on a data folder and free ports. The log of the process
// is shown when the test fails.
func start(t *testing.T, at place) *spawn.Cloud {
	t.Helper()
	c, err := tryStart(t, at)
	if err != nil {
		t.Fatal(err)
	}
	fund(t, c)
	return c
}

// fund lets the account that stores files pay for them.
func fund(t *testing.T, c *spawn.Cloud) {
	t.Helper()
	g, err := bench.NewGenerator(*seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tokens := int64(1_000_000)
	if err := local.Fund(t.Context(), c.Endpoints, local.Funds{Tokens: &tokens}, g.Key().Address()); err != nil {
		t.Fatal(err)
	}
}

func tryStart(t *testing.T, at place) (*spawn.Cloud, error) {
	t.Helper()
	var log safeBuffer
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the cloud:\n%s", log.tail(4000))
		}
	})
	c, err := spawn.Start(context.WithoutCancel(t.Context()), at.options(t, &log))
	if err == nil {
		t.Cleanup(c.Kill)
	}
	return c, err
}

// environment keeps a test away from the user's own cloud, and from the built
// runtimes, which a cloud would publish.
func environment(t *testing.T) []string {
	t.Helper()
	return []string{"XDG_STATE_HOME=" + t.TempDir(), "ALEPH_RUNTIMES_CACHE=" + t.TempDir()}
}

// safeBuffer keeps what a process writes while the test may read it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) tail(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.b.Bytes()
	return string(text[max(0, len(text)-n):])
}

// recentBatches is how far back each cycle looks; everything is checked at the
// end, and every 50 cycles.
const recentBatches = 3

// TestKillLosesNothing kills the cloud under load again and again, on each
// engine.
func TestKillLosesNothing(t *testing.T) {
	for name, where := range map[string]func(t *testing.T) place{
		"sqlite":   func(t *testing.T) place { t.Helper(); return place{dir: t.TempDir()} },
		"postgres": func(t *testing.T) place { t.Helper(); return place{t.TempDir(), newDatabase(t, newServer(t))} },
	} {
		if *only != "" && *only != name {
			continue
		}
		t.Run(name, func(t *testing.T) { killAgainAndAgain(t, name, where(t)) })
	}
}

func killAgainAndAgain(t *testing.T, engine string, at place) {
	t.Helper()
	rng := rand.New(rand.NewPCG(*seed, 1))
	g, err := bench.NewGenerator(*seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	w := &workload{g: g, l: l, rng: rng}
	lost := 0
	begin := time.Now()
	for cycle := range *cycles {
		if cycle%5 == 4 {
			killWhileStarting(t, at, rng)
		}
		c := start(t, at)
		depth := recentBatches
		if cycle%50 == 49 {
			depth = allBatches
		}
		result := l.check(t.Context(), t, c.API, depth)
		lost += result.lost
		batch := w.batch(t, 600)
		killed := make(chan struct{})
		timer := time.AfterFunc(time.Duration(20+rng.IntN(600))*time.Millisecond, func() {
			c.Kill()
			close(killed)
		})
		w.publish(t.Context(), c.API, batch)
		if timer.Stop() { // everything was answered before the moment came
			c.Kill()
		} else {
			<-killed
		}
		t.Logf("cycle %d: %d messages acknowledged before are checked, %d lost so far", cycle+1, result.acknowledged, lost)
		if t.Failed() {
			break
		}
	}
	c := start(t, at)
	result := l.check(t.Context(), t, c.API, allBatches)
	w.repeat(t, c.API)
	l.checkOnce(t.Context(), t, c.API, g.Key().Address())
	if err := c.Stop(30 * time.Second); err != nil {
		t.Error(err)
	}
	for _, left := range processesOf(t, at.dir) {
		t.Errorf("a cloud that is gone has left a process: %s", left)
	}
	count := fmt.Sprintf("%s, seed %d: %d cycles of kill -9 in %s, %d messages and %d files acknowledged, %d lost",
		engine, *seed, *cycles, time.Since(begin).Round(time.Second), result.acknowledged, len(l.files), lost+result.lost)
	t.Log(count)
	// For the summary of make test.
	if file := os.Getenv("ALEPH_CRASH_COUNT"); file != "" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString(count + "\n")
		if err := errors.Join(err, f.Close()); err != nil {
			t.Error(err)
		}
	}
}

// processesOf returns the processes, as "PID COMMAND", that name a folder.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range names {
		line, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(line, []byte(dir)) { // it may have ended just now
			continue
		}
		found = append(found, filepath.Base(filepath.Dir(name))+" "+string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	return found
}

// killWhileStarting kills a cloud that is not ready yet.
func killWhileStarting(t *testing.T, at place, rng *rand.Rand) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(300))*time.Millisecond)
	defer cancel()
	c, err := spawn.Start(ctx, at.options(t, io.Discard))
	if err == nil { // it was quicker than the moment
		c.Kill()
	}
}

// workload makes messages that depend on earlier ones and sends them.
type workload struct {
	g   *bench.Generator
	l   *ledger
	rng *rand.Rand
	// elements counts the members of the aggregate.
	elements int
}

// batch makes n messages: posts, amends and forgets of earlier posts, members of
// one aggregate.
func (w *workload) batch(t *testing.T, n int) []*message.Message {
	t.Helper()
	w.l.batch++
	posts, err := w.g.Posts(t.Context(), n*6/10, 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range posts {
		w.l.sent(m, -1)
	}
	batch := posts
	own := func(e *entry) bool {
		postType, ok := contentOf(t, e.m)
		return ok && postType != message.AmendType && !e.forgotten && e.m.Sender == w.g.Key().Address() &&
			e.acknowledged == message.StatusProcessed
	}
	for i, target := range w.l.list(n/10, own) {
		batch = append(batch, w.change(t, i, target))
	}
	for range n * 3 / 10 {
		content := map[string]any{"key": aggregateKey, "content": map[string]any{fmt.Sprint("n", w.elements): w.elements}}
		batch = append(batch, w.message(t, message.TypeAggregate, content, w.elements))
		w.elements++
	}
	w.rng.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	return batch
}

// change amends a post, or forgets it.
func (w *workload) change(t *testing.T, i int, target *entry) *message.Message {
	if i%4 != 0 || target.amended {
		target.amended = true
		return w.message(t, message.TypePost, map[string]any{
			"type": message.AmendType, "ref": target.m.ItemHash, "content": map[string]any{"amended": i},
		}, -1)
	}
	target.forgotten = true
	return w.message(t, message.TypeForget, map[string]any{"hashes": []message.Hash{target.m.ItemHash}, "reason": "test"}, -1)
}

func (w *workload) message(t *testing.T, typ message.Type, content map[string]any, element int) *message.Message {
	t.Helper()
	m, err := w.g.Message(typ, content)
	if err != nil {
		t.Fatal(err)
	}
	w.l.sent(m, element)
	return m
}

// publish sends a batch over several connections, half of it waiting for the
// outcome, and uploads small files meanwhile. That the connections break in the
// middle is the point, so errors do not count; what was answered does.
func (w *workload) publish(ctx context.Context, api string, batch []*message.Message) {
	var group errgroup.Group
	half := len(batch) / 2
	for i, part := range [][]*message.Message{batch[:half], batch[half:]} {
		p := bench.Publisher{API: api, Connections: 4, Sync: i == 0, Answered: w.l.answered}
		group.Go(func() error {
			_, _, _ = p.Publish(ctx, part)
			return nil
		})
	}
	for range 5 {
		content := fmt.Appendf(nil, "file %d", w.rng.Uint64())
		hash := message.HashOf(content)
		m, err := w.g.Message(message.TypeStore, map[string]any{"item_type": message.ItemStorage, "item_hash": hash})
		if err != nil {
			return
		}
		w.l.sent(m, -1)
		if bench.Upload(ctx, api, m, bytes.NewReader(content), int64(len(content))) != nil {
			break
		}
		w.l.answered(bench.Answer{Hash: m.ItemHash, HTTP: 200, Status: message.StatusProcessed})
		w.l.files[hash] = content
	}
	_ = group.Wait() // its functions return nil
}

// repeat publishes everything once more, as a client would that is not sure, and
// expects each message to end processed or forgotten.
func (w *workload) repeat(t *testing.T, api string) {
	t.Helper()
	var again []*message.Message
	for _, e := range w.l.list(-1, func(e *entry) bool { return !e.forgotten }) {
		again = append(again, e.m)
	}
	p := bench.Publisher{API: api, Connections: 8, Sync: true, Answered: w.l.answered}
	answers, _, err := p.Publish(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		// Only a file whose upload was cut off has nothing to store.
		if a.Status != message.StatusProcessed && again[i].Type != message.TypeStore {
			t.Errorf("%s %s published again: HTTP %d, %q", again[i].Type, a.Hash, a.HTTP, a.Status)
		}
	}
}
