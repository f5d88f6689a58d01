package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"aleph/internal/telemetry"
)

// handler answers one route. What it returns as an error becomes the answer,
// unless it has begun to answer: then the connection is cut, so that nobody
// takes half an answer for a whole one.
type handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := newResponse(w, r, a.cfg.WriteTimeout)
	// The mux redirects paths it finds unclean; here they are simply unknown, and
	// so are those that no text in a database equals.
	if p := r.URL.EscapedPath(); !strings.HasPrefix(p, "/") || cleaned(p) != p || storable(r.URL.Path) != r.URL.Path {
		a.serve(answer, r, Route{Name: noRoute}, notRouted(failDefault(http.StatusNotFound)))
		return
	}
	if r.Method == http.MethodOptions {
		a.serveOptions(answer, r)
		return
	}
	a.mux.ServeHTTP(answer, r)
}

// cleaned is [path.Clean] that keeps a final slash.
func cleaned(p string) string {
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// noRoute is the metrics name of requests that no route takes.
const noRoute = "none"

// notRouted answers what the router refuses: such answers have no CORS headers.
func notRouted(f *failure) handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		header := w.Header()
		header.Del("Access-Control-Allow-Origin")
		header.Del("Vary")
		return f
	}
}

// serve runs a handler: identity, metrics, errors and panics are the same for
// all of them.
func (a *API) serve(w *response, r *http.Request, route Route, h handler) {
	began := time.Now()
	id := requestID(r.Header)
	from := a.caller(r)
	ctx := withCaller(telemetry.WithRequestID(r.Context(), id), from)
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &progressBody{ReadCloser: r.Body, control: w.control, timeout: a.cfg.ReadTimeout}
	}
	everyAnswer(w.Header(), r.Header.Get("Origin"), id)
	a.metrics.inFlight.Inc()
	defer func() {
		a.metrics.inFlight.Dec()
		took := time.Since(began)
		a.metrics.observe(route.Name, w.status, took)
		a.logAccess(ctx, w, r, route.Name, from.ip, took)
	}()
	err := a.throttle.request(ctx, a.throttle.bucketOf(route))
	if err == nil {
		err = a.guard(w, r, h)
	}
	if err != nil {
		a.refuse(ctx, w, id, route.Name, err)
	}
}

// guard runs a handler and turns a panic into an error.
func (a *API) guard(w http.ResponseWriter, r *http.Request, h handler) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if cause == http.ErrAbortHandler { //nolint:errorlint // the very value is what net/http asks for
			panic(cause)
		}
		err = &panicError{cause: cause, stack: debug.Stack()}
	}()
	return h(w, r)
}

// panicError is a defect of the program that one request met.
type panicError struct {
	cause any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.cause) }

// refuse answers with an error and logs what was not expected.
func (a *API) refuse(ctx context.Context, w *response, id, name string, err error) {
	f, unexpected := failureOf(err)
	if unexpected {
		attrs := []any{slog.String("route", name), slog.Any("error", err)}
		if p, ok := errors.AsType[*panicError](err); ok {
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		}
		a.log.ErrorContext(ctx, "request failed", attrs...)
	}
	if w.status != 0 {
		if !w.complete() {
			panic(http.ErrAbortHandler)
		}
		return
	}
	body := f.body
	header := w.Header()
	if unexpected {
		body += "\n\nError id: " + id
	}
	maps.Copy(header, f.header)
	if f.status == http.StatusRequestEntityTooLarge || f.status == http.StatusRequestTimeout {
		// What is left of the body is not read.
		header.Set("Connection", "close")
	}
	header.Del("Content-Encoding")
	header.Set("Content-Type", f.contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	if _, err := w.Write([]byte(body)); err != nil {
		a.log.DebugContext(ctx, "caller left before the answer", slog.String("route", name), slog.Any("error", err))
	}
}

// serveOptions answers a CORS preflight of a path that exists for any method.
func (a *API) serveOptions(w *response, r *http.Request) {
	if len(a.methods(r)) == 0 {
		a.serve(w, r, Route{Name: noRoute}, notRouted(failDefault(http.StatusNotFound)))
		return
	}
	a.serve(w, r, Route{Name: "preflight"}, preflight)
}

// serveUnrouted answers what no route takes: 405 for a path that another method
// has, else 404. // spec ccn-http-api 1.3
func (a *API) serveUnrouted(w http.ResponseWriter, r *http.Request) {
	f := failDefault(http.StatusNotFound)
	if methods := a.methods(r); len(methods) > 0 {
		f = failDefault(http.StatusMethodNotAllowed)
		f.header = http.Header{"Allow": {strings.Join(methods, ",")}}
	} else if r.URL.Path == staticFolder {
		f = failDefault(http.StatusForbidden)
	}
	a.serve(w.(*response), r, Route{Name: noRoute}, notRouted(f))
}

// methods lists what the path of r can be asked with.
func (a *API) methods(r *http.Request) []string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(probe); pattern == anyPath || !a.takes(pattern, r.URL.EscapedPath()) {
			continue
		}
		methods = append(methods, method)
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	if len(methods) == 0 {
		return nil
	}
	return append(methods, http.MethodOptions)
}
