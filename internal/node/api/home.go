package api

import (
	"bytes"
	"net/http"

	"github.com/dustin/go-humanize"

	"aleph/internal/telemetry"
)

// homeFigure is a figure of the status page. A script keeps those up to date
// whose key is in what /api/ws0/status sends.
type homeFigure struct {
	Name, Key, Text string
	Value           int64
	// Of is the figure that the value approaches, 0 when there is none.
	Of int64
}

// homeFigures shows figures by the keys of metrics.json; what is not known is
// called so.
type homeFigures map[string]any

func (f homeFigures) number(key string) (int64, bool) {
	switch value := f[key].(type) {
	case int:
		return int64(value), true
	case int64:
		return value, true
	}
	return 0, false
}

// figure returns one figure, beside that of another node when it is known.
func (f homeFigures) figure(name, key, reference string) homeFigure {
	shown := homeFigure{Name: name, Key: key, Text: "unknown"}
	if value, known := f.number(key); known {
		shown.Value, shown.Text = value, humanize.Comma(value)
		shown.Of, _ = f.number(reference)
	}
	return shown
}

// with adds a figure that is shown only when it is known.
func (f homeFigures) with(list []homeFigure, name, key string) []homeFigure {
	if _, known := f.number(key); !known {
		return list
	}
	return append(list, f.figure(name, key, ""))
}

// home answers GET /. A figure that cannot be counted does not keep the page
// from being shown. // spec ccn-http-api 4.1
func (a *API) home(w http.ResponseWriter, r *http.Request) error {
	figures := homeFigures{}
	if counted, err := a.networkFigures(r.Context(), true); err != nil {
		a.log.WarnContext(r.Context(), "figures for the status page", "error", err)
	} else {
		for _, m := range counted {
			figures[m.name] = m.value
		}
	}
	const status = "pyaleph_status_"
	const total, height = status + "sync_messages_reference_total", status + "chain_eth_height_reference_total"
	sync := []homeFigure{figures.figure("Messages", status+"sync_messages_total", total)}
	sync = figures.with(sync, "Messages of the reference node", total)
	sync = append(sync,
		figures.figure("Pending messages", status+"sync_pending_messages_total", ""),
		figures.figure("Pending transactions", status+"sync_pending_txs_total", ""),
		figures.figure("Files", status+"sync_permanent_files_total", ""),
	)
	chains := []homeFigure{figures.figure("Ethereum, last height", status+"chain_eth_last_committed_height", height)}
	chains = figures.with(chains, "Ethereum, height of the chain", height)
	a.checks.run(r.Context())
	var page bytes.Buffer
	err := a.assets.home.Execute(&page, struct {
		Sync, Chains        []homeFigure
		Version, Repository string
		Health              telemetry.State
		Parts               []telemetry.HealthItem
	}{sync, chains, a.Version, a.cfg.Repository, a.Health.Worst(), a.Health.Items()})
	if err != nil {
		return err
	}
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'; connect-src 'self'"
	if a.cfg.Repository != "" {
		policy += " https://api.github.com"
	}
	w.Header().Set("Content-Security-Policy", policy)
	return writeBody(w, http.StatusOK, "text/html; charset=utf-8", page.Bytes())
}
