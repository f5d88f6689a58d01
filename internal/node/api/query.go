package api

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"aleph/message"
)

// query reads the parameters of one request and collects what is wrong with
// them. Of a repeated key the first value counts; a parameter may have two
// spellings, of which the first given here wins. // spec ccn-http-api 2.7
type query struct {
	values url.Values
	raw    string
	issues []issue
	// tell, unless it is nil, is told the names that are asked for.
	tell func(names []string)
}

// queryWatcher is the key of a context for what becomes tell.
type queryWatcher struct{}

func newQuery(r *http.Request) *query {
	tell, _ := r.Context().Value(queryWatcher{}).(func([]string))
	return &query{values: r.URL.Query(), raw: r.URL.RawQuery, tell: tell}
}

// err returns what is wrong, or nil.
func (q *query) err() error {
	if len(q.issues) == 0 {
		return nil
	}
	return &queryError{issues: q.issues}
}

// errJSON is err for the routes that declare their errors as JSON.
func (q *query) errJSON() error {
	if len(q.issues) == 0 {
		return nil
	}
	return &queryError{issues: q.issues, asJSON: true}
}

func (q *query) add(i issue) { q.issues = append(q.issues, i) }

// fail records an error of the whole query.
func (q *query) fail(text string) { q.add(valueIssue(text, q.raw)) }

// get returns a parameter by the first of its names that is present.
func (q *query) get(names ...string) (string, bool) {
	if q.tell != nil {
		q.tell(slices.Clone(names))
	}
	for _, name := range names {
		if values, ok := q.values[name]; ok && len(values) > 0 {
			return storable(values[0]), true
		}
	}
	return "", false
}

