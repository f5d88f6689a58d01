package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aleph/message"
)

// API measures the HTTP interface of a node, whoever wrote it: what is asked for
// is found through the interface itself.
type API struct {
	// URL of the node.
	URL string
	// Connections ask at the same time, each for one thing after the other.
	Connections int
	// Length is how long each row is measured, after WarmUp.
	Length, WarmUp time.Duration
	// Only chooses rows whose name contains one of these; none chooses all.
	Only []string
	// Sockets says how WebSockets are measured; nil leaves them out.
	Sockets *Sockets
	// Progress is told what is going on; never nil.
	Progress func(format string, args ...any)
}

// APIReport says how a node answered.
type APIReport struct {
	Machine string `json:"machine"`
	URL     string `json:"url"`
	// Version is what the node calls itself; empty when it does not say.
	Version     string         `json:"version"`
	Messages    int64          `json:"messages"`
	Connections int            `json:"connections"`
	Seconds     float64        `json:"seconds"` // of each row
	Rows        []APIRow       `json:"rows"`
	Sockets     *SocketFigures `json:"sockets"`
	// LeftOut are rows that could not be measured.
	LeftOut []APILeftOut `json:"left_out"`
}

// APIRow is what was measured of one thing to ask for.
type APIRow struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Paths is how many different paths were asked for in turn, and Path one of them.
	Paths     int     `json:"paths"`
	Path      string  `json:"path"`
	Requests  int     `json:"requests"`
	PerSecond float64 `json:"requests_per_second"`
	P50MS     float64 `json:"p50_ms"`
	P99MS     float64 `json:"p99_ms"`
	// Bytes is the length of an answer, on average.
	Bytes  int64 `json:"bytes"`
	Errors int   `json:"errors"`
	// Error is one of the errors.
	Error string `json:"error,omitempty"`
	// AimPerSecond and AimP99MS are the project's aims; 0 where there is none.
	AimPerSecond float64 `json:"aim_requests_per_second,omitempty"`
	AimP99MS     float64 `json:"aim_p99_ms,omitempty"`
	// Reached says that no aim was missed, and that there was no error.
	Reached bool `json:"reached"`
}

// APILeftOut is a row that could not be measured.
type APILeftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Kind is a group of rows that share an aim.
type Kind string

// The kinds of rows.
const (
	KindPoint Kind = "point" // one thing by its name
	KindQuick Kind = "quick" // aggregates and prices
	KindList  Kind = "list"  // 20 of many
	KindOther Kind = "other"
)

// aims are the project's, on two cores with a million messages.
func (k Kind) aims() (perSecond float64, p99 time.Duration) {
	switch k {
	case KindPoint:
		return 3000, 20 * time.Millisecond
	case KindQuick:
		return 0, 5 * time.Millisecond
	case KindList:
		return 500, 40 * time.Millisecond
	case KindOther:
	}
	return 0, 0
}

// SocketsRow is the name of the row of WebSockets.
const SocketsRow = "sockets"

// Run measures.
func (b API) Run(ctx context.Context) (*APIReport, error) {
	if b.Connections < 1 || b.Length <= 0 || b.WarmUp < 0 {
		return nil, fmt.Errorf("%w: there must be a connection, and time to measure", message.ErrInvalid)
	}
	machine, err := Machine()
	if err != nil {
		return nil, err
	}
	target, err := parseTarget(b.URL)
	if err != nil {
		return nil, err
	}
	ask := newAsker(strings.TrimRight(b.URL, "/"))
	defer ask.close()
	report := &APIReport{Machine: machine, URL: ask.api, Connections: b.Connections, Seconds: b.Length.Seconds()}
	s, err := surveyAPI(ctx, ask)
	if err != nil {
		return nil, err
	}
	report.Version, report.Messages = s.version, s.messages
	rows, err := b.chosen(s.rows())
	if err != nil {
		return nil, err
	}
	load := &apiLoad{target: target, connections: b.Connections, warmUp: b.WarmUp, length: b.Length}
	for i, row := range rows {
		b.Progress("%d of %d: %s", i+1, len(rows), row.name)
		paths, reason := row.prepare(ctx, ask)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if len(paths) == 0 {
			report.LeftOut = append(report.LeftOut, APILeftOut{row.name, reason})
			continue
		}
		got, err := load.run(ctx, paths)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.name, err)
		}
		report.Rows = append(report.Rows, row.result(paths, got))
	}
	if b.Sockets != nil && b.wants(SocketsRow) {
		if report.Sockets, err = b.Sockets.run(ctx, target, b.Progress); err != nil {
			return nil, fmt.Errorf("%s: %w", SocketsRow, err)
		}
	}
	return report, nil
}

// wants reports whether a row was chosen.
func (b API) wants(name string) bool {
	return len(b.Only) == 0 || slices.ContainsFunc(b.Only, func(part string) bool { return strings.Contains(name, part) })
}

// chosen returns the rows that were chosen.
func (b API) chosen(rows []apiRow) ([]apiRow, error) {
	var names []string
	var list []apiRow
	for _, row := range rows {
		names = append(names, row.name)
		if b.wants(row.name) {
			list = append(list, row)
		}
	}
	if len(list) == 0 && !b.wants(SocketsRow) {
		return nil, fmt.Errorf("%w: no row is called %s; there are %s, %s", message.ErrInvalid, strings.Join(b.Only, " or "),
			strings.Join(names, ", "), SocketsRow)
	}
	return list, nil
}

// result is what a load says of a row.
func (r apiRow) result(paths []string, got *loaded) APIRow {
	times := PercentilesOf(got.took)
	perSecond, p99 := r.kind.aims()
	row := APIRow{
		Name: r.name, Kind: r.kind, Paths: len(paths), Path: paths[0], Requests: len(got.took), PerSecond: float64(len(got.took)) / got.seconds,
		P50MS: milliseconds(times.P50), P99MS: milliseconds(times.P99), Errors: got.errors, Error: got.example,
		AimPerSecond: perSecond, AimP99MS: milliseconds(p99),
	}
	if row.Requests > 0 {
		row.Bytes = got.bytes / int64(row.Requests)
	}
	row.Reached = row.PerSecond >= perSecond && (p99 == 0 || times.P99 <= p99) && got.errors == 0 && row.Requests > 0
	return row
}
