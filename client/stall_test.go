package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aleph/message"
)

// Internal, since the limit of a minute cannot be reached otherwise.
func TestStallGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, guard := guardStall(t.Context(), time.Minute)
		defer guard.stop()
		for range 5 {
			time.Sleep(59 * time.Second) //nolint:forbidigo // moves the bubble's clock
			guard.moved()
		}
		if ctx.Err() != nil {
			t.Fatal("a stream that moves was given up")
		}
		time.Sleep(61 * time.Second) //nolint:forbidigo // moves the bubble's clock
		if !errors.Is(context.Cause(ctx), errStalled) {
			t.Errorf("a stream that stands still goes on: %v", context.Cause(ctx))
		}
		err := unreachable(ctx, "http://node/file", ctx.Err())
		if !errors.Is(err, message.ErrUnavailable) || !errors.Is(err, errStalled) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestSeenSetForgetsTheOldest(t *testing.T) {
	t.Parallel()
	s := newSeenSet(2)
	for _, step := range []struct {
		hash message.Hash
		want bool
	}{{"a", true}, {"a", false}, {"b", true}, {"c", true}, {"b", false}, {"c", false}, {"a", true}, {"b", true}} {
		if got := s.add(step.hash); got != step.want {
			t.Errorf("add(%s) = %v, want %v", step.hash, got, step.want)
		}
	}
}