// storable replaces what no database keeps as text, and what therefore matches
// nothing: the character NUL and bytes that are not UTF-8.
func storable(text string) string {
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// has reports whether a parameter is present, even empty.
func (q *query) has(names ...string) bool {
	_, ok := q.get(names...)
	return ok
}

// text returns a parameter, or "".
func (q *query) text(names ...string) string {
	value, _ := q.get(names...)
	return value
}

// list returns a comma-separated parameter; nil when it is absent. Nothing is
// trimmed, and the empty text is one empty element.
func (q *query) list(names ...string) []string {
	value, ok := q.get(names...)
	if !ok {
		return nil
	}
	return strings.Split(value, ",")
}

// repeated returns every value of a parameter; nil when it is absent.
func (q *query) repeated(name string) []string {
	if q.tell != nil {
		q.tell([]string{name})
	}
	var list []string
	for _, value := range q.values[name] {
		list = append(list, storable(value))
	}
	return list
}

// int returns a whole number of at least least.
func (q *query) int(fallback, least int64, names ...string) int64 {
	return q.intUpTo(fallback, least, math.MaxInt64, names...)
}

// intUpTo returns a whole number between least and most.
func (q *query) intUpTo(fallback, least, most int64, names ...string) int64 {
	value, ok := q.get(names...)
	if !ok {
		return fallback
	}
	n, kind := parseInt(value)
	loc := []any{names[0]}
	switch {
	case kind == "int_parsing_size":
		q.add(issue{kind: kind, loc: loc, text: "Unable to parse input string as an integer, exceeded maximum size", input: value})
	case kind != "":
		q.add(issue{kind: kind, loc: loc, text: "Input should be a valid integer, unable to parse string as an integer", input: value})
	case n < least:
		q.add(issue{
			kind: "greater_than_equal", loc: loc, input: value, bounds: object{{"ge", least}},
			text: "Input should be greater than or equal to " + strconv.FormatInt(least, 10),
		})
	case n > most:
		q.add(issue{
			kind: "less_than_equal", loc: loc, input: value, bounds: object{{"le", most}},
			text: "Input should be less than or equal to " + strconv.FormatInt(most, 10),
		})
	default:
		return n
	}
	return fallback
}

// parseInt reads a whole number the way the reference does: blanks around it, a
// sign and a zero fraction are allowed. The second result is the kind of error.
func parseInt(text string) (int64, string) {
	digits := strings.TrimSpace(text)
	if whole, fraction, ok := strings.Cut(digits, "."); ok && strings.Trim(fraction, "0") == "" {
		digits = whole
	}
	unsigned := strings.TrimPrefix(strings.TrimPrefix(digits, "-"), "+")
	if unsigned == "" || len(digits)-len(unsigned) > 1 {
		return 0, "int_parsing"
	}
	for i := range len(unsigned) {
		if unsigned[i] < '0' || unsigned[i] > '9' {
			return 0, "int_parsing"
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, "int_parsing_size"
	}
	return n, ""
}

// float returns a finite number of at least zero.
func (q *query) float(names ...string) float64 {
	value, ok := q.get(names...)
	if !ok {
		return 0
	}
	loc := []any{names[0]}
	text := strings.TrimSpace(value)
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case (err != nil && !math.IsInf(f, 0)) || strings.ContainsAny(text, "xXpP_"):
		q.add(issue{kind: "float_parsing", loc: loc, text: "Input should be a valid number, unable to parse string as a number", input: value})
	case math.IsNaN(f) || f < 0:
		q.add(issue{kind: "greater_than_equal", loc: loc, text: "Input should be greater than or equal to 0", input: value, bounds: object{{"ge", 0}}})
	case math.IsInf(f, 0):
		q.add(issue{kind: "finite_number", loc: loc, text: "Input should be a finite number", input: value})
	default:
		return f
	}
	return 0
}

// lastSecond is the first second of the year 10000, which no date reaches.
const lastSecond = 253402300800

// date returns an instant given in seconds; zero means that there is none.
func (q *query) date(names ...string) message.Timestamp {
	seconds := q.float(names...)
	if seconds >= lastSecond {
		q.add(valueIssue("the date is beyond the year 9999", q.text(names...), names[0]))
		return 0
	}
	return message.TimestampFromSeconds(seconds)
}

// bool returns a truth value in any of its usual spellings.
func (q *query) bool(fallback bool, names ...string) bool {
	value, ok := q.get(names...)
	if !ok {
		return fallback
	}
	truth, ok := parseBool(value)
	if !ok {
		q.add(issue{kind: "bool_parsing", loc: []any{names[0]}, text: "Input should be a valid boolean, unable to interpret input", input: value})
		return fallback
	}
	return truth
}

func parseBool(text string) (truth, ok bool) {
	switch strings.ToLower(text) {
	case "1", "true", "t", "yes", "y", "on":
		return true, true
	case "0", "false", "f", "no", "n", "off":
		return false, true
	}
	return false, false
}

// ascending returns whether the order is ascending; descending is the default.
func (q *query) ascending(names ...string) bool {
	value, ok := q.get(names...)
	if !ok {
		return false
	}
	n, kind := parseInt(value)
	if kind != "" || (n != 1 && n != -1) {
		q.add(issue{kind: "enum", loc: []any{names[0]}, text: "Input should be -1 or 1", input: value, bounds: object{{"expected", "-1 or 1"}}})
		return false
	}
	return n == 1
}

// choice returns one of choices, the first when the parameter is absent.
func (q *query) choice(choices []string, names ...string) string {
	value, ok := q.get(names...)
	if !ok {
		return choices[0]
	}
	q.check(value, choices, names[0])
	return value
}

// oneOf returns a value that must be among choices, or "" when it is absent.
func oneOf[T ~string](q *query, choices []T, names ...string) T {
	value, ok := q.get(names...)
	if ok {
		q.check(value, texts(choices), names[0])
	}
	return T(value)
}

// choicesOf returns a list whose elements are all among choices.
func choicesOf[T ~string](q *query, choices []T, names ...string) []T {
	values := q.list(names...)
	if values == nil {
		return nil
	}
	allowed := texts(choices)
	list := make([]T, len(values))
	for i, value := range values {
		q.check(value, allowed, names[0], i)
		list[i] = T(value)
	}
	return list
}

func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}

// check records an error when value is none of choices.
func (q *query) check(value string, choices []string, loc ...any) {
	if slices.Contains(choices, value) {
		return
	}
	text := expected(choices)
	q.add(issue{kind: "enum", loc: loc, text: "Input should be " + text, input: value, bounds: object{{"expected", text}}})
}

// hashes returns a list of strict item hashes.
func (q *query) hashes(names ...string) []message.Hash {
	values := q.list(names...)
	if values == nil {
		return nil
	}
	list := make([]message.Hash, len(values))
	for i, value := range values {
		h, err := message.ParseHash(value)
		if err != nil {
			q.add(valueIssue("Unknown item hash: '"+value+"'", value, names[0], i))
		}
		list[i] = h
	}
	return list
}

// addresses returns a list of addresses, compared byte for byte.
func (q *query) addresses(names ...string) []message.Address {
	values := q.list(names...)
	if values == nil {
		return nil
	}
	list := make([]message.Address, len(values))
	for i, value := range values {
		list[i] = message.Address(value)
	}
	return list
}
