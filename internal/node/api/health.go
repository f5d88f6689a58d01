package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"aleph/internal/node/ingest"
	"aleph/internal/telemetry"
	"aleph/message"
)

// checkEvery is how long the result of a check counts: asking for the health
// of a node must not be work for its disk.
const checkEvery = 5 * time.Second

// checks finds out whether the database and the files can be written, whether
// publishers have to wait, and how much room the disk has.
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
	c.queue(c.api.queue().State())
	c.disk()
}

// queue says when publishers wait for one another.
func (c *checks) queue(s ingest.State) {
	if s.Queued < s.Room-s.Room/10 {
		c.api.Health.Set("queue", telemetry.StateOK, "")
		return
	}
	c.api.Health.Set("queue", telemetry.StateDegraded, fmt.Sprintf(
		"%d messages wait to be written and no more than %d may: publishers are kept waiting; the disk is too slow for them", s.Queued, s.Room))
}

// Free bytes of a disk below which an operator has to act.
const (
	littleSpace = 2 << 30
	noSpace     = 128 << 20
)

// disk looks for the folder with the least space.
func (c *checks) disk() {
	if len(c.api.Folders) == 0 {
		return
	}
	folder, least := "", uint64(math.MaxUint64)
	for _, f := range c.api.Folders {
		var s unix.Statfs_t
		if err := unix.Statfs(f, &s); err != nil {
			c.api.Health.Set("disk", telemetry.StateDegraded, "the free space of "+f+" cannot be read: "+err.Error())
			return
		}
		if free := s.Bavail * uint64(s.Bsize); free < least {
			folder, least = f, free
		}
	}
	c.api.Health.Set("disk", diskState(least), diskText(folder, least))
}

func diskState(free uint64) telemetry.State {
	switch {
	case free < noSpace:
		return telemetry.StateFailed
	case free < littleSpace:
		return telemetry.StateDegraded
	}
	return telemetry.StateOK
}

func diskText(folder string, free uint64) string {
	if diskState(free) == telemetry.StateOK {
		return ""
	}
	return fmt.Sprintf("%s free for %s: make room, or messages and files will be refused", humanize.IBytes(free), folder)
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
