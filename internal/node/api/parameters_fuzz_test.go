package api_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"aleph/internal/node/api"
	"aleph/internal/node/store/storetest"
)

// oddities are values that some parser takes for something. What they are for a
// parameter follows from its kind.
func oddities() []string {
	return []string{
		"", " ", "-", "-1", "0", "-0", "+1", " 1 ", "1.0", "1.5", "1e5", "01", "1_000", "0x10", "١", "null", "true", "TRUE", "tRuE", "yes",
		"NaN", "inf", "-inf", "1e300", "1e-300", "253402300799", "253402300800", "-62135596801", "9223372036854775807", "9223372036854775808",
		strings.Repeat("9", 400), strings.Repeat("x", 5000), strings.Repeat(",", 300), ",", "a,b", "a;b", "a|b", "a b", "[1,2]", `{"a":1}`, `["a"]`,
		"\x00", "a\x00b", "\xff", "a\xff\xfe", "é", "😀", "\u202e", "\ufeff", "%", "%zz", "%00", "'", `"`, "\\", "' OR 1=1 --", "_", "../..",
		"post", "POST", "POST,FOO", "eth", "ETH", "ETH,ETH", "processed", "PROCESSED", "hold", "1,2", "\n", "\r\nX: y", "e30", "bnVsbA", "W10",
		"eyJoIjoiYSIsInQiOiIyMDI2LTAxLTAxVDA2OjQ2OjQ0KzAwOjAwIn0", "eyJhIjoiXHUwMDAwIiwidiI6LTF9", "eyJpIjowLCJyIjoiYSIsInQiOiIwMDAxLTAxLTAxIn0",
	}
}

// legal returns values that a parameter must take, illegal ones that it must refuse.
func legal(p api.Parameter) []string {
	switch p.Kind {
	case api.KindInteger:
		return []string{fmt.Sprint(max(p.Least, 1)), fmt.Sprint(p.Most), fmt.Sprint(max(p.Least, 1)) + ".0", " " + fmt.Sprint(max(p.Least, 1)) + " "}
	case api.KindSeconds:
		return []string{"0", "1767250000.5", "1e9", " 5 ", "253402300799"}
	case api.KindTruth:
		return []string{"1", "TRUE", "f", "No", "off"}
	case api.KindOrder:
		return []string{"1", "-1", "1.0", "-1.0"}
	case api.KindChoice:
		return p.Values
	case api.KindChoices:
		return append(slices.Clone(p.Values), p.Values[0]+","+p.Values[0])
	case api.KindHashes:
		return []string{strings.Repeat("a", 64), "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o," + strings.Repeat("0", 64)}
	case api.KindCursor:
		return []string{""}
	case api.KindText, api.KindTexts, api.KindRepeated:
	}
	return []string{"", "a", "a,b", "é", "\x00", "\xff", "%", "'"}
}

func illegal(p api.Parameter) []string {
	switch p.Kind {
	case api.KindInteger:
		return []string{"", "x", "1.5", "1e3", "--1", "9223372036854775808", strings.Repeat("9", 400), "0x1", "NaN"}
	case api.KindSeconds:
		return []string{"", "x", "-1", "NaN", "inf", "1e300", "253402300800", "0x10", "1_0", "2026-01-01"}
	case api.KindTruth:
		return []string{"", "2", "perhaps", "true ", "\x00", "null"}
	case api.KindOrder:
		return []string{"", "0", "2", "-1.5", "desc", "1,1"}
	case api.KindChoice:
		return []string{"", "x", strings.Repeat("x", 5000), "\xff", p.Values[0] + ",", " " + p.Values[0]}
	case api.KindChoices:
		return []string{"", "x", p.Values[0] + ",", "," + p.Values[0], strings.ToLower(p.Values[0]) + "X", p.Values[0] + ";" + p.Values[0]}
	case api.KindHashes:
		return []string{"", "x", strings.Repeat("a", 63), strings.Repeat("A", 64), strings.Repeat("a", 64) + ",", "\x00"}
	case api.KindCursor:
		return []string{"!", "e30", "W10", "bnVsbA", "eyJhIjoxfQ", "x", "\x00", strings.Repeat("A", 4000), "=", "eyJoIjoiYSIsInQiOiJ4In0"}
	case api.KindText:
		if p.Most > 0 {
			return []string{strings.Repeat("é", int(p.Most)+1)}
		}
	case api.KindTexts, api.KindRepeated:
	}
	return nil
}

// expected reports whether an answer is right for a query of one value.
func expectedStatus(r api.Route, p api.Parameter, value string, isLegal bool, status int) bool {
	refused := http.StatusUnprocessableEntity
	if r.Name == "programs_on_message" {
		refused = http.StatusBadRequest
	}
	switch {
	case !isLegal:
		return status == refused
	case r.Name == "socket_messages": // nothing but the upgrade is missing
		return status == http.StatusBadRequest
	case r.Name == "costs" && p.Name == "include_details" && value == "2": // alone it is refused
		return status == refused
	}
	return status == http.StatusOK || status == http.StatusNotFound
}

