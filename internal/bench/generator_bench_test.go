package bench_test

import (
	"testing"
	"time"

	"aleph/internal/bench"
)

func BenchmarkPosts(b *testing.B) {
	g, err := bench.NewGenerator(1, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := g.Posts(b.Context(), b.N, 200); err != nil {
		b.Fatal(err)
	}
}
