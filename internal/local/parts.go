package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// part is a long-lived piece of the cloud.
type part struct {
	name string
	// open builds the piece from those before it, which are ready.
	open func(context.Context) (service, error)
}

// service is an opened part.
type service struct {
	// run blocks until its context ends, or fails.
	run func(context.Context) error
	// ready is closed when the next part may start; nil means at once.
	ready <-chan struct{}
}

// running is a part that has been started.
type running struct {
	name string
	stop context.CancelFunc
	done chan struct{}
	err  error // valid once done is closed
}

// runParts starts parts in order and then calls ready. When ctx ends, or a part
// does, it stops them from the last to the first, each after the one that needs
// it has ended, and returns what failed.
func runParts(ctx context.Context, parts []part, ready func()) error {
	ended := make(chan struct{}, len(parts))
	started, complete, err := startParts(ctx, parts, ended)
	if complete {
		ready()
		select {
		case <-ctx.Done():
		case <-ended:
		}
	}
	errs := []error{err}
	for _, r := range slices.Backward(started) {
		early := isClosed(r.done) && ctx.Err() == nil
		r.stop()
		<-r.done
		switch {
		case ctx.Err() != nil && errors.Is(r.err, context.Canceled): // it was still starting
		case r.err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", r.name, r.err))
		case early:
			errs = append(errs, fmt.Errorf("%s ended by itself", r.name))
		}
	}
	return errors.Join(errs...)
}

// startParts starts parts until one fails or ctx ends. It returns those that
// were started and whether all of them are ready.
func startParts(ctx context.Context, parts []part, ended chan<- struct{}) (started []*running, complete bool, err error) {
	free := context.WithoutCancel(ctx) // a part ends when its turn comes, not before
	for _, p := range parts {
		s, err := p.open(ctx)
		if err != nil {
			if ctx.Err() != nil {
				err = nil // it did not fail, it was told to stop
			}
			return started, false, err
		}
		partCtx, stop := context.WithCancel(free)
		r := &running{name: p.name, stop: stop, done: make(chan struct{})}
		started = append(started, r)
		go func() { // runParts waits for it
			r.err = s.run(partCtx)
			close(r.done)
			ended <- struct{}{}
		}()
		if s.ready == nil {
			continue
		}
		select {
		case <-s.ready:
		case <-r.done:
			return started, false, nil
		case <-ctx.Done():
			return started, false, nil
		}
	}
	return started, true, nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