// TestParameters asks each route for values of and against the type of each of
// its parameters, then for odd values, alone, twice and two at a time. On the
// second engine only routes whose filters become SQL are asked again.
func TestParameters(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, r := range api.Routes() {
		parameters := r.Parameters()
		queries := slices.DeleteFunc(slices.Clone(parameters), func(p api.Parameter) bool { return p.In != api.InQuery })
		if storetest.On() != storetest.SQLite && len(queries) < 3 {
			continue
		}
		for _, p := range queries {
			names := slices.DeleteFunc([]string{p.Name, p.Alias}, func(name string) bool { return name == "" })
			for i, name := range names {
				for isLegal, list := range map[bool][]string{true: legal(p), false: illegal(p)} {
					for _, value := range list {
						status := a.ask(t, question{route: r, path: a.places(r), query: pair(name, value)})
						if !expectedStatus(r, p, value, isLegal, status) {
							t.Errorf("%s %s: %s=%s: got %d, legal is %v", r.Method, r.Path, name, clip(value), status, isLegal)
						}
					}
				}
				for _, value := range sample(random, oddities(), 12-6*i) {
					a.ask(t, question{route: r, path: a.places(r), query: pair(name, value)})
				}
			}
			a.ask(t, question{route: r, path: a.places(r), query: pair(p.Name, "x") + "&" + pair(p.Name, "1")})
		}
		for range min(60, 10*len(queries)) {
			a.ask(t, question{route: r, path: a.places(r), query: anyQuery(random, queries)})
		}
		for _, p := range parameters {
			a.askElsewhere(t, r, p)
		}
	}
}

// askElsewhere puts odd values into a place of the path, or into a header.
func (a *asker) askElsewhere(t *testing.T, r api.Route, p api.Parameter) {
	t.Helper()
	for _, value := range append(oddities(), legal(p)...) {
		q := question{route: r, path: a.places(r)}
		switch p.In {
		case api.InPath:
			q.path[p.Name] = value
		case api.InHeader:
			if p.Name == "Upgrade" {
				continue // a recorder is no connection
			}
			q.header = http.Header{http.CanonicalHeaderKey(p.Name): {value, "bytes=0-1"}}
		default:
			return
		}
		a.ask(t, q)
	}
}

func pair(name, value string) string { return url.QueryEscape(name) + "=" + url.QueryEscape(value) }

func sample(random *rand.Rand, list []string, n int) []string {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}

// anyQuery returns a query of two or three parameters in any spelling, most of
// them of values that are legal.
func anyQuery(random *rand.Rand, parameters []api.Parameter) string {
	var parts []string
	for range 2 + random.IntN(2) {
		p := parameters[random.IntN(len(parameters))]
		name, values := p.Name, legal(p)
		if p.Alias != "" && random.IntN(2) == 0 {
			name = p.Alias
		}
		switch random.IntN(6) {
		case 0:
			values = oddities()
		case 1:
			values = append(values, illegal(p)...)
		}
		parts = append(parts, pair(name, values[random.IntN(len(values))]))
	}
	switch random.IntN(12) {
	case 0:
		parts = append(parts, "%zz=1", "=", "", "a;b=c", "%00=%ff", "unknown")
	case 1:
		parts = append(parts, parts...)
	}
	return strings.Join(parts, "&")
}

// FuzzParameters sends any query, any words in the path and any body to any
// route. See asker for what must hold.
func FuzzParameters(f *testing.F) {
	routes := api.Routes()
	index := func(name string) uint8 {
		return uint8(slices.IndexFunc(routes, func(r api.Route) bool { return r.Name == name }))
	}
	for _, seed := range []struct{ route, query, path, kind, body string }{
		{"messages", "msgStatuses=forgotten&=x", "", "", ""},
		{"messages", "hashes=%ff&page=9223372036854775807&pagination=3", "", "", ""},
		{"posts_v0", "sortBy=tx-time&cursor=&tags=%00", "2", "", ""},
		{"aggregates_of", "keys=a,b&value_only=1&limit=-9223372036854775808", "0xA", "", ""},
		{"credit_history", "sort_by=amount&cursor=eyJpIjowLCJvIjotMSwiciI6ImEiLCJzIjoiYW1vdW50IiwidiI6MX0", "a/b", "", ""},
		{"storage_by_ref", "", "x\x00y", "", ""},
		{"costs", "include_details=2&item_hash=%27&pagination=10", "", "", ""},
		{"core_metrics", "start_date=253402300799&sort=desc", "node", "", ""},
		{"publish", "", "", "application/json", `{"sync":true,"message":{"sender":"a","chain":"ETH","type":"POST","item_hash":"x","time":1,"item_content":"{}"}}`},
		{"add_file", "", "", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n"},
		{"ipfs_add_car", "", "", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx"},
		{"price_estimate", "", "", "", `{"message":{"type":"STORE","item_content":"{}"}}`},
	} {
		f.Add(index(seed.route), seed.query, seed.path, seed.kind, seed.body)
	}
	a := newAsker(f)
	f.Fuzz(func(t *testing.T, route uint8, query, path, kind, body string) {
		q := question{route: routes[int(route)%len(routes)], query: query, path: map[string]string{}}
		for _, p := range q.route.Parameters() {
			if p.In == api.InPath {
				q.path[p.Name] = path
			}
		}
		if q.route.Method == http.MethodPost {
			q.body, q.header = body, http.Header{"Content-Type": {kind}}
		}
		a.ask(t, q)
	})
}
