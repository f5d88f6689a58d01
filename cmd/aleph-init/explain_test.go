//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"aleph/internal/compute/guest"
)

// TestEndOfTheProgramIsTold looks at a call whose connection breaks after
// aleph-init has noticed that the program's process is gone.
func TestEndOfTheProgramIsTold(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancelCause(t.Context())
	end(&guest.CrashError{Reason: "status 3"})
	for name, explain := range map[string]func(context.Context, error) error{
		"asgi": new(asgi).explain, "executable": new(executable).explain,
	} {
		if err := explain(ctx, io.EOF); !errors.Is(err, guest.ErrNoReply) || !strings.Contains(err.Error(), "status 3") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
