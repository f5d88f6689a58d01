package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

// failure is an error as --json prints it.
type failure struct {
	ExitCode  int            `json:"exit_code"`
	Kind      string         `json:"kind"`
	Message   string         `json:"message"`
	Hint      string         `json:"hint,omitempty"`
	Rejection *rejectionJSON `json:"rejection,omitempty"`
}

// rejectionJSON is why the network refused a message.
type rejectionJSON struct {
	Code    message.Code    `json:"code"`
	Name    string          `json:"name"`
	Details json.RawMessage `json:"details"`
}

// fail says what went wrong and what to do, and returns the exit code.
func (a *app) fail(cmd *cobra.Command, err error) int {
	code := exitCode(err)
	f := failure{ExitCode: code, Kind: exitName(code), Message: a.describe(err), Hint: a.hint(cmd, err)}
	if rejection, ok := errors.AsType[*message.Rejection](err); ok {
		f.Rejection = &rejectionJSON{rejection.Code, rejection.Code.String(), rejection.Details()}
	}
	fmt.Fprintf(a.Err, "aleph: %s\n", oneLine(f.Message))
	if f.Hint != "" {
		fmt.Fprintf(a.Err, "  %s\n", f.Hint)
	}
	if a.flags.json && !a.printed {
		if err := a.writeJSON(map[string]failure{"error": f}); err != nil {
			fmt.Fprintf(a.Err, "aleph: %s\n", err)
		}
	}
	return code
}

// describe is the sentence for an error: what happened, to what.
func (a *app) describe(err error) string {
	if unreachable, ok := errors.AsType[*client.UnreachableError](err); ok {
		what, base := a.peer(unreachable.URL)
		text := fmt.Sprintf("no answer from the %s at %s: %v", what, base, unreachable.Err)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			text = fmt.Sprintf("the %s at %s did not answer in time", what, base)
		case errors.Is(err, syscall.ECONNREFUSED):
			text = fmt.Sprintf("no %s answers at %s: the port is closed", what, base)
		}
		// What stands around it says what was being done.
		return strings.Replace(err.Error(), unreachable.Error(), text, 1)
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// peer names what a URL belongs to.
func (a *app) peer(target string) (what, base string) {
	if n := a.network; n != nil {
		// ws:// and http:// are the same door.
		plain := strings.Replace(target, "ws", "http", 1)
		if n.compute != "" && (strings.HasPrefix(target, n.compute) || strings.HasPrefix(plain, n.compute)) {
			return "compute host", n.compute
		}
		return "node", n.api
	}
	return "node", target
}

// hint is what to do about an error, or nothing.
func (a *app) hint(cmd *cobra.Command, err error) string {
	if errors.Is(err, errDeclined) {
		return ""
	}
	if _, ok := errors.AsType[usageError](err); ok {
		path := "aleph"
		if cmd != nil {
			path = cmd.CommandPath()
		}
		return fmt.Sprintf("see `%s --help`", path)
	}
	if unreachable, ok := errors.AsType[*client.UnreachableError](err); ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return "try again, or give it more time with --timeout"
		}
		flag := "--api"
		if what, _ := a.peer(unreachable.URL); what == "compute host" {
			flag = "--compute"
		}
		return fmt.Sprintf("start one with `aleph local`, or name another one with %s URL", flag)
	}
	if rejection, ok := errors.AsType[*message.Rejection](err); ok {
		return rejectionHint(rejection.Code)
	}
	if answer, ok := errors.AsType[*client.Error](err); ok {
		switch answer.Status {
		case 402:
			return "the account cannot pay for it: use another one with --account, or add funds"
		case 413:
			return "the node takes no file of this size"
		}
	}
	return ""
}

// rejectionHint says what the sender of a refused message can do.
// // spec messages 4.6
func rejectionHint(code message.Code) string {
	switch code {
	case message.CodePermissionDenied:
		return "the owner must authorise this account in the aggregate `security`, or sign with the owner's account"
	case message.CodeContentUnavailable, message.CodeFileUnavailable:
		return "upload the file to this node, then publish again"
	case message.CodeBalanceInsufficient, message.CodeCreditInsufficient:
		return "the account cannot pay for it: use another one with --account, or add funds"
	case message.CodePostAmendNoTarget, message.CodePostAmendNotFound:
		return "amend the hash of the original post: `aleph post list` shows it"
	case message.CodePostAmendAmend:
		return "this is an amend itself: amend the original post instead"
	case message.CodeStoreRefNotFound, message.CodeForgetTargetNotFound, message.CodeVMRefNotFound, message.CodeVMVolumeNotFound:
		return "check the hash, and that this node knows it: `aleph message get HASH`"
	case message.CodeForgetNotAllowed:
		return "a program or machine uses the file: delete that first"
	default: // the error says it all
		return ""
	}
}

// oneLine keeps an error from drawing on the terminal.
func oneLine(text string) string { return strings.Join(strings.Fields(printable(text)), " ") }
