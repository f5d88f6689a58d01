package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"aleph/internal/telemetry"
	"aleph/message"
)

// checkEvery is how long the result of a check counts: asking for the health
// of a node must not be work for its disk.
const checkEvery = 5 * time.Second

// checks finds out whether the database and the disk can be written.
type checks struct {
	api *API
	mu  sync.Mutex
	at  time.Time
}

func newChecks(a *API) *checks { return &checks{api: a} }

// run checks what was not checked a moment ago.
func (c *checks) run(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && time.Since(c.at) < checkEvery {
		return
	}
	c.at = time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkEvery)
	defer cancel()
	if !c.api.leads() {
		c.set("database", c.api.Store.Ping(ctx))
		return
	}
	c.set("database", c.api.queue().Check(ctx))
	staged, err := c.api.Blobs.Stage(ctx, strings.NewReader("health"), 16)
	if err == nil {
		staged.Discard()
	}
	c.set("files", err)
}

func (c *checks) set(part string, err error) {
	switch {
	case err == nil:
		c.api.Health.Set(part, telemetry.StateOK, "")
	case errors.Is(err, message.ErrUnavailable):
		c.api.Health.Set(part, telemetry.StateFailed, err.Error())
	default:
		c.api.Health.Set(part, telemetry.StateFailed, "a write failed; the log says why")
		c.api.log.Error("health check failed", "part", part, "error", err)
	}
}

// health answers GET /health: 200 when the node does its work, 503 when a part
// has failed.
func (a *API) health(w http.ResponseWriter, r *http.Request) error {
	a.checks.run(r.Context())
	worst := a.Health.Worst()
	parts := []object{}
	for _, item := range a.Health.Items() {
		part := object{{"part", item.Part}, {"state", string(item.State)}}
		if item.Text != "" {
			part = append(part, member{"text", item.Text})
		}
		parts = append(parts, append(part, member{"since", isoZ(message.TimestampOf(item.Since))}))
	}
	status := http.StatusOK
	if worst == telemetry.StateFailed {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, status, spacedJSON, object{{"status", string(worst)}, {"parts", parts}})
}
