// Package node is a core channel node: a database of signed messages served
// over HTTP and WebSocket.
//
// [Node] is the composition of its parts, and this file is the only place that
// constructs them. The way of a message leads from package api, the door, to
// ingest, which puts it into a batch, to apply, which knows the rules, to store,
// which knows the SQL. Files lie in package blob.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aleph/account"
	"aleph/internal/node/admin"
	"aleph/internal/node/api"
	"aleph/internal/node/apply"
	"aleph/internal/node/blob"
	"aleph/internal/node/ingest"
	"aleph/internal/node/replica"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
	"aleph/message"
)

// Config is everything that can be configured of a node.
type Config struct {
	// Listen is where the HTTP interface is served; port 0 takes a free one.
	Listen string `yaml:"listen" doc:"address and port of the HTTP interface; port 0 takes a free one"`
	// PrivateListen is where an operator finds profiles.
	PrivateListen string `yaml:"private_listen" doc:"address and port of profiles (/debug/pprof/), /metrics and /health for operators; of this machine or a private network; empty: none"`
	// Database says where the state is.
	Database store.Config `yaml:"database"`
	// Files says where the bytes of files are.
	Files blob.Config `yaml:"files"`
	// Ingest bounds how messages are taken in.
	Ingest ingest.Config `yaml:"ingest"`
	// HTTP says what the HTTP interface allows.
	HTTP api.Config `yaml:"http"`
	// Role says what this process does.
	Role Role `yaml:"role" doc:"all: this process does everything; api: one of several that share a PostgreSQL database, a folder of files and Redis"`
	// Redis is where the processes of one database find each other.
	Redis replica.Config `yaml:"redis"`
	// Advertise is where the other processes reach this one.
	Advertise string `yaml:"advertise" doc:"URL by which the other processes reach this one, with role api; empty: the address it listens on"`
	// GracePeriod is how long a file is kept that no message stores.
	GracePeriod time.Duration `yaml:"grace_period" doc:"how long a file is kept that no message stores"`
	// AdminSocket is where `aleph node` commands reach a running node.
	AdminSocket string `yaml:"admin_socket" doc:"Unix socket by which the operator's commands reach the running node; empty: admin.sock beside the database; off: none"`
	// StopTimeout bounds the time to finish what was accepted.
	StopTimeout time.Duration `yaml:"stop_timeout" doc:"time to finish and commit what was accepted when the node stops"`

	// Version is what the node calls itself.
	Version string `yaml:"-"`
	// Health collects what the parts say about themselves; nil makes a new one.
	Health *telemetry.Health `yaml:"-"`
	// Now tells the time to the queue and Verify checks signatures: nil means
	// the system's clock and [account.Verify]. Measurements replace them.
	Now    func() time.Time             `yaml:"-"`
	Verify func(*message.Message) error `yaml:"-"`
}

// Role is what a process does of a node's work.
type Role string

// The roles.
const (
	// RoleAll is a process that does everything, and nobody else.
	RoleAll Role = "all"
	// RoleAPI is one of several processes that serve one database.
	RoleAPI Role = "api"
)

// DefaultConfig returns the settings of a node that keeps its state in dir.
func DefaultConfig(dir string) Config {
	cfg := Config{
		Listen: "127.0.0.1:4024", Database: store.DefaultConfig(), Ingest: ingest.DefaultConfig(), HTTP: api.DefaultConfig(),
		Role: RoleAll, Redis: replica.DefaultConfig(),
		GracePeriod: 24 * time.Hour, StopTimeout: 30 * time.Second, Version: "version-unavailable",
	}
	cfg.Database.Path = filepath.Join(dir, "node.db")
	cfg.Files.Folder = filepath.Join(dir, "files")
	cfg.AdminSocket = filepath.Join(dir, "admin.sock")
	return cfg
}

// Node is a core channel node.
type Node struct {
	cfg     Config
	network message.Network
	log     *slog.Logger
	reg     *prometheus.Registry

	ready chan struct{} // closed when requests are answered
	once  sync.Once
	// Set before ready is closed.
	addr net.Addr
	// privateAddr is nil without a private port.
	privateAddr net.Addr
	inside      Inside
}

// Inside are the parts of a running node that who runs it in the same process
// may use: measurements, and tests of the whole node.
type Inside struct {
	Store *store.DB
	Blobs *blob.Store
	Queue *ingest.Queue
}

