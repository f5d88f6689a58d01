package ingest_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"aleph/internal/node/ingest"
	"aleph/message"
)

// BenchmarkIngest measures signed messages from submission to the durable
// answer, from 64 concurrent callers and from one.
func BenchmarkIngest(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			var f faults // counts statements
			n := start(b, f.option)
			messages := posts(b, b.N)
			var next atomic.Int64
			var wait sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wait.Go(func() {
					for {
						i := int(next.Add(1)) - 1
						if i >= len(messages) {
							return
						}
						res, err := n.Submit(context.Background(), messages[i], ingest.OriginP2P)
						if err != nil || res.Status != message.StatusProcessed {
							b.Errorf("%v %v", res, err)
							return
						}
					}
				})
			}
			wait.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			b.ReportMetric(float64(b.N)/float64(f.hit["commit"]), "msg/commit")
		})
	}
}

// posts returns n signed posts of a few accounts.
func posts(b *testing.B, n int) []*message.Message {
	b.Helper()
	list := make([]*message.Message, n)
	var wait sync.WaitGroup
	for part := range 4 {
		key := newKey(b)
		wait.Go(func() {
			for i := part; i < n; i += 4 {
				list[i] = sign(b, key, message.TypePost, float64(i), map[string]any{
					"type": "bench", "content": map[string]any{"body": "a short text as people write them", "n": i},
				})
			}
		})
	}
	wait.Wait()
	return list
}
