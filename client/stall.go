package client

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// stallLimit is how long a stream may stand still before it is given up.
const stallLimit = time.Minute

// errStalled is the cause with which a guard ends a stream.
var errStalled = errors.New("nothing moved for a minute")

// stallGuard cancels a stream in which nothing moves. A stream has no total
// time limit: how long it may last depends on its size.
type stallGuard struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
	once   sync.Once
}

// guardStall returns a context that ends when moved is not called for limit.
func guardStall(ctx context.Context, limit time.Duration) (context.Context, *stallGuard) {
	watched, cancel := context.WithCancelCause(ctx)
	g := &stallGuard{limit: limit, cancel: cancel}
	g.timer = time.AfterFunc(limit, func() { cancel(errStalled) })
	return watched, g
}

// moved starts the wait anew.
func (g *stallGuard) moved() { g.timer.Reset(g.limit) }

// stop ends the guard and its context.
func (g *stallGuard) stop() {
	g.once.Do(func() {
		g.timer.Stop()
		g.cancel(nil)
	})
}

// guardedBody is the body of an answer under a guard.
type guardedBody struct {
	body  io.ReadCloser
	guard *stallGuard
	ctx   context.Context //nolint:containedctx // the context of this one answer, needed to explain a failed read
	url   string
}

func (b *guardedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if n > 0 {
		b.guard.moved()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreachable(b.ctx, b.url, err)
	}
	return n, err
}

func (b *guardedBody) Close() error {
	b.guard.stop()
	return b.body.Close()
}
