package bench

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	"aleph/internal/node/store"
	"aleph/message"
)

// Pages starts a node of its own on a database that is there and asks for pages
// of its lists by every documented filter, one request after the other: the
// first page with its total, and pages after a cursor.
type Pages struct {
	// Database is where the messages are.
	Database store.Config
	// Folder holds the node's files; an empty one is made and removed.
	Folder string
	// Requests is how many are made for each filter.
	Requests int
	// Rest is how long the node stands idle before its memory is read.
	Rest time.Duration
	// Progress is told how many filters are done; it may be nil.
	Progress func(done, total int)
}

// PagesReport says how long pages took.
type PagesReport struct {
	Messages int64 `json:"messages"`
	// ReadySeconds is from opening the database to the first answer.
	ReadySeconds  float64       `json:"ready_seconds"`
	IdleMemoryMiB float64       `json:"idle_memory_mib"`
	Filters       []FilterPages `json:"filters"`
	// P99MS is the largest of all.
	P99MS float64 `json:"p99_ms"`
}

// FilterPages says how long the pages of one filter took, in milliseconds.
type FilterPages struct {
	Filter   string  `json:"filter"`
	Requests int     `json:"requests"`
	P50MS    float64 `json:"p50_ms"`
	P99MS    float64 `json:"p99_ms"`
}

// Run measures.
func (p Pages) Run(ctx context.Context) (report *PagesReport, err error) {
	if p.Requests < 1 {
		return nil, fmt.Errorf("%w: pages: there must be at least one request", message.ErrInvalid)
	}
	began := time.Now()
	own := OwnNode{Database: p.Database, Folder: p.Folder}
	err = own.Run(ctx, func(api string) (err error) {
		run := &pagesRun{Pages: p, asker: newAsker(api)}
		defer run.close()
		report, err = run.measure(ctx, began)
		return err
	})
	return report, err
}

// pagesRun is a Pages while it runs.
type pagesRun struct {
	Pages
	*asker
}

func (r *pagesRun) measure(ctx context.Context, began time.Time) (*PagesReport, error) {
	first, err := r.page(ctx, "/api/v0/messages.json", url.Values{"pagination": {"1"}})
	if err != nil {
		return nil, err
	}
	report := &PagesReport{ReadySeconds: time.Since(began).Seconds(), Messages: first.Total}
	select {
	case <-time.After(r.Rest):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	memory, err := memoryOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	report.IdleMemoryMiB = float64(memory.Now) / (1 << 20)
	messages, err := r.sample(ctx)
	if err != nil {
		return nil, err
	}
	values := found{}
	for _, m := range messages {
		values.learn(m)
	}
	filters := append(filtersBy(values), filtersBySeveral(values)...)
	for i, f := range filters {
		took, err := r.ask(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("pages by %s: %w", f.name, err)
		}
		times := PercentilesOf(took)
		row := FilterPages{Filter: f.name, Requests: len(took), P50MS: milliseconds(times.P50), P99MS: milliseconds(times.P99)}
		report.Filters = append(report.Filters, row)
		report.P99MS = max(report.P99MS, row.P99MS)
		if r.Progress != nil {
			r.Progress(i+1, len(filters))
		}
	}
	return report, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ask makes the requests of one filter: for each of its values the first page,
// then pages after its cursor.
func (r *pagesRun) ask(ctx context.Context, f pageFilter) ([]time.Duration, error) {
	took := make([]time.Duration, 0, r.Requests)
	for i := 0; len(took) < r.Requests; i++ {
		values := f.values[i%len(f.values)]
		query := url.Values{"pagination": {"20"}}
		for name, value := range values {
			query.Set(name, value)
		}
		began := time.Now()
		if _, err := r.page(ctx, f.path, query); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		if f.pagesOnly {
			continue
		}
		query.Set("cursor", "")
		for range 4 {
			began := time.Now()
			page, err := r.page(ctx, f.path, query)
			if err != nil {
				return nil, err
			}
			took = append(took, time.Since(began))
			if page.Next == nil {
				break
			}
			query.Set("cursor", *page.Next)
		}
	}
	return took, nil
}
