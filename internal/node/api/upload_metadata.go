package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"aleph/message"
)

// metadata is the message that comes with a file.
type metadata struct {
	message *message.Message
	content *message.Store
	sync    bool
}

// claims demands that the message is about the file that came.
func (m *metadata) claims(h message.Hash) error {
	if m.content.ItemHash == h {
		return nil
	}
	return failReason(http.StatusUnprocessableEntity, "File hash does not match (%s != %s)", h, m.content.ItemHash)
}

// parseMetadata reads and verifies the message that comes with a file.
// // spec ccn-http-api 10.2, 10.3
func (a *API) parseMetadata(ctx context.Context, raw []byte) (*metadata, error) {
	members, issues := objectMembers(raw)
	if len(issues) > 0 {
		return nil, failMetadata(issuesJSON(issues))
	}
	sync, given := members["sync"]
	if !given {
		issues = append(issues, missingIssue("sync"))
	}
	wait, ok := jsonBool(sync)
	if given && !ok {
		issues = append(issues, boolIssue("sync", sync))
	}
	if issue, ok := messageIssue(members["message"]); !ok {
		issues = append(issues, issue)
	}
	if len(issues) > 0 {
		return nil, failMetadata(issuesJSON(issues))
	}
	m, err := a.parseMessage(members["message"])
	if err != nil {
		return nil, failEnvelope(err)
	}
	if m.Type != message.TypeStore || m.ItemType != message.ItemInline {
		return nil, failMetadata(issuesJSON([]issue{valueIssue("the message must be an inline STORE", string(m.Type), "message")}))
	}
	if err := a.queue().Verify(m); err != nil {
		f := failDefault(http.StatusForbidden)
		f.cause = err
		return nil, f
	}
	if err := a.throttle.mayPublish(ctx, m.Sender); err != nil {
		return nil, err
	}
	content, ok := m.Content.(*message.Store)
	if !ok {
		return nil, failReason(http.StatusUnprocessableEntity, "Invalid store message content: []")
	}
	return &metadata{message: m, content: content, sync: wait}, nil
}

func failMetadata(array []byte) *failure {
	return failReason(http.StatusUnprocessableEntity, "Could not decode metadata: %s", array)
}

// failEnvelope refuses the message of an upload: its content has an answer of
// its own.
func failEnvelope(err error) *failure {
	var faults []any
	inContent := true
	if rejection, ok := errors.AsType[*message.Rejection](err); ok {
		faults = rejection.Errors
	}
	for _, fault := range faults {
		field, ok := fault.(message.FieldError)
		inContent = inContent && ok && len(field.Loc) > 0 && field.Loc[0] == "content"
	}
	array, marshalErr := json.Marshal(faults)
	if marshalErr != nil || len(faults) == 0 {
		array, inContent = issuesJSON([]issue{valueIssue(err.Error(), nil, "message")}), false
	}
	if inContent {
		return failReason(http.StatusUnprocessableEntity, "Invalid store message content: %s", array)
	}
	return failMetadata(array)
}
