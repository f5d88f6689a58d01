package compute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"aleph/internal/compute/api"
	"aleph/internal/compute/guest"
	"aleph/message"
)

// maxFunctions bounds the functions that the host keeps in mind.
const maxFunctions = 10_000

// use returns the function of a hash, made when new. The caller calls done.
func (h *Host) use(hash message.Hash) (f *function, done func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining.Load() {
		return nil, nil, api.ErrDraining
	}
	f = h.functions[hash]
	if f == nil {
		if len(h.functions) >= maxFunctions {
			return nil, nil, fmt.Errorf("%w: %d functions are known", api.ErrFull, maxFunctions)
		}
		f = &function{host: h, hash: hash, slots: make(chan struct{}, h.cfg.MaxRequests)}
		h.functions[hash] = f
	}
	f.users++
	return f, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		f.users--
	}, nil
}

// find returns the function of a hash, nil when the host does not have it.
func (h *Host) find(hash message.Hash) *function {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.functions[hash]
}

// Call runs a function for one request. // spec crn 2.3
func (h *Host) Call(ctx context.Context, hash message.Hash, r *guest.Request) (*api.Answer, error) {
	select {
	case <-h.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	begun := time.Now()
	answer, err := h.call(ctx, hash, r)
	h.metrics.called(time.Since(begun), err)
	return answer, err
}

func (h *Host) call(ctx context.Context, hash message.Hash, r *guest.Request) (*api.Answer, error) {
	f, done, err := h.use(hash)
	if err != nil {
		return nil, err
	}
	defer done()
	for {
		l, err := f.acquire(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := l.call(ctx, r)
		// A machine that ended between two calls has not seen this one.
		if errors.Is(err, errNotSent) && ctx.Err() == nil {
			continue
		}
		return answer, err
	}
}

// errNotSent means that nothing of a request reached the machine.
var errNotSent = errors.New("the machine had ended before the call")

// call runs one request on the machine of a lease and gives the lease back
// when the answer's body is closed.
func (l *lease) call(ctx context.Context, r *guest.Request) (_ *api.Answer, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.limit(), api.ErrTimeout)
	defer func() {
		if err != nil {
			cancel()
			l.release()
		}
	}()
	response, err := l.machine.Session().Call(ctx, r)
	if err != nil {
		return nil, l.failed(ctx, err)
	}
	l.succeeded()
	response.Body = &body{ReadCloser: response.Body, ctx: ctx, done: func() {
		cancel()
		l.release()
	}}
	return &api.Answer{Response: response, CodeRef: l.plan.code}, nil
}

// failed says what the failure of a call means for its machine.
func (l *lease) failed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx) // the machine stays, and stays warm
	case errors.Is(err, net.ErrClosed) && !errors.Is(err, guest.ErrNoReply):
		return errors.Join(errNotSent, l.crashed(ctx))
	case errors.Is(err, guest.ErrNoReply):
		return l.crashed(ctx)
	}
	return err
}

// body gives the lease of a call back when it is closed.
type body struct {
	io.ReadCloser
	ctx  context.Context //nolint:containedctx // of the call whose body this is
	done func()
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	if b.done != nil {
		b.done()
		b.done = nil
	}
	return err
}
