package bench

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// apiLoad asks for paths in turn, over a fixed number of connections, for a
// fixed time.
type apiLoad struct {
	target      *url.URL
	connections int
	warmUp      time.Duration
	length      time.Duration
}

// loaded is what came of a load.
type loaded struct {
	took    []time.Duration
	bytes   int64 // of all bodies
	errors  int
	example string // of an error
	seconds float64
}

// mostRefusals is after how many connections in a row that fail a load is given up.
const mostRefusals = 10

// run asks. Answers in the time of the warm-up do not count; an answer that is
// not 200 is an error and has no time. A connection that breaks is an error, and
// opened again.
func (l *apiLoad) run(ctx context.Context, paths []string) (*loaded, error) {
	requests := make([][]byte, len(paths))
	for i, path := range paths {
		requests[i] = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n\r\n", path, l.target.Host)
	}
	var next atomic.Int64
	var mu sync.Mutex
	all := &loaded{}
	begin := time.Now().Add(l.warmUp)
	end := begin.Add(l.length)
	group, ctx := errgroup.WithContext(ctx)
	for range l.connections {
		group.Go(func() error {
			mine, err := l.work(ctx, requests, &next, begin, end)
			mu.Lock()
			defer mu.Unlock()
			all.took = append(all.took, mine.took...)
			all.bytes += mine.bytes
			all.errors += mine.errors
			if mine.example != "" {
				all.example = mine.example
			}
			return err
		})
	}
	err := group.Wait()
	all.seconds = time.Since(begin).Seconds()
	return all, err
}

// work is what one connection does.
func (l *apiLoad) work(ctx context.Context, requests [][]byte, next *atomic.Int64, begin, end time.Time) (*loaded, error) {
	mine := &loaded{}
	w := &wire{target: l.target}
	defer func() { w.close() }()
	refusals := 0
	for {
		sent := time.Now()
		// What takes longer than the whole time is still asked for once.
		if !sent.Before(end) && len(mine.took)+mine.errors > 0 {
			return mine, nil
		}
		if err := ctx.Err(); err != nil {
			return mine, err
		}
		i := int(next.Add(1)-1) % len(requests)
		status, bytes, err := w.get(ctx, requests[i])
		if err != nil {
			if refusals++; refusals >= mostRefusals {
				return mine, err
			}
		} else {
			refusals = 0
		}
		if sent.Before(begin) {
			continue
		}
		if err == nil && status == 200 {
			mine.took = append(mine.took, time.Since(sent))
			mine.bytes += bytes
			continue
		}
		mine.errors++
		if mine.example = fmt.Sprintf("status %d", status); err != nil {
			mine.example = err.Error()
		}
	}
}
