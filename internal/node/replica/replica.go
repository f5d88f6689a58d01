// Package replica lets several processes serve one database. Each answers
// requests by reading; one of them, the leader, takes messages and files in, and
// when it ends another one leads.
//
// [Member] is the type to know: it is what package api sees of the others. Who
// leads is decided by the lock on the database, which one connection holds and
// the server drops with it, so there are never two. Redis carries what is not
// worth a lock: where the leader is ([Member.Forward] sends it what changes
// something), and a bell that says that there is something new. The news
// themselves are read from the database ([Member.Subscribe]): a bell that nobody
// heard makes them late by a second and loses none.
//
// A Member is safe for concurrent use.
package replica

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
)

// Config says how the processes find each other.
type Config struct {
	// URL of the Redis server; it is reached by everybody and trusted.
	URL string `yaml:"url" doc:"Redis server that the processes of one database share: redis://user:password@host:6379/0"`
	// Prefix separates databases that share a Redis server.
	Prefix string `yaml:"prefix" doc:"beginning of all keys and channels; the same for the processes of one database, and for no others"`
	// Timeout bounds one command.
	Timeout time.Duration `yaml:"timeout" doc:"how long Redis may take to answer"`
	// ForwardTimeout bounds how long a request waits for a leader.
	ForwardTimeout time.Duration `yaml:"forward_timeout" doc:"how long a request waits for a process that takes messages in"`
}

// DefaultConfig returns the settings of a member, without a server.
func DefaultConfig() Config {
	return Config{Prefix: "aleph", Timeout: 2 * time.Second, ForwardTimeout: 30 * time.Second}
}

// Deps are the parts that a member works with.
type Deps struct {
	// Store reads the database that the members share.
	Store store.Reader
	// Address is the URL by which the other members reach this one.
	Address string
	Log     *slog.Logger
	Health  *telemetry.Health
}

// Member is one process of several.
type Member struct {
	cfg  Config
	deps Deps
	// token is what the members trust each other by: only who reads the Redis
	// server knows it.
	token     string
	redis     *redis.Client
	transport http.RoundTripper
	events    ingest.Broadcast
	poke      chan struct{} // there may be news

	// away says that the Redis server did not answer when it was looked at last.
	away  atomic.Bool
	leads atomic.Bool
	queue atomic.Pointer[ingest.Queue]

	// position is guarded by reading: who subscribes is told all that comes after.
	reading  sync.Mutex
	position position

	// leader is where the leader was when it was looked up last.
	finding sync.Mutex
	leader  announcement
	foundAt time.Time
}

// New returns a member that is ready to run. It connects to nothing.
func New(cfg Config, deps Deps) (*Member, error) {
	if cfg.Timeout <= 0 || cfg.ForwardTimeout <= 0 || cfg.Prefix == "" {
		return nil, errors.New("redis: timeout and forward_timeout must be more than zero, and prefix not empty")
	}
	options, err := redis.ParseURL(cfg.URL)
	if err != nil { // the text may quote the URL, and with it a password
		return nil, errors.New("redis: url is not of the form redis://user:password@host:6379/0")
	}
	if u, err := url.Parse(deps.Address); err != nil || u.Host == "" {
		return nil, fmt.Errorf("node: advertise %q is not of the form http://host:4024", deps.Address)
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout
	// What fails is repeated here, or told by watch, not by the library.
	options.ContextTimeoutEnabled, options.MaxRetries, options.DialerRetries = true, -1, 1
	redis.SetLogger(quiet{})
	var token [16]byte
	_, _ = rand.Read(token[:]) // never fails: crypto/rand ends the program instead
	return &Member{
		cfg: cfg, deps: deps, token: hex.EncodeToString(token[:]), redis: redis.NewClient(options),
		transport: newTransport(cfg.ForwardTimeout), poke: make(chan struct{}, 1),
	}, nil
}

// quiet takes the place of the library's log, which all its clients share.
type quiet struct{}

// Printf does nothing.
func (quiet) Printf(context.Context, string, ...any) {}

// Run keeps this member informed until ctx ends.
func (m *Member) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { m.listen(ctx); return nil })
	group.Go(func() error { m.follow(ctx); return nil })
	group.Go(func() error { m.watch(ctx); return nil })
	err := group.Wait()
	m.events.Close()
	return errors.Join(err, m.redis.Close())
}

// Lead makes this member the leader, whose queue takes in what all members are
// given, until ctx ends.
func (m *Member) Lead(ctx context.Context, queue *ingest.Queue) {
	m.queue.Store(queue)
	m.leads.Store(true)
	m.deps.Health.Set(leaderPart, telemetry.StateOK, "")
	defer m.leads.Store(false)
	m.deps.Log.InfoContext(ctx, "this process takes messages in now", slog.String("address", m.deps.Address))
	var helpers sync.WaitGroup
	helpers.Go(func() { m.announce(ctx) })
	helpers.Go(func() { m.ring(ctx, queue) })
	helpers.Wait()
}

// Leads reports whether this process takes messages in.
func (m *Member) Leads() bool { return m.leads.Load() }

// Queue returns the queue of the process that leads. That of a process that has
// led before refuses everything.
func (m *Member) Queue() *ingest.Queue { return m.queue.Load() }
