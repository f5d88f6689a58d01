package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aleph/account"
	"aleph/client"
	"aleph/internal/compute"
	"aleph/internal/compute/runtime"
	"aleph/internal/compute/vm"
	"aleph/internal/lock"
	"aleph/internal/node"
	"aleph/internal/telemetry"
	"aleph/message"
)

// The flags by which a user chooses other ports; errors name them.
const (
	PortFlag        = "--port"
	ComputePortFlag = "--compute-port"
)

// Deps is what a cloud works with besides its configuration.
type Deps struct {
	// Version of the program, as both servers tell it.
	Version string
	// Cache is a folder of the user for what clouds may share.
	Cache string
	// StateFile is where the cloud says that it runs; empty when it must not.
	StateFile string
	Log       *slog.Logger
	Metrics   *prometheus.Registry
}

// Cloud is a node and a compute host in one process. Make one with [Open], then
// call [Cloud.Run] once, or [Cloud.Close].
type Cloud struct {
	cfg  Config
	deps Deps

	lock      *lock.File
	user      account.Account
	authority account.Account
	network   message.Network
	runtimes  *runtime.Cache
	aliases   *aliases
	node      *node.Node
	health    telemetry.Health
	listener  net.Listener // of the compute host

	// Set while the parts start, before ready is closed.
	client    *client.Client
	host      *compute.Host
	endpoints Endpoints
	ready     chan struct{}
}

// Open takes the data folder, makes the keys and checks the ports. It starts
// nothing.
func Open(cfg Config, deps Deps) (*Cloud, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	c := &Cloud{cfg: cfg, deps: deps, ready: make(chan struct{})}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cloud) open() (err error) {
	cfg := c.cfg
	for _, dir := range []string{cfg.DataDir, cfg.nodeDir(), cfg.computeDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("%w: make data folder: %w: choose another with --data-dir", message.ErrInvalid, err)
		}
	}
	if c.lock, err = lockFolder(cfg.DataDir); err != nil {
		return err
	}
	if c.user, err = loadKey(c.keyFile()); err != nil {
		return err
	}
	if c.authority, err = loadKey(filepath.Join(cfg.DataDir, authorityKeyFile)); err != nil {
		return err
	}
	if c.listener, err = listen(cfg.ComputeListen, "compute host", ComputePortFlag); err != nil {
		return err
	}
	// The node listens by itself; this is to say clearly that it will not.
	probe, err := listen(cfg.Node.Listen, "node", PortFlag)
	if err != nil {
		return err
	}
	if err := probe.Close(); err != nil {
		return err
	}
	if c.runtimes, err = runtime.Open(cfg.Runtimes, c.deps.Log); err != nil {
		return err
	}
	c.network = Network(c.authority.Address(), runtime.Names())
	if err := writeNetwork(filepath.Join(cfg.DataDir, NetworkFile), c.network); err != nil {
		return err
	}
	c.aliases = newAliases(c.network)
	cfg.Node.Version = c.deps.Version
	cfg.Node.Health = &c.health
	telemetry.RegisterHealth(c.deps.Metrics, &c.health)
	c.node, err = node.New(cfg.Node, c.network, c.deps.Log.With("part", "node"), c.deps.Metrics)
	return err
}

func (c *Cloud) keyFile() string { return filepath.Join(c.cfg.DataDir, accountKeyFile) }

// Close gives back what Open took. Run calls it; it may be called again.
func (c *Cloud) Close() error {
	var errs []error
	if c.runtimes != nil {
		errs = append(errs, c.runtimes.Close())
	}
	if c.listener != nil {
		if err := c.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
		c.lock = nil
	}
	return errors.Join(errs...)
}

// Ready is closed when both servers answer.
func (c *Cloud) Ready() <-chan struct{} { return c.ready }

// Endpoints says where the cloud is. It is complete once [Cloud.Ready] is closed.
func (c *Cloud) Endpoints() Endpoints { return c.endpoints }

