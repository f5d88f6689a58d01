package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"aleph/internal/node/api"
	"aleph/internal/node/blob"
	"aleph/internal/node/ingest"
	"aleph/internal/node/limit"
	"aleph/internal/node/replica"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
	"aleph/message"
)

// retryInterval is the time between two attempts to use a database that is away.
const retryInterval = 500 * time.Millisecond

// runReplica serves as one of several processes until ctx ends. Beside the door,
// which answers by reading, it waits for its turn to lead.
func (n *Node) runReplica(ctx context.Context, listener net.Listener) error {
	blobs, err := blob.OpenReader(n.cfg.Files)
	if err != nil {
		return err
	}
	led := make(chan error, 1)
	leadCtx, endLead := context.WithCancel(context.WithoutCancel(ctx))
	defer endLead()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	turns := &turns{node: n, blobs: blobs, member: make(chan *replica.Member, 1)}
	go func() {
		led <- turns.run(leadCtx)
		stop() // a process that can never lead does not stay
	}()

	// The first process to lead makes the tables that the door reads.
	db, err := n.openReader(ctx)
	if db != nil {
		err = n.serveReplica(ctx, listener, db, turns)
	}
	endLead()
	err = errors.Join(err, <-led)
	if db != nil {
		err = errors.Join(err, db.Close())
	}
	return err
}

// serveReplica runs the door and what keeps it informed, and stops them from the
// door inwards.
func (n *Node) serveReplica(ctx context.Context, listener net.Listener, db *store.DB, turns *turns) error {
	member, err := replica.New(n.cfg.Redis, replica.Deps{
		Store: db.Reader, Address: n.address(listener), Log: n.log, Health: n.cfg.Health,
	})
	if err != nil {
		return err
	}
	deps := n.apiDeps(db, turns.blobs)
	deps.Cluster = member
	if deps.Limiter, err = n.limiter(member); err != nil {
		return err
	}
	door, err := api.New(n.cfg.HTTP, deps)
	if err != nil {
		return err
	}
	closePrivate, err := n.openPrivate(ctx, door)
	if err != nil {
		return err
	}
	defer closePrivate()
	memberCtx, endMember := context.WithCancel(context.WithoutCancel(ctx))
	informed := make(chan error, 1)
	go func() { informed <- member.Run(memberCtx) }()
	defer func() {
		endMember()
		if err := <-informed; err != nil {
			n.log.WarnContext(ctx, "the connection to Redis ended in another way", slog.Any("error", err))
		}
	}()
	turns.member <- member
	n.once.Do(func() {
		n.addr, n.inside = listener.Addr(), Inside{Store: db, Blobs: turns.blobs}
		close(n.ready)
	})
	n.log.InfoContext(ctx, "node ready", slog.String("address", listener.Addr().String()), slog.String("role", string(RoleAPI)))
	err = door.Run(ctx, listener) // bounded by its own stop_timeout
	n.log.InfoContext(ctx, "node stopped")
	return err
}

// limiter counts what callers take of all processes.
func (n *Node) limiter(member *replica.Member) (*replica.Limiter, error) {
	now := n.cfg.Now
	if now == nil {
		now = time.Now
	}
	own, err := limit.NewMemory(n.cfg.HTTP.Limits.Remembered, now)
	if err != nil {
		return nil, err
	}
	return member.Limiter(own), nil
}

// address is the URL by which the other processes reach this one.
func (n *Node) address(listener net.Listener) string {
	if n.cfg.Advertise != "" {
		return n.cfg.Advertise
	}
	return "http://" + listener.Addr().String()
}

// openReader opens the database for reading, as soon as it can be. Without a
// database and an error, ctx has ended.
func (n *Node) openReader(ctx context.Context) (*store.DB, error) {
	cfg := n.cfg.Database
	cfg.ReadOnly = true
	tick := time.NewTicker(retryInterval)
	defer tick.Stop()
	for told := false; ; told = true {
		db, err := store.Open(ctx, cfg, n.log)
		switch {
		case err == nil:
			return db, nil
		case ctx.Err() != nil:
			return nil, nil //nolint:nilnil // the comment says what that means
		case !store.Temporary(err) && !errors.Is(err, message.ErrNotFound) && !errors.Is(err, store.ErrSchema), errors.Is(err, store.ErrNewerSchema):
			return nil, err
		case !told:
			n.log.InfoContext(ctx, "the database cannot be read yet", slog.Any("error", err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, nil //nolint:nilnil // as above
		}
	}
}

// turns waits for the lock of the database again and again, and leads while it
// has it.
type turns struct {
	node  *Node
	blobs *blob.Store
	// member brings the member once there is one.
	member chan *replica.Member
	known  *replica.Member
}

// run takes turns until ctx ends. The error is of a kind that waiting does not mend.
func (t *turns) run(ctx context.Context) error {
	for {
		err := t.lead(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to end while it waited
		case err != nil && !store.Temporary(err):
			return err
		case err != nil:
			t.node.log.WarnContext(ctx, "this process does not take messages in", slog.Any("error", err))
		}
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
			return nil
		}
	}
}

// lead waits for the lock of the database and then takes messages in until ctx
// ends or another process has the lock.
func (t *turns) lead(ctx context.Context) (err error) {
	n := t.node
	cfg := n.cfg.Database
	cfg.Wait = true
	db, err := store.Open(ctx, cfg, n.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if t.known == nil {
		select {
		case t.known = <-t.member:
		case <-ctx.Done():
			return nil
		}
	}
	if err := t.blobs.Claim(); err != nil {
		return err
	}
	term := telemetry.NewTerm(n.reg)
	defer term.End()
	ctx, end := context.WithCancel(ctx)
	defer end()
	deps := n.queueDeps(db, t.blobs)
	deps.Registry, deps.Replaced = term, end
	queue, err := ingest.New(n.cfg.Ingest, deps)
	if err != nil {
		return err
	}
	closeAdmin := n.openAdmin(ctx, queue)
	defer closeAdmin()
	ran := make(chan error, 1)
	go func() {
		ran <- queue.Run(ctx)
		end()
	}()
	t.known.Lead(ctx, queue)
	select {
	case err := <-ran:
		return err
	case <-time.After(n.cfg.StopTimeout):
		return fmt.Errorf("node: messages that were accepted are not committed after %s", n.cfg.StopTimeout)
	}
}
