// Package api is the node's HTTP and WebSocket interface.
//
// [Routes] is the one table of what is answered; the types to know are [API],
// made by [New] and served by [API.Run], and handler: a function that answers
// one route or returns an error. errors.go is the only place that turns an
// error into a status and a body; encode.go knows the three JSON layouts of the
// network; query.go and page.go read parameters; everything else is one file
// per group of routes.
//
// The package reads the store directly and changes nothing but files: messages
// go to package ingest, which answers after the commit that holds the outcome.
// An API is safe for concurrent use.
//
// It implements docs/spec/ccn-http-api.md.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"aleph/internal/node/apply"
	"aleph/internal/node/blob"
	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
	"aleph/message"
)

// Deps are the parts that an API works with. All are required but
// Health, Now, Limiter and Folders.
type Deps struct {
	Store *store.DB
	Blobs *blob.Store
	// Queue takes in what the API is given; nil with a Cluster.
	Queue *ingest.Queue
	// Cluster are the processes that serve one database; nil when there is one.
	Cluster  Cluster
	Rules    *apply.Rules
	Network  message.Network
	Log      *slog.Logger
	Registry *prometheus.Registry
	// Health is what the parts of the node say about themselves.
	Health *telemetry.Health
	// Now tells the time; nil means the system's clock.
	Now func() time.Time
	// Limiter counts what callers take; nil counts in this process.
	Limiter Limiter
	// Folders are where the node keeps what grows, for the health of the disk.
	Folders []string
	// Version is what the node calls itself.
	Version string
}

// API answers HTTP requests. It is an [http.Handler].
type API struct {
	Deps
	cfg     Config
	log     *slog.Logger
	mux     *http.ServeMux
	bound   map[string][]*boundRoute
	metrics *metrics
	figures *figures
	checks  *checks
	assets  *assets
	// throttle refuses callers who ask too often.
	throttle *throttle
	totals   totals
	sums     costSums
	ranks    ranks
	uploads  chan struct{}
	// bodies bounds the memory of bodies that are no uploads.
	bodies *semaphore.Weighted
	// large has one place: for a JSON upload that needs much memory.
	large   chan struct{}
	sockets *sockets
	status  *statusSockets
	// authKey is that of the administrator; nil when there is none.
	authKey       *secp256k1.PublicKey
	recalculating sync.Mutex
	documentation documentation
}

// New returns an API that is ready to serve. It starts nothing.
func New(cfg Config, deps Deps) (*API, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if deps.Store == nil || deps.Blobs == nil || (deps.Queue == nil) == (deps.Cluster == nil) || deps.Rules == nil || deps.Log == nil || deps.Registry == nil {
		return nil, errors.New("node API: a part it needs is missing")
	}
	authKey, err := cfg.Auth.key()
	if err != nil {
		return nil, err
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Health == nil {
		deps.Health = new(telemetry.Health)
	}
	a := &API{
		Deps: deps, cfg: cfg, log: deps.Log, mux: http.NewServeMux(),
		metrics: newMetrics(deps.Registry),
		uploads: make(chan struct{}, cfg.MaxUploads),
		bodies:  semaphore.NewWeighted(mostBodies),
		large:   make(chan struct{}, 1),
		sockets: newSockets(cfg.MaxSockets),
		status:  newStatusSockets(cfg.MaxStatusSockets),
		authKey: authKey,

		documentation: newDocumentation(),
	}
	a.figures = newFigures(a)
	a.checks = newChecks(a)
	if a.assets, err = newAssets(deps.Now()); err != nil {
		return nil, fmt.Errorf("node API: files of the status page: %w", err)
	}
	deps.Registry.MustRegister(figuresCollector{a})
	if a.throttle, err = newThrottle(cfg.Limits, deps.Limiter, a.metrics, a.log, deps.Now); err != nil {
		return nil, err
	}
	a.register(Routes())
	return a, nil
}

// maxHeaderBytes bounds the request line and the headers. The network wants at
// least 8190 for one of them: clients send hundreds of hashes in a query.
// // spec ccn-http-api 1.3
const maxHeaderBytes = 64 << 10

// Run serves on l until ctx ends. Then it takes no more requests, tells open
// WebSockets to go away, gives running requests the time of StopTimeout and
// returns nil.
func (a *API) Run(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           a,
		ReadHeaderTimeout: a.cfg.HeaderTimeout,
		IdleTimeout:       a.cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		// A request that has begun is finished even when the node stops.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		a.Close()
		return fmt.Errorf("node API on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.StopTimeout)
	defer cancel()
	go a.Close()
	err := server.Shutdown(stop)
	a.sockets.wait(stop)
	a.status.wait(stop)
	if err != nil {
		err = errors.Join(fmt.Errorf("node API: some requests did not end within %s: %w", a.cfg.StopTimeout, err), server.Close())
		a.log.WarnContext(ctx, "requests were cut", slog.Any("error", err))
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		a.log.WarnContext(ctx, "the HTTP server ended in another way", slog.Any("error", ended))
	}
	return nil
}

// Close ends open WebSockets and refuses new ones. Run calls it; who serves the
// API otherwise calls it when it stops. It may be called twice.
func (a *API) Close() {
	a.sockets.close()
	a.status.close()
}
