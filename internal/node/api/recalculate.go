package api

import (
	"errors"
	"net/http"

	"aleph/internal/node/ingest"
	"aleph/message"
)

// recalculate answers POST /api/v0/price/recalculate: all costs by the prices of
// the time of each message. One at a time is done. // spec ccn-http-api 9.4
func (a *API) recalculate(w http.ResponseWriter, r *http.Request) error {
	if err := a.authorize(r); err != nil {
		return err
	}
	if !a.recalculating.TryLock() {
		return failReason(http.StatusConflict, "costs are being recalculated: wait until that has ended")
	}
	defer a.recalculating.Unlock()
	done, err := a.queue().Recalculate(r.Context())
	if err != nil {
		return priceFailure(err)
	}
	return writeRecalculation(w, done)
}

// recalculateOne answers POST /api/v0/price/{item_hash}/recalculate.
func (a *API) recalculateOne(w http.ResponseWriter, r *http.Request) error {
	if err := a.authorize(r); err != nil {
		return err
	}
	status, err := a.priceable(r)
	if err != nil {
		return err
	}
	hash := status.ItemHash
	switch status.Status {
	case message.StatusForgotten, message.StatusRemoved:
		return failGone(hash, status.Status)
	case message.StatusProcessed, message.StatusRemoving, message.StatusPending, message.StatusRejected:
	}
	row, err := a.Store.Message(r.Context(), hash)
	if err != nil {
		return err
	}
	if err := costsNothing(&row.Message); err != nil {
		return err
	}
	done, err := a.queue().RecalculateOne(r.Context(), hash)
	if err != nil {
		return priceFailure(err)
	}
	return writeRecalculation(w, done)
}

func writeRecalculation(w http.ResponseWriter, done *ingest.Recalculation) error {
	if done.Messages == 0 {
		return writeJSON(w, http.StatusOK, spacedJSON, object{
			{"message", "No messages found for cost recalculation"}, {"recalculated_count", 0}, {"total_messages", 0},
		})
	}
	answer := object{
		{"message", "Cost recalculation completed with historical pricing"},
		{"recalculated_count", done.Done},
		{"total_messages", done.Messages},
		{"pricing_changes_found", done.Changes},
	}
	if len(done.Errors) > 0 {
		list := make([]object, len(done.Errors))
		for i, e := range done.Errors {
			text := e.Err.Error()
			if rejection, ok := errors.AsType[*message.Rejection](e.Err); ok && rejection.Err != nil {
				text = rejection.Err.Error()
			}
			list[i] = object{{"item_hash", e.ItemHash}, {"error", text}}
		}
		answer = append(answer, member{"errors", list})
	}
	return writeJSON(w, http.StatusOK, spacedJSON, answer)
}
