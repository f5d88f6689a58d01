package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"aleph/internal/node/store"
	"aleph/message"
)

// known returns where the message of a path stands: 400 for what is no item
// hash, 404 for what was never seen.
func (a *API) known(r *http.Request) (store.StatusRow, error) {
	text := r.PathValue("item_hash")
	h, err := message.ParseHash(text)
	if err != nil {
		return store.StatusRow{}, failText(http.StatusBadRequest, "Invalid message hash: %s", text)
	}
	return a.Store.Status(r.Context(), h)
}

// statusMembers lead every answer about one message. // spec ccn-http-api 5.3
func statusMembers(s store.StatusRow) object {
	return object{{"status", s.Status}, {"item_hash", s.ItemHash}, {"reception_time", isoZ(s.ReceptionTime)}}
}

// messageStatus answers GET /api/v0/messages/{item_hash}/status. // spec ccn-http-api 5.5
func (a *API) messageStatus(w http.ResponseWriter, r *http.Request) error {
	status, err := a.known(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, compactJSON, statusMembers(status))
}

// attempts is how often a message is looked up again that changes its status
// between two reads.
const attempts = 5

// errMoved says that a message changed its status between two reads.
var errMoved = errors.New("the message changed its status while it was read")

// message answers GET /api/v0/messages/{item_hash}. // spec ccn-http-api 5.3
func (a *API) message(w http.ResponseWriter, r *http.Request) error {
	err := errMoved
	for try := 0; try < attempts && errors.Is(err, errMoved); try++ {
		var status store.StatusRow
		if status, err = a.known(r); err != nil {
			return err
		}
		var rest object
		if rest, err = a.messageMembers(r, status); err == nil {
			return writeJSON(w, http.StatusOK, compactJSON, append(statusMembers(status), rest...))
		}
	}
	return err
}

// messageMembers returns what is shown of a message in its status.
func (a *API) messageMembers(r *http.Request, status store.StatusRow) (object, error) {
	ctx, h := r.Context(), status.ItemHash
	switch status.Status {
	case message.StatusPending:
		rows, err := a.Store.PendingOf(ctx, h)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, errMoved
		}
		list := make([]object, len(rows))
		for i, row := range rows {
			list[i] = pendingShape(row)
		}
		return object{{"messages", list}}, nil
	case message.StatusProcessed, message.StatusRemoving:
		row, err := a.Store.Message(ctx, h)
		if err != nil {
			return nil, moved(err)
		}
		if err := a.Store.AddConfirmations(ctx, row); err != nil {
			return nil, err
		}
		o := object{{"message", singleShape(&row.Message, normalized(row.Message.Type, row.Content()), row.Confirmations)}}
		if status.Status == message.StatusRemoving {
			o = append(o, member{"reason", removalReason(row.PaymentType)})
		}
		return o, nil
	case message.StatusRejected:
		row, err := a.Store.Rejected(ctx, h)
		if err != nil {
			return nil, moved(err)
		}
		return object{{"message", row.Message}, {"error_code", int(row.Code)}, {"details", row.Details}}, nil
	case message.StatusForgotten:
		row, err := a.Store.Forgotten(ctx, h)
		if err != nil {
			return nil, moved(err)
		}
		return object{{"message", forgottenShape(row)}, {"forgotten_by", row.ForgottenBy}}, nil
	case message.StatusRemoved:
		row, err := a.Store.Removed(ctx, h)
		if errors.Is(err, message.ErrNotFound) {
			return nil, failRemoved(h)
		}
		if err != nil {
			return nil, err
		}
		return object{
			{"message", removedShape(row)}, {"reason", removalReason(row.PaymentType)}, {"removed_at", row.RemovedAt}, {"size", row.Size},
		}, nil
	}
	return nil, fmt.Errorf("message %s has the status %q", h, status.Status)
}

// moved turns "not found" into [errMoved]: the status said that it is there.
func moved(err error) error {
	if errors.Is(err, message.ErrNotFound) {
		return errMoved
	}
	return err
}

func removalReason(payment message.PaymentType) string {
	if payment == message.PaymentCredit {
		return "credit_insufficient"
	}
	return "balance_insufficient"
}

func failUnprocessed(s store.StatusRow) *failure {
	return failText(http.StatusUnprocessableEntity, "Message %s is not processed (status: MessageStatus.%s)",
		s.ItemHash, strings.ToUpper(string(s.Status)))
}

func failRemoved(h message.Hash) *failure {
	return failText(http.StatusGone, "This message has been removed: %s", h)
}

// messageContent answers GET /api/v0/messages/{item_hash}/content.
// // spec ccn-http-api 5.4
func (a *API) messageContent(w http.ResponseWriter, r *http.Request) error {
	status, err := a.known(r)
	if err != nil {
		return err
	}
	switch status.Status {
	case message.StatusProcessed:
	case message.StatusRemoved:
		if _, err := a.Store.Removed(r.Context(), status.ItemHash); err == nil {
			return failUnprocessed(status)
		} else if !errors.Is(err, message.ErrNotFound) {
			return err
		}
		return failRemoved(status.ItemHash)
	default:
		return failUnprocessed(status)
	}
	row, err := a.Store.Message(r.Context(), status.ItemHash)
	if err != nil {
		return moved(err)
	}
	if row.Message.Type != message.TypePost {
		return writeJSON(w, http.StatusOK, spacedJSON, normalized(row.Message.Type, row.Content()))
	}
	return writeJSON(w, http.StatusOK, spacedJSON, postContent(row))
}