// Sandbox waits until the compute host knows what its sandbox can do here,
// which takes some seconds on a new machine. It needs [Cloud.Ready].
func (c *Cloud) Sandbox(ctx context.Context) (vm.Probe, error) {
	const every = 100 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if p, known := c.host.Probe(); known {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return vm.Probe{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// Run runs the cloud until ctx ends, then stops it in order: the compute host
// first, which is a client of the node, then the node.
func (c *Cloud) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, c.Close()) }()
	removeState := func() error { return nil }
	defer func() { err = errors.Join(err, removeState()) }()
	seed := &seeder{cloud: c, log: c.deps.Log.With("part", "seed")}
	parts := []part{
		{"node", c.openNode},
		{"compute host", c.openHost},
		{"compute API", c.openServer},
		{"seeds", seed.open},
	}
	failed := make(chan error, 1)
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	err = runParts(runCtx, parts, func() {
		var err error
		if removeState, err = c.announce(runCtx); err != nil {
			failed <- err
			stop()
		}
	})
	select {
	case announceErr := <-failed:
		return errors.Join(announceErr, err)
	default:
		return err
	}
}

func (c *Cloud) openNode(context.Context) (service, error) {
	return service{run: c.node.Run, ready: c.node.Ready()}, nil
}

func (c *Cloud) openHost(ctx context.Context) (service, error) {
	api := "http://" + c.node.Addr().String()
	cl, err := client.New(client.Config{API: api, UserAgent: "aleph-local/" + c.deps.Version})
	if err != nil {
		return service{}, err
	}
	c.client = cl
	if err := c.fundFirst(ctx); err != nil {
		return service{}, err
	}
	if err := c.loadAliases(ctx); err != nil {
		return service{}, err
	}
	c.host, err = compute.New(c.cfg.Compute, compute.Deps{
		Client: cl, Runtimes: c.runtimes, Alias: c.aliases.name, Data: c.cfg.computeDir(), Cache: c.deps.Cache,
		Version: c.deps.Version, Log: c.deps.Log.With("part", "compute"), Metrics: c.deps.Metrics,
	})
	if err != nil {
		return service{}, err
	}
	return service{run: c.host.Run, ready: c.host.Ready()}, nil
}

// Limits of the compute host's server.
const (
	headerTimeout  = 15 * time.Second
	idleTimeout    = 2 * time.Minute
	serverStopTime = 30 * time.Second // for calls of functions that are under way
)

// openServer serves the compute host. Calls of functions may last, in both
// directions, so the host itself bounds them.
func (c *Cloud) openServer(context.Context) (service, error) {
	server := &http.Server{
		Handler: c.host.Handler(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(c.deps.Log.Handler(), slog.LevelDebug),
	}
	return service{run: func(ctx context.Context) error {
		served := make(chan error, 1)
		go func() { served <- server.Serve(c.listener) }() // ends with the server, below
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), serverStopTime)
		defer cancel()
		if err := server.Shutdown(stop); err != nil {
			c.deps.Log.WarnContext(ctx, "calls of functions were cut", "error", err)
			_ = server.Close() // the connections are cut in any case
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}}, nil
}

// announce waits until both servers answer and says so.
func (c *Cloud) announce(ctx context.Context) (removeState func() error, err error) {
	nothing := func() error { return nil }
	c.endpoints = Endpoints{
		API: c.client.API(), Compute: "http://" + c.listener.Addr().String(), DataDir: c.cfg.DataDir,
		Account: UserAccount{Chain: c.user.Chain(), Address: c.user.Address(), PrivateKeyFile: c.keyFile()},
	}
	for _, url := range []string{c.endpoints.API + "/api/v0/version", c.endpoints.Compute + "/about/runtimes"} {
		if err := answers(ctx, url); err != nil {
			return nothing, err
		}
	}
	removeState = nothing
	if c.deps.StateFile != "" {
		removeState, err = writeState(c.deps.StateFile, State{Endpoints: c.endpoints, PID: os.Getpid()})
		if err != nil {
			return nothing, err
		}
	}
	close(c.ready)
	return removeState, nil
}

// answerTimeout bounds the first request to a server of this process.
const answerTimeout = 10 * time.Second

func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("the cloud does not answer: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the cloud does not answer: GET %s: %s", url, res.Status)
	}
	return nil
}
