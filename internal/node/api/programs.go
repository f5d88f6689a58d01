package api

import (
	"net/http"
	"slices"

	"aleph/message"
)

// programsOnMessage answers GET /api/v0/programs/on/message: the programs that
// want to run when certain messages arrive. // spec ccn-http-api 5.9
func (a *API) programsOnMessage(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	ascending := q.ascending("sort_order")
	names := make([]string, 0, len(q.values))
	for name := range q.values {
		if name != "sort_order" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		q.add(issue{kind: "extra_forbidden", loc: []any{name}, text: "Extra inputs are not permitted", input: q.text(name)})
	}
	if len(q.issues) > 0 {
		body := compactJSON.text(nil, string(issuesJSON(q.issues)))
		return &failure{status: http.StatusBadRequest, body: string(body), contentType: typeJSON}
	}
	rows, err := a.Store.TriggeredPrograms(r.Context(), ascending)
	if err != nil {
		return err
	}
	list := []object{}
	for _, row := range rows {
		content, err := message.ParseContent(message.TypeProgram, row.Content())
		if err != nil {
			continue // stored before a rule that it breaks; nobody can run it
		}
		program, ok := content.(*message.Program)
		if !ok || len(program.On.Message) == 0 {
			continue
		}
		triggers := make([]any, len(program.On.Message))
		for i, trigger := range program.On.Message {
			triggers[i] = trigger
		}
		list = append(list, object{
			{"item_hash", row.Message.ItemHash},
			{"content", object{{"on", object{{"message", triggers}}}}},
		})
	}
	return writeJSON(w, http.StatusOK, spacedJSON, list)
}
