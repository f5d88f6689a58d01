package api

import (
	"context"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/telemetry"
)

// CanonicalJSON is what add_json stores.
var CanonicalJSON = canonicalJSON

// ParsePublication reads the body of a publication.
var ParsePublication = parsePublication

// WithRoute serves one more route.
func WithRoute(a *API, path string, handle func(w http.ResponseWriter, r *http.Request) error) {
	a.add(Route{Method: http.MethodGet, Path: path, Name: "extra", handle: func(_ *API, w http.ResponseWriter, r *http.Request) error {
		return handle(w, r)
	}})
}

// Raw lays out JSON in the spaced style.
func Raw(raw []byte) []byte { return spacedJSON.raw(nil, raw) }

// ReadMessageQuery reads a query as the list of messages does.
func ReadMessageQuery(r *http.Request) error {
	q := newQuery(r)
	q.messageFilter()
	q.postList()
	if _, err := q.paging(20, ""); err != nil {
		return err
	}
	if token, ok := q.get("cursor"); ok {
		if _, _, err := decodeTimeCursor(token); err != nil {
			return err
		}
	}
	return q.err()
}

// StatusOf returns what an error is answered with.
func StatusOf(err error) (int, string) {
	f, _ := failureOf(err)
	return f.status, f.body
}

// WatchQuery returns a context in which tell is told the parameters that a
// handler asks for.
func WatchQuery(ctx context.Context, tell func(names []string)) context.Context {
	return context.WithValue(ctx, queryWatcher{}, tell)
}

// HoldRecalculation does as if costs were being recalculated, until the
// function it returns is called.
func HoldRecalculation(a *API) func() {
	a.recalculating.Lock()
	return a.recalculating.Unlock
}

// HandlerName is the name of the method that answers a route.
func HandlerName(r Route) string {
	name := runtime.FuncForPC(reflect.ValueOf(r.handle).Pointer()).Name()
	return name[strings.LastIndexByte(name, '.')+1:]
}

// CountAgain makes the figures be counted when they are next wanted.
func CountAgain(a *API) {
	a.figures.mu.Lock()
	defer a.figures.mu.Unlock()
	a.figures.at = time.Time{}
}

// HealthOfDisk is what the health says of a folder with so many free bytes.
func HealthOfDisk(folder string, free uint64) (telemetry.State, string) {
	return diskState(free), diskText(folder, free)
}

// HealthOfQueue is what the health says of a queue.
func (a *API) HealthOfQueue(s ingest.State) telemetry.HealthItem {
	a.checks.queue(s)
	items := a.Health.Items()
	return items[slices.IndexFunc(items, func(i telemetry.HealthItem) bool { return i.Part == "queue" })]
}
