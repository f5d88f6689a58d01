package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"aleph/internal/telemetry"
)

// longestRequestID is the most bytes of an id that a caller gives its request.
const longestRequestID = 64

// requestID returns the id that the caller gave the request, if it can stand in a
// log and in a header as it is, else a new one.
func requestID(header http.Header) string {
	id := header.Get("X-Request-Id")
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"
	if id == "" || len(id) > longestRequestID || strings.Trim(id, allowed) != "" {
		return telemetry.NewID()
	}
	return id
}

// logAccess writes the line of a request that was answered, for who wants to see
// all of them.
func (a *API) logAccess(ctx context.Context, w *response, r *http.Request, route, ip string, took time.Duration) {
	if !a.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	a.log.DebugContext(ctx, "request answered",
		slog.String("method", r.Method), slog.String("route", route), slog.Int("status", statusOf(w.status)),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", w.written), slog.String("ip", ip))
}
