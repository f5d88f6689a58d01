package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"aleph/message"
)

// MessageInfo is what a node knows about one message.
type MessageInfo struct {
	Status message.Status
	Hash   message.Hash
	// ReceptionTime is when the node first saw the message.
	ReceptionTime time.Time
	// Message is nil for a rejected message that never was one. Its Content is
	// set while the message is processed, and while it is pending if the content
	// is inline.
	Message *message.Message
	// Confirmations are the transactions that anchor the message on a chain.
	Confirmations []Confirmation
	// ErrorCode and Details say why the message was rejected; Rejection has both
	// as an error. Nil and zero for every other status.
	ErrorCode message.Code
	Details   json.RawMessage
	Rejection *message.Rejection
	// ForgottenBy lists the FORGET messages that removed it.
	ForgottenBy []message.Hash
	// Reason says why a message is being removed, or was.
	Reason string
	// Invalid says why Content is nil although the node sent one.
	Invalid error
	raw     json.RawMessage
}

// Raw returns the JSON object that the node answered.
func (i *MessageInfo) Raw() json.RawMessage { return i.raw }

// MarshalJSON writes the object that the node answered.
func (i *MessageInfo) MarshalJSON() ([]byte, error) { return i.raw, nil }

// Message asks the node for one message, whatever its status. A hash that the
// node never saw, or removed without a trace, is [message.ErrNotFound].
// // spec ccn-http-api 5.3
func (c *Client) Message(ctx context.Context, hash message.Hash) (*MessageInfo, error) {
	var raw json.RawMessage
	err := c.getJSON(ctx, "/api/v0/messages/"+url.PathEscape(string(hash)), nil, objectLimit, &raw)
	if answer, ok := errors.AsType[*Error](err); ok {
		switch answer.Status {
		case http.StatusNotFound:
			return nil, fmt.Errorf("message %s: %w: the node never saw it", hash, message.ErrNotFound)
		case http.StatusGone:
			return nil, fmt.Errorf("message %s: %w: it was removed", hash, message.ErrNotFound)
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := decodeInfo(raw)
	if err != nil {
		return nil, decodeError("message "+string(hash), err)
	}
	return info, nil
}

func decodeInfo(raw json.RawMessage) (*MessageInfo, error) {
	var w struct {
		Status        message.Status    `json:"status"`
		ItemHash      message.Hash      `json:"item_hash"`
		ReceptionTime wireTime          `json:"reception_time"`
		Message       json.RawMessage   `json:"message"`
		Messages      []json.RawMessage `json:"messages"`
		ErrorCode     *message.Code     `json:"error_code"`
		Details       json.RawMessage   `json:"details"`
		ForgottenBy   []message.Hash    `json:"forgotten_by"`
		Reason        string            `json:"reason"`
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, err
	}
	info := &MessageInfo{
		Status: w.Status, Hash: w.ItemHash, ReceptionTime: w.ReceptionTime.Time,
		ForgottenBy: w.ForgottenBy, Reason: w.Reason, raw: raw,
	}
	if len(w.Messages) > 0 {
		w.Message = w.Messages[0]
	}
	if len(w.Message) > 0 && string(w.Message) != "null" {
		received, err := decodeReceived(w.Message)
		switch {
		case err == nil:
			info.Message, info.Confirmations, info.Invalid = received.Message, received.Confirmations, received.Invalid
		case w.Status != message.StatusRejected: // what was rejected may be anything
			return nil, err
		}
	}
	if w.Status == message.StatusRejected {
		info.Rejection = decodeRejection(w.ErrorCode, w.Details)
		info.ErrorCode, info.Details = info.Rejection.Code, w.Details
	}
	return info, nil
}

// decodeRejection makes an error of a rejected message's code and details. Old
// records have no details, or details of another shape.
func decodeRejection(code *message.Code, details json.RawMessage) *message.Rejection {
	r := &message.Rejection{Code: message.CodeInternal}
	if code != nil {
		r.Code = *code
	}
	var listed struct {
		Errors []any `json:"errors"`
	}
	if json.Unmarshal(details, &listed) == nil {
		r.Errors = listed.Errors
	}
	return r
}

// MessageStatus asks only where a message stands. // spec ccn-http-api 5.5
func (c *Client) MessageStatus(ctx context.Context, hash message.Hash) (message.Status, error) {
	var answer struct {
		Status message.Status `json:"status"`
	}
	path := "/api/v0/messages/" + url.PathEscape(string(hash)) + "/status"
	if err := c.getJSON(ctx, path, nil, objectLimit, &answer); err != nil {
		return "", fmt.Errorf("status of %s: %w", hash, err)
	}
	return answer.Status, nil
}

// WaitProcessed asks until a message is no longer pending. A rejected message
// is an error with a [*message.Rejection] in its chain; the information is
// returned as well. Bound the wait with a deadline of ctx; without one it
// lasts a minute at most.
func (c *Client) WaitProcessed(ctx context.Context, hash message.Hash) (*MessageInfo, error) {
	ctx, cancel := deadline(ctx, time.Minute)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		info, err := c.Message(ctx, hash)
		if err != nil {
			return nil, err
		}
		switch info.Status {
		case message.StatusPending:
		case message.StatusRejected:
			return info, fmt.Errorf("message %s was rejected: %w", hash, info.Rejection)
		default:
			return info, nil
		}
		select {
		case <-ctx.Done():
			return info, fmt.Errorf("%w: message %s is still pending: %w", message.ErrUnavailable, hash, ctx.Err())
		case <-time.After(wait):
		}
	}
}
