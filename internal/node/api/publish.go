package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"aleph/internal/node/ingest"
	"aleph/message"
)

// publishMessage answers POST /api/v0/messages: it takes a message in and
// answers once the outcome is durable. // spec ccn-http-api 5.7
func (a *API) publishMessage(w http.ResponseWriter, r *http.Request) error {
	raw, err := a.readBody(w, r, a.cfg.MaxBody)
	if err != nil {
		return err
	}
	envelope, sync, err := parsePublication(raw)
	if err != nil {
		return err
	}
	m, err := a.parseMessage(envelope)
	if err != nil {
		return failInvalidMessage(err)
	}
	if err := a.throttle.mayPublish(r.Context(), m.Sender); err != nil {
		return err
	}
	status, err := a.publish(r.Context(), m, sync)
	if err != nil {
		return a.failPublication(r, m, err)
	}
	return writeJSON(w, publishedCode(status), compactJSON, publication(status))
}

// parsePublication returns the envelope of a body and whether its sender wants
// to wait for the outcome.
func parsePublication(raw []byte) (envelope json.RawMessage, sync bool, err error) {
	members, issues := objectMembers(raw)
	if len(issues) > 0 && issues[0].kind == "json_invalid" {
		return nil, false, failDefault(http.StatusUnprocessableEntity)
	}
	if len(issues) == 0 {
		if issue, ok := messageIssue(members["message"]); !ok {
			issues = append(issues, issue)
		}
		if given, ok := members["sync"]; ok {
			if sync, ok = jsonBool(given); !ok {
				issues = append(issues, boolIssue("sync", given))
			}
		}
	}
	if len(issues) > 0 {
		return nil, false, &queryError{issues: issues}
	}
	return members["message"], sync, nil
}

// publication is the answer about a message that was taken in. The node is the
// network's door, so what it holds durably is published. // spec ccn-http-api 5.7
func publication(status message.Status) object {
	return object{
		{"publication_status", object{{"status", "success"}, {"failed", []any{}}}},
		{"message_status", status},
	}
}

// failPublication answers for a message that could not be taken in; it may be
// sent again. // spec ccn-http-api 5.7
func (a *API) failPublication(r *http.Request, m *message.Message, err error) error {
	a.log.WarnContext(r.Context(), "a message was not taken", "item_hash", m.ItemHash, "error", err)
	body := compactJSON.object(nil, object{
		{"publication_status", object{{"status", "error"}, {"failed", []string{"p2p"}}}}, {"message_status", nil},
	})
	return &failure{
		status: http.StatusInternalServerError, body: string(body), contentType: typeJSON,
		header: http.Header{"Retry-After": {"10"}},
	}
}

// publishedCode is the HTTP status for where a message stands.
// // spec messages 4.1
func publishedCode(status message.Status) int {
	switch status {
	case message.StatusProcessed, message.StatusRemoving:
		return http.StatusOK
	case message.StatusRejected:
		return http.StatusUnprocessableEntity
	case message.StatusForgotten, message.StatusRemoved:
		return http.StatusGone
	case message.StatusPending:
	}
	return http.StatusAccepted
}

// publish takes a message in and returns where it stands once that is durable.
// Who does not want to wait for the outcome is told that it is pending; who
// does waits for a message that needs content or a file, but not for one that
// will be tried again later. A caller who leaves changes nothing.
func (a *API) publish(ctx context.Context, m *message.Message, sync bool) (message.Status, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.SyncTimeout)
	defer cancel()
	result, err := a.queue().Submit(ctx, m, ingest.OriginP2P)
	if err == nil && (result.Rejection == nil || result.Rejection.Code != message.CodeInvalidSignature) {
		a.throttle.published(ctx, m.Sender)
	}
	switch {
	case err != nil:
		return "", err
	case !sync:
		return message.StatusPending, nil
	case result.Rejection != nil, result.Status != message.StatusPending:
		// Where the message stands. An invalid copy of a message that the node
		// knows changes nothing, so the answer is about that. // spec messages 4.10
		return result.Status, nil
	}
	return a.awaitOutcome(ctx, m.ItemHash)
}

