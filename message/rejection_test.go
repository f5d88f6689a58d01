package message_test

import (
	"errors"
	"io"
	"testing"

	"aleph/message"
)

// The table of codes. // spec messages 4.6
func TestCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[message.Code]struct {
		name  string
		retry bool
	}{
		-1: {"INTERNAL_ERROR", true}, 0: {"INVALID_FORMAT", false}, 1: {"INVALID_SIGNATURE", false},
		2: {"PERMISSION_DENIED", false}, 3: {"CONTENT_UNAVAILABLE", true}, 4: {"FILE_UNAVAILABLE", true},
		5: {"BALANCE_INSUFFICIENT", false}, 6: {"CREDIT_INSUFFICIENT", false},
		100: {"POST_AMEND_NO_TARGET", false}, 101: {"POST_AMEND_TARGET_NOT_FOUND", true}, 102: {"POST_AMEND_AMEND", false},
		200: {"STORE_REF_NOT_FOUND", true}, 201: {"STORE_UPDATE_UPDATE", false}, 202: {"INVALID_PAYMENT_METHOD", false},
		300: {"VM_REF_NOT_FOUND", true}, 301: {"VM_VOLUME_NOT_FOUND", true}, 302: {"VM_AMEND_NOT_ALLOWED", false},
		303: {"VM_UPDATE_UPDATE", false}, 304: {"VM_VOLUME_TOO_SMALL", false},
		500: {"FORGET_NO_TARGET", false}, 501: {"FORGET_TARGET_NOT_FOUND", true}, 502: {"FORGET_FORGET", false},
		503: {"FORGET_NOT_ALLOWED", false}, 504: {"FORGOTTEN_DUPLICATE", false},
		999: {"CODE_999", false},
	} {
		if code.String() != want.name || code.Retry() != want.retry {
			t.Errorf("code %d is %s, retry %v", int(code), code, code.Retry())
		}
	}
}

func TestRejection(t *testing.T) {
	t.Parallel()
	r := &message.Rejection{Code: message.CodeContentUnavailable, Err: io.ErrUnexpectedEOF}
	if !errors.Is(r, io.ErrUnexpectedEOF) || string(r.Details()) != "null" {
		t.Errorf("%v with details %s", r, r.Details())
	}
	r = message.Reject(message.CodePermissionDenied, "%s may not", "eve")
	if r.Error() != "PERMISSION_DENIED (2): eve may not" || string(r.Details()) != `{"errors":["eve may not"]}` {
		t.Errorf("%v with details %s", r, r.Details())
	}
}

func TestChains(t *testing.T) {
	t.Parallel()
	count := map[message.Family]int{}
	for _, c := range message.Chains() {
		if !c.Valid() {
			t.Errorf("%s is listed and not valid", c)
		}
		count[c.Family()]++
	}
	if count[message.FamilyEVM] != 23 || count[message.FamilySolana] != 2 || count[message.FamilyNone] != 2 || len(message.Chains()) != 33 {
		t.Errorf("chains per family: %v", count)
	}
	if message.Chain("eth").Valid() || message.Chain("BTC").Family() != "" {
		t.Error("an unknown chain is valid")
	}
}
