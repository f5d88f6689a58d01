package message

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Code is the protocol's number for the reason a message is not processed.
type Code int

// The rejection codes. // spec messages 4.6
const (
	CodeInternal             Code = -1
	CodeInvalidFormat        Code = 0
	CodeInvalidSignature     Code = 1
	CodePermissionDenied     Code = 2
	CodeContentUnavailable   Code = 3
	CodeFileUnavailable      Code = 4
	CodeBalanceInsufficient  Code = 5
	CodeCreditInsufficient   Code = 6
	CodePostAmendNoTarget    Code = 100
	CodePostAmendNotFound    Code = 101
	CodePostAmendAmend       Code = 102
	CodeStoreRefNotFound     Code = 200
	CodeStoreUpdateUpdate    Code = 201
	CodeInvalidPaymentMethod Code = 202
	CodeVMRefNotFound        Code = 300
	CodeVMVolumeNotFound     Code = 301
	CodeVMAmendNotAllowed    Code = 302
	CodeVMUpdateUpdate       Code = 303
	CodeVMVolumeTooSmall     Code = 304
	CodeForgetNoTarget       Code = 500
	CodeForgetTargetNotFound Code = 501
	CodeForgetForget         Code = 502
	CodeForgetNotAllowed     Code = 503
	CodeForgottenDuplicate   Code = 504
)

// codeTable says the name of each code and whether the node tries again before
// it gives up. // spec messages 4.6
var codeTable = map[Code]struct {
	name  string
	retry bool
}{
	CodeInternal:             {"INTERNAL_ERROR", true},
	CodeInvalidFormat:        {"INVALID_FORMAT", false},
	CodeInvalidSignature:     {"INVALID_SIGNATURE", false},
	CodePermissionDenied:     {"PERMISSION_DENIED", false},
	CodeContentUnavailable:   {"CONTENT_UNAVAILABLE", true},
	CodeFileUnavailable:      {"FILE_UNAVAILABLE", true},
	CodeBalanceInsufficient:  {"BALANCE_INSUFFICIENT", false},
	CodeCreditInsufficient:   {"CREDIT_INSUFFICIENT", false},
	CodePostAmendNoTarget:    {"POST_AMEND_NO_TARGET", false},
	CodePostAmendNotFound:    {"POST_AMEND_TARGET_NOT_FOUND", true},
	CodePostAmendAmend:       {"POST_AMEND_AMEND", false},
	CodeStoreRefNotFound:     {"STORE_REF_NOT_FOUND", true},
	CodeStoreUpdateUpdate:    {"STORE_UPDATE_UPDATE", false},
	CodeInvalidPaymentMethod: {"INVALID_PAYMENT_METHOD", false},
	CodeVMRefNotFound:        {"VM_REF_NOT_FOUND", true},
	CodeVMVolumeNotFound:     {"VM_VOLUME_NOT_FOUND", true},
	CodeVMAmendNotAllowed:    {"VM_AMEND_NOT_ALLOWED", false},
	CodeVMUpdateUpdate:       {"VM_UPDATE_UPDATE", false},
	CodeVMVolumeTooSmall:     {"VM_VOLUME_TOO_SMALL", false},
	CodeForgetNoTarget:       {"FORGET_NO_TARGET", false},
	CodeForgetTargetNotFound: {"FORGET_TARGET_NOT_FOUND", true},
	CodeForgetForget:         {"FORGET_FORGET", false},
	CodeForgetNotAllowed:     {"FORGET_NOT_ALLOWED", false},
	CodeForgottenDuplicate:   {"FORGOTTEN_DUPLICATE", false},
}

// Codes returns every code of the protocol, in ascending order.
func Codes() []Code { return slices.Sorted(maps.Keys(codeTable)) }

// String returns the protocol's name of the code.
func (c Code) String() string {
	if row, ok := codeTable[c]; ok {
		return row.name
	}
	return fmt.Sprintf("CODE_%d", int(c))
}

// Retry reports whether a message that meets this code is tried again.
func (c Code) Retry() bool { return codeTable[c].retry }

// Rejection says why a message is not processed. It is the only error from
// which ingestion decides what happens to a message.
type Rejection struct {
	Code Code
	// Errors are the elements of the record's details: text, or an object
	// whose shape the code fixes. Nil when there is nothing to say.
	Errors []any
	// Err is the cause, for logs only; it may be nil.
	Err error
}

// Reject returns a rejection whose details are one formatted text.
func Reject(code Code, format string, args ...any) *Rejection {
	return &Rejection{Code: code, Errors: []any{fmt.Sprintf(format, args...)}}
}

// Error describes the rejection in one line.
func (r *Rejection) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d)", r.Code, int(r.Code))
	for _, e := range r.Errors {
		fmt.Fprintf(&b, ": %v", e)
	}
	if r.Err != nil {
		fmt.Fprintf(&b, ": %v", r.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (r *Rejection) Unwrap() error { return r.Err }

// Details returns the JSON of the record's details member: {"errors": […]} or
// null.
func (r *Rejection) Details() json.RawMessage {
	if len(r.Errors) == 0 {
		return json.RawMessage("null")
	}
	b, err := json.Marshal(map[string]any{"errors": r.Errors})
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