// outcomeBuffer is how many events may wait for one publisher.
const outcomeBuffer = 256

// awaitOutcome waits until a pending message is decided, or put off.
func (a *API) awaitOutcome(ctx context.Context, h message.Hash) (message.Status, error) {
	for ctx.Err() == nil {
		events, cancel := a.queue().Subscribe(outcomeBuffer)
		status, err := a.awaitEvent(ctx, h, events)
		cancel()
		if err != nil || status != "" {
			return status, err
		}
	}
	// No event is told of a message that a transaction brought first.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	row, err := a.Store.Status(ctx, h)
	if err != nil {
		return message.StatusPending, ignoreDeadline(err)
	}
	return row.Status, nil
}

// lastLook bounds the question after a wait is over.
const lastLook = time.Second

// awaitEvent returns "" when the events ended before the outcome was known.
func (a *API) awaitEvent(ctx context.Context, h message.Hash, events <-chan ingest.Event) (message.Status, error) {
	// What happened before the subscription is in the database.
	row, err := a.Store.Status(ctx, h)
	if err != nil || row.Status != message.StatusPending {
		return row.Status, ignoreDeadline(err)
	}
	if putOff, err := a.Store.Retried(ctx, h); err != nil || putOff {
		return message.StatusPending, ignoreDeadline(err)
	}
	for {
		select {
		case <-ctx.Done():
			return "", nil
		case event, open := <-events:
			if !open {
				return "", nil
			}
			if event.Hash == h {
				return event.Status, nil
			}
		}
	}
}

// ignoreDeadline drops the error of a wait that is over.
func ignoreDeadline(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// pubsub answers the two legacy ways to publish. The message is given as text,
// or as an object by some clients. // spec ccn-http-api 5.8
func (a *API) pubsub(w http.ResponseWriter, r *http.Request) error {
	raw, err := a.readBody(w, r, a.cfg.MaxBody)
	if err != nil {
		return err
	}
	members, issues := objectMembers(raw)
	if len(issues) > 0 {
		return failDefault(http.StatusUnprocessableEntity)
	}
	var topic string
	if json.Unmarshal(members["topic"], &topic) != nil || topic != a.Network.Topic {
		return failReason(http.StatusForbidden, "Unauthorized P2P topic: %s. Use %s.", topic, a.Network.Topic)
	}
	envelope, err := pubsubEnvelope(members["data"])
	if err != nil {
		return err
	}
	m, err := a.parseMessage(envelope)
	if err != nil {
		return failInvalidMessage(err)
	}
	if err := a.throttle.mayPublish(r.Context(), m.Sender); err != nil {
		return err
	}
	if _, err := a.publish(r.Context(), m, false); err != nil {
		a.log.WarnContext(r.Context(), "a message was not taken", "item_hash", m.ItemHash, "error", err)
		return writeJSON(w, http.StatusInternalServerError, compactJSON, object{{"status", "error"}, {"failed", []string{"p2p"}}})
	}
	return writeJSON(w, http.StatusOK, compactJSON, object{{"status", "success"}, {"failed", []any{}}})
}

// pubsubEnvelope returns the message in the member data.
func pubsubEnvelope(data json.RawMessage) ([]byte, error) {
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) > 0 && trimmed[0] == '{' {
		return trimmed, nil
	}
	var text string
	if len(trimmed) == 0 || trimmed[0] != '"' || json.Unmarshal(trimmed, &text) != nil {
		return nil, failReason(http.StatusUnprocessableEntity, "'data': expected a serialized JSON string.")
	}
	if !json.Valid([]byte(text)) {
		return nil, failReason(http.StatusUnprocessableEntity, "'data': must be deserializable as JSON.")
	}
	return []byte(text), nil
}
