package api

import (
	"net/http"

	"aleph/message"
)

// consumedCredits answers GET /api/v0/messages/{item_hash}/consumed_credits: what
// was spent for a resource, known or not. // spec ccn-http-api 5.6
func (a *API) consumedCredits(w http.ResponseWriter, r *http.Request) error {
	hash := message.Hash(r.PathValue("item_hash"))
	spent, err := a.Store.Spent(r.Context(), "", string(hash))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, compactJSON, object{{"item_hash", hash}, {"consumed_credits", whole(spent)}})
}
