package api

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"time"

	"aleph/internal/node/store"
	"aleph/internal/telemetry"
	"aleph/message"
)

// figuresFor is how long counted figures are served. // spec ccn-http-api 4.5
const figuresFor = 10 * time.Second

// figures counts what has to be counted, not more often than useful.
type figures struct {
	api *API

	mu                       sync.Mutex
	at                       time.Time
	messages, pending, files int64
}

func newFigures(a *API) *figures { return &figures{api: a} }

// count returns the messages, pending messages and files of the node.
func (f *figures) count(ctx context.Context) (messages, pending, files int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.at.IsZero() && time.Since(f.at) < figuresFor {
		return f.messages, f.pending, f.files, nil
	}
	db := f.api.Store
	for _, status := range []message.Status{message.StatusProcessed, message.StatusRemoving} {
		n, err := db.Count(ctx, store.CountFilter{Status: status})
		if err != nil {
			return 0, 0, 0, err
		}
		messages += n
	}
	if pending, err = db.CountPending(ctx); err != nil {
		return 0, 0, 0, err
	}
	if files, err = db.CountFiles(ctx); err != nil {
		return 0, 0, 0, err
	}
	f.at, f.messages, f.pending, f.files = time.Now(), messages, pending, files
	return messages, pending, files, nil
}

// metricsJSON answers GET /metrics.json: the names that the network's scoring
// and dashboards read. What this node does not have is null.
// // spec ccn-http-api 4.5
func (a *API) metricsJSON(w http.ResponseWriter, r *http.Request) error {
	figures, err := a.networkFigures(r.Context(), true)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, spacedJSON, figures)
}

// networkFigures returns the figures; those of WebSockets are 0 without sockets.
func (a *API) networkFigures(ctx context.Context, sockets bool) (object, error) {
	messages, pending, files, err := a.figures.count(ctx)
	if err != nil {
		return nil, err
	}
	var ws struct {
		open, most, statusOpen, statusMost int
		sent, refused, statusRefused       int64
	}
	if sockets {
		ws.open, ws.sent, ws.refused = a.sockets.counts()
		ws.statusOpen, ws.statusRefused = a.status.counts()
		ws.most, ws.statusMost = a.cfg.MaxSockets, a.cfg.MaxStatusSockets
	}
	const prefix = "pyaleph_"
	o := object{
		{"build_info", object{{"python_version", runtime.Version()}, {"version", a.Version}}},
		{"status_peers_total", 0},
		{"status_sync_messages_total", messages},
		{"status_sync_permanent_files_total", files},
		{"status_sync_pending_messages_total", pending},
		{"status_sync_pending_txs_total", 0},
		{"status_chain_eth_last_committed_height", nil},
		{"processing_pending_messages_seen_ids_total", nil},
		{"processing_pending_messages_tasks_total", 0},
		{"processing_pending_messages_aggregate_tasks", 0},
		{"processing_pending_messages_forget_tasks", 0},
		{"processing_pending_messages_post_tasks", 0},
		{"processing_pending_messages_program_tasks", 0},
		{"processing_pending_messages_store_tasks", 0},
		{"processing_pending_messages_action_total", nil},
		{"status_sync_messages_reference_total", nil},
		{"status_sync_messages_remaining_total", nil},
		{"status_chain_eth_height_reference_total", nil},
		{"status_chain_eth_height_remaining_total", nil},
		{"ws_messages_connections_active", ws.open},
		{"ws_messages_connections_max", ws.most},
		{"ws_status_connections_active", ws.statusOpen},
		{"ws_status_connections_max", ws.statusMost},
		{"ws_messages_broadcast_total", ws.sent},
		{"ws_messages_connections_rejected_total", ws.refused},
		{"ws_status_connections_rejected_total", ws.statusRefused},
		{"ws_broadcaster_consumer_restarts_total", 0},
		{"store_fetch_ipfs_total", 0},
		{"store_fetch_ipfs_failed_total", 0},
		{"store_fetch_ipfs_duration_ms_sum", 0},
		{"store_fetch_storage_total", nil},
		{"store_fetch_storage_failed_total", nil},
		{"store_fetch_storage_duration_ms_sum", nil},
	}
	for i := range o {
		o[i].name = prefix + o[i].name
	}
	return o, nil
}

// prometheus answers GET /metrics. // spec ccn-http-api 4.6
func (a *API) prometheus(w http.ResponseWriter, r *http.Request) error {
	telemetry.MetricsHandler(a.Registry).ServeHTTP(w, r)
	return nil
}
