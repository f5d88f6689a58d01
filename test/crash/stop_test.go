package crash_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"aleph/internal/bench"
)

// TestSignalUnderLoad stops the cloud in the middle of work, the polite way: it
// ends by itself with exit code 0 and keeps what it acknowledged.
func TestSignalUnderLoad(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := bench.NewGenerator(*seed, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			l := newLedger()
			w := &workload{g: g, l: l, rng: rand.New(rand.NewPCG(*seed, 2))}
			c := start(t, place{dir: dir})
			batch := w.batch(t, 2000)
			timer := time.AfterFunc(300*time.Millisecond, func() { _ = c.Signal(sig) })
			w.publish(t.Context(), c.API, batch)
			if timer.Stop() {
				_ = c.Signal(sig)
			}
			if err := c.Wait(30 * time.Second); err != nil {
				t.Errorf("%s: %v", sig, err)
			}
			c = start(t, place{dir: dir})
			result := l.check(t.Context(), t, c.API, allBatches)
			l.checkOnce(t.Context(), t, c.API, g.Key().Address())
			t.Logf("%s: %d of %d messages were acknowledged, %d lost", sig, result.acknowledged, len(batch), result.lost)
		})
	}
}