// New returns a node of the given network. It starts and opens nothing.
func New(cfg Config, network message.Network, log *slog.Logger, reg *prometheus.Registry) (*Node, error) {
	switch {
	case cfg.Listen == "":
		return nil, errors.New("node: listen must name an address and port, such as 127.0.0.1:4024")
	case cfg.StopTimeout <= 0:
		return nil, errors.New("node: stop_timeout must be more than zero")
	case cfg.GracePeriod <= 0:
		return nil, errors.New("node: grace_period must be more than zero")
	case cfg.Role != RoleAll && cfg.Role != RoleAPI:
		return nil, fmt.Errorf("node: role %q is unknown: use %s or %s", cfg.Role, RoleAll, RoleAPI)
	case cfg.Role == RoleAPI && (cfg.Database.URL == "" || cfg.Redis.URL == ""):
		return nil, errors.New("node: role api needs database.url, a PostgreSQL database, and redis.url, a Redis server, that all processes share")
	case cfg.Role == RoleAPI && cfg.Advertise == "" && everywhere(cfg.Listen):
		return nil, fmt.Errorf("node: advertise must say where the other processes reach this one, because %s is no address", cfg.Listen)
	case log == nil || reg == nil:
		return nil, errors.New("node: a logger and a metrics registry are required")
	}
	if err := checkPrivate(cfg.PrivateListen); err != nil {
		return nil, err
	}
	if cfg.Health == nil {
		cfg.Health = new(telemetry.Health)
	}
	if cfg.Verify == nil {
		cfg.Verify = account.Verify
	}
	return &Node{cfg: cfg, network: network, log: log, reg: reg, ready: make(chan struct{})}, nil
}

// everywhere reports whether an address to listen on stands for all addresses of
// the machine.
func everywhere(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false // listen says what is wrong with it
	}
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// Ready is closed when the node answers requests. It stays open when Run fails
// before that.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Addr returns the address of the HTTP interface, nil until Ready.
func (n *Node) Addr() net.Addr {
	select {
	case <-n.ready:
		return n.addr
	default:
		return nil
	}
}

// PrivateAddr returns the address of the private port, nil until Ready and
// without one.
func (n *Node) PrivateAddr() net.Addr {
	select {
	case <-n.ready:
		return n.privateAddr
	default:
		return nil
	}
}

// Inside returns the parts of the node, nil until Ready. They work until Run
// returns.
func (n *Node) Inside() *Inside {
	select {
	case <-n.ready:
		return &n.inside
	default:
		return nil
	}
}

// Run serves until ctx ends, then stops in order: the door takes no more
// requests and finishes those it has; the queue commits and answers what it has
// accepted; the database closes. It returns nil when ctx ended, and runs once.
func (n *Node) Run(ctx context.Context) error {
	listener, err := listen(ctx, n.cfg.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	if n.cfg.Role == RoleAPI {
		return n.runReplica(ctx, listener)
	}
	p, err := n.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(n.serve(ctx, p, listener), p.store.Close())
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("node: cannot listen on %s, stop the program that uses it or configure another address: %w", address, err)
	}
	return listener, nil
}

// parts are what a running node consists of.
type parts struct {
	store *store.DB
	blobs *blob.Store
	queue *ingest.Queue
	api   *api.API
}

// open builds the parts, from the bottom up.
func (n *Node) open(ctx context.Context) (p parts, err error) {
	if p.store, err = store.Open(ctx, n.cfg.Database, n.log); err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.store.Close())
		}
	}()
	if p.blobs, err = blob.Open(n.cfg.Files); err != nil {
		return p, err
	}
	p.queue, err = ingest.New(n.cfg.Ingest, n.queueDeps(p.store, p.blobs))
	if err != nil {
		return p, err
	}
	deps := n.apiDeps(p.store, p.blobs)
	deps.Queue = p.queue
	p.api, err = api.New(n.cfg.HTTP, deps)
	return p, err
}

// rules are those of the network, with what this node knows of files.
func (n *Node) rules(blobs *blob.Store) *apply.Rules {
	return &apply.Rules{
		FileSize: blobs.Size, IsDirectory: blobs.IsDirectory, KnownRuntime: n.knownRuntime(),
		NoAggregates: n.network.Authorities.Unbuilt, GracePeriod: n.cfg.GracePeriod, Network: n.network,
	}
}

