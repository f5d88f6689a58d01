package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"aleph/message"
)

// errorBodyLimit bounds what is read of an answer that reports a failure.
const errorBodyLimit = 64 << 10

// Error is an answer of a node or of a compute host that reports a failure. It
// unwraps to the sentinel of package message that fits its status.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Method and URL are the request's.
	Method, URL string
	// Text is the server's own text, shortened.
	Text string
	// RequestID finds the failure in the server's log; empty when it gave none.
	RequestID string
}

// Error says what was asked and what the server answered.
func (e *Error) Error() string {
	text := e.Text
	if text == "" {
		text = http.StatusText(e.Status)
	}
	s := fmt.Sprintf("%s %s: %d: %s", e.Method, e.URL, e.Status, text)
	if e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// Unwrap returns the kind of the failure, or nil when the server itself failed.
func (e *Error) Unwrap() error { return kindOfStatus(e.Status) }

// kindOfStatus is the table HTTP → error. Its counterpart is the node's table
// error → HTTP. // spec ccn-http-api 12.3
func kindOfStatus(status int) error {
	switch status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusRequestedRangeNotSatisfiable, http.StatusUnprocessableEntity:
		return message.ErrInvalid
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		return message.ErrForbidden
	case http.StatusNotFound, http.StatusGone:
		return message.ErrNotFound
	case http.StatusConflict:
		return message.ErrConflict
	case http.StatusProcessing, http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return message.ErrUnavailable
	}
	return nil
}

// UnreachableError says that no answer came at all.
type UnreachableError struct {
	// URL is the request's.
	URL string
	// Err is the cause.
	Err error
}

// Error says who did not answer and why.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.URL, e.Err)
}

// Unwrap returns [message.ErrUnavailable] and the cause.
func (e *UnreachableError) Unwrap() []error { return []error{message.ErrUnavailable, e.Err} }

// unreachable describes why a request got no answer, or why an answer broke
// off. A caller that gave up gets its own context's error.
func unreachable(ctx context.Context, target string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			return &UnreachableError{URL: target, Err: cause}
		}
		return fmt.Errorf("%s: %w", target, ctx.Err())
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return &UnreachableError{URL: target, Err: err}
}

// answerError reads the failure out of an answer.
func answerError(res *http.Response, method, target string) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, errorBodyLimit))
	if err != nil && len(body) == 0 {
		body = nil
	}
	return &Error{
		Status: res.StatusCode, Method: method, URL: target,
		Text: errorText(body), RequestID: res.Header.Get("X-Request-Id"),
	}
}

// errorText makes one line of an error body: plain text, a JSON object with a
// text in it, or a validation array. // spec ccn-http-api 2.2
func errorText(body []byte) string {
	text := strings.TrimSpace(string(body))
	var object struct {
		Error  json.RawMessage `json:"error"`
		Detail string          `json:"detail"`
	}
	if json.Unmarshal(body, &object) == nil {
		var reason string
		switch {
		case json.Unmarshal(object.Error, &reason) == nil && reason != "":
			text = reason
		case object.Detail != "":
			text = object.Detail
		}
	}
	var violations []struct {
		Loc []any  `json:"loc"`
		Msg string `json:"msg"`
	}
	if json.Unmarshal(body, &violations) == nil && len(violations) > 0 {
		var parts []string
		for _, v := range violations {
			place := make([]string, len(v.Loc))
			for i, l := range v.Loc {
				place[i] = fmt.Sprint(l)
			}
			parts = append(parts, strings.TrimPrefix(strings.Join(place, ".")+": "+v.Msg, ": "))
		}
		text = strings.Join(parts, "; ")
	}
	text = strings.Join(strings.Fields(text), " ")
	const most = 500
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// decodeError says that an answer is not what the protocol promises.
func decodeError(target string, err error) error {
	return fmt.Errorf("answer of %s: %w", target, err)
}
