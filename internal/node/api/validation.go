package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"aleph/message"
)

// issue is one element of the array that describes invalid input. // spec ccn-http-api 2.2
type issue struct {
	kind string
	// loc says where: a parameter's name, then an index into a list; empty for
	// an error of the whole.
	loc   []any
	text  string
	input any
	// bounds is the context member: {"ge": 0}; empty when there is none.
	bounds object
}

func (i issue) object() object {
	o := object{{"type", i.kind}, {"loc", append([]any{}, i.loc...)}, {"msg", i.text}, {"input", i.input}}
	if len(i.bounds) > 0 {
		o = append(o, member{"ctx", i.bounds})
	}
	return o
}

func issuesJSON(issues []issue) []byte {
	list := make([]object, len(issues))
	for i, one := range issues {
		list[i] = one.object()
	}
	return compactJSON.value(nil, list)
}

// valueIssue is an error that a rule beyond types found.
func valueIssue(text string, input any, loc ...any) issue {
	return issue{kind: "value_error", loc: loc, text: "Value error, " + text, input: input, bounds: object{{"error", text}}}
}

// queryError is invalid input of a request, shape E-validation.
type queryError struct {
	issues []issue
	// asJSON says that the route declares its errors as JSON. // spec ccn-http-api 2.1
	asJSON bool
}

func (e *queryError) Error() string { return "invalid input: " + string(issuesJSON(e.issues)) }

func (e *queryError) failure() *failure {
	f := &failure{status: http.StatusUnprocessableEntity, body: string(issuesJSON(e.issues)), contentType: typeText}
	if e.asJSON {
		f.contentType = typeJSON
	}
	return f
}

func (e *queryError) Is(target error) bool { return target == message.ErrInvalid }

// expected lists choices as the reference does: 'a', 'b' or 'c'.
func expected(choices []string) string {
	quoted := make([]string, len(choices))
	for i, choice := range choices {
		quoted[i] = "'" + choice + "'"
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// detailText prints one element of a rejection's details.
func detailText(detail any) string {
	switch detail := detail.(type) {
	case string:
		return detail
	case fmt.Stringer:
		return detail.String()
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Sprint(detail)
	}
	return string(b)
}
