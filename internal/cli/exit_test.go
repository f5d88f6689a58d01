package cli_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aleph/client"
	"aleph/internal/cli"
	"aleph/message"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("surprise"), 1},
		{&client.Error{Status: 500}, 1},
		{message.ErrInvalid, 2},
		{&client.Error{Status: 422}, 2},
		{message.ErrNotFound, 3},
		{&client.Error{Status: 404}, 3},
		{message.Reject(message.CodePostAmendAmend, ""), 4},
		{message.Reject(message.CodeInvalidSignature, ""), 5},
		{message.Reject(message.CodePermissionDenied, ""), 5},
		{message.ErrForbidden, 5},
		{&client.Error{Status: 402}, 5},
		{message.ErrUnavailable, 6},
		{context.DeadlineExceeded, 6},
		{&client.UnreachableError{URL: "x", Err: context.DeadlineExceeded}, 6},
		{message.ErrConflict, 7},
		{context.Canceled, 130},
	}
	for _, test := range tests {
		err := test.err
		if err != nil {
			err = fmt.Errorf("publish message x: %w", err)
		}
		if got := cli.ExitCode(err); got != test.want {
			t.Errorf("exit code of %v is %d, want %d", err, got, test.want)
		}
	}
}

// A signal ends a command with 130, whatever broke because of it.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	code := cli.Run(ctx, []string{"post", "list", "--api", "http://127.0.0.1:1", "--json"}, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" },
	}, cli.Build{})
	if code != 130 || errs.String() != "aleph: interrupted\n" || !strings.Contains(out.String(), `"kind":"interrupted"`) {
		t.Errorf("code %d, %q, %q", code, out.String(), errs.String())
	}
}
