package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

// LogConfig says how much is logged and in which form.
type LogConfig struct {
	Level  string `yaml:"level" doc:"Least important level that is written: debug, info, warn or error."`
	Format string `yaml:"format" doc:"text, json, or auto: text for people on a terminal, JSON otherwise."`
}

// DefaultLogConfig writes from info up, in the form that suits the reader.
func DefaultLogConfig() LogConfig { return LogConfig{Level: "info", Format: "auto"} }

// NewLogger returns a logger that writes to w. Lines carry the request id of
// their context, see [WithRequestID].
func NewLogger(w io.Writer, cfg LogConfig) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		return nil, fmt.Errorf("log level %q is unknown: use debug, info, warn or error", cfg.Level)
	}
	var h slog.Handler
	switch format := resolveFormat(w, cfg.Format); format {
	case "text":
		h = slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shortTime})
	case "json":
		h = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	default:
		return nil, fmt.Errorf("log format %q is unknown: use text, json or auto", cfg.Format)
	}
	return slog.New(requestHandler{h}), nil
}

func resolveFormat(w io.Writer, format string) string {
	if format != "auto" && format != "" {
		return format
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return "text"
	}
	return "json"
}

// shortTime writes the time of day only: a person watching a terminal knows the date.
func shortTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.String(slog.TimeKey, a.Value.Time().Format("15:04:05.000"))
	}
	return a
}

type requestKey struct{}

// NewID returns a fresh id for a request or an error, short enough to be read
// out on the telephone.
func NewID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// WithRequestID returns a context whose log lines carry id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID returns the id that [WithRequestID] put in ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// requestHandler adds the request id of the context to each line.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