func (n *Node) queueDeps(db *store.DB, blobs *blob.Store) ingest.Deps {
	return ingest.Deps{
		Store: db, Blobs: blobs, Rules: n.rules(blobs), Verify: n.cfg.Verify, Now: n.cfg.Now,
		Log: n.log, Registry: n.reg, Health: n.cfg.Health,
	}
}

// apiDeps are those of the door, but for who takes in what it is given.
func (n *Node) apiDeps(db *store.DB, blobs *blob.Store) api.Deps {
	return api.Deps{
		Store: db, Blobs: blobs, Rules: n.rules(blobs), Network: n.network, Now: n.cfg.Now,
		Log: n.log, Registry: n.reg, Health: n.cfg.Health, Version: n.cfg.Version, Folders: n.folders(),
	}
}

// folders are where the node keeps what grows.
func (n *Node) folders() []string {
	folders := []string{n.cfg.Files.Folder}
	if n.cfg.Database.URL == "" {
		folders = append(folders, filepath.Dir(n.cfg.Database.Path))
	}
	return folders
}

// knownRuntime returns which hashes stand for a runtime of the network.
func (n *Node) knownRuntime() func(message.Hash) bool {
	var known []message.Hash
	for _, image := range n.network.Images {
		if image.Kind == message.ImageRuntime {
			known = append(known, image.Ref)
		}
	}
	return func(h message.Hash) bool { return slices.Contains(known, h) }
}

// serve runs the parts until ctx ends or one of them fails, then stops them
// from the door inwards.
func (n *Node) serve(ctx context.Context, p parts, listener net.Listener) error {
	apiCtx, closeDoor := context.WithCancel(ctx)
	defer closeDoor()
	// The queue outlives ctx: it ends when the door has closed.
	queueCtx, closeQueue := context.WithCancel(context.WithoutCancel(ctx))
	defer closeQueue()
	closePrivate, err := n.openPrivate(ctx, p.api)
	if err != nil {
		return err
	}
	defer closePrivate()
	door, queue := make(chan error, 1), make(chan error, 1)
	go func() { queue <- p.queue.Run(queueCtx) }()
	go func() { door <- p.api.Run(apiCtx, listener) }()
	closeAdmin := n.openAdmin(ctx, p.queue)
	defer closeAdmin()
	n.once.Do(func() {
		n.addr, n.inside = listener.Addr(), Inside{Store: p.store, Blobs: p.blobs, Queue: p.queue}
		close(n.ready)
	})
	n.log.InfoContext(ctx, "node ready", slog.String("address", listener.Addr().String()))

	var errs []error
	var doorEnded, queueEnded bool
	select {
	case <-ctx.Done():
	case err := <-door:
		doorEnded, errs = true, append(errs, err)
	case err := <-queue:
		queueEnded, errs = true, append(errs, err)
	}
	closeDoor()
	closeAdmin()
	if !doorEnded {
		errs = append(errs, <-door) // bounded by its own stop_timeout
	}
	closePrivate()
	closeQueue()
	if !queueEnded {
		select {
		case err := <-queue:
			errs = append(errs, err)
		case <-time.After(n.cfg.StopTimeout):
			errs = append(errs, fmt.Errorf("node: messages that were accepted are not committed after %s", n.cfg.StopTimeout))
		}
	}
	n.log.InfoContext(ctx, "node stopped")
	return errors.Join(errs...)
}

// noAdmin is the value of the setting that stands for no socket.
const noAdmin = "off"

// openAdmin opens the operator's door and returns what closes it, which may be
// called twice. A node that cannot have one does its work all the same.
func (n *Node) openAdmin(ctx context.Context, queue *ingest.Queue) (closeAdmin func()) {
	if n.cfg.AdminSocket == "" || n.cfg.AdminSocket == noAdmin {
		return func() {}
	}
	listener, err := admin.Listen(ctx, n.cfg.AdminSocket)
	if err != nil {
		n.log.WarnContext(ctx, "the commands `aleph node dead-letters retry` and `drop` cannot reach this node", slog.Any("error", err))
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := admin.Serve(ctx, listener, queue, n.log); err != nil {
			n.log.WarnContext(ctx, "the operator's socket is closed", slog.Any("error", err))
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
