package ingest_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
	"aleph/message"
)

// clock is a clock that can be set.
type clock struct{ offset atomic.Int64 }

func (c *clock) option(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
	d.Now = func() time.Time { return time.Now().Add(time.Duration(c.offset.Load())).Round(0) }
}

func (c *clock) jump(by time.Duration) { c.offset.Add(int64(by)) }

// TestClockJumps sets the clock while messages wait: none is lost, none is tried
// more often than it should, and they are processed once they can be, soon.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"ahead": 24 * time.Hour, "back": -24 * time.Hour} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", name, restart), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					dir := t.TempDir()
					var c clock
					n := startIn(t, dir, longest, c.option)
					var list []*message.Message
					for i := range 60 {
						list = append(list, lateStore(t, float64(i), "late"))
					}
					submitAll(t, n, list)
					time.Sleep(40 * time.Second) // five more attempts, the next in 32 s
					if restart {
						n.stop()
					}
					c.jump(by)
					if restart {
						n = startIn(t, dir, longest, c.option)
					}
					defer n.stop()
					time.Sleep(3 * time.Minute)
					for _, m := range list {
						rows, err := n.db.PendingOf(t.Context(), m.ItemHash)
						if err != nil || len(rows) != 1 {
							t.Fatalf("%d rows, %v", len(rows), err)
						}
						if r := rows[0].Retries; r < 6 || r > 8 {
							t.Fatalf("%d retries", r)
						}
						if ahead := rows[0].NextAttempt - message.TimestampOf(time.Now().Add(by)); ahead > 300e6 {
							t.Fatalf("the next attempt is in %v", time.Duration(ahead)*time.Microsecond)
						}
					}
					n.file(t, "late")
					time.Sleep(6 * time.Minute)
					for _, m := range list {
						if s := n.status(t, m.ItemHash); s != message.StatusProcessed {
							t.Fatalf("a message is %s", s)
						}
					}
				})
			})
		}
	}
}

// TestCleanUpKeepsItsInterval sets the clock while the clean-up waits for its
// turn: an hour stays an hour when the clock is set back, and a day ahead makes
// one run, not twenty-four.
func TestCleanUpKeepsItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c clock
		var runs atomic.Int64
		n := start(t, c.option, func(_ *ingest.Config, s *store.Config, _ *ingest.Deps) {
			s.Fault = func(name string) error {
				if name == "pin.expire" {
					runs.Add(1)
				}
				return nil
			}
		})
		defer n.stop()
		want := func(what string, after time.Duration, most int64) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := runs.Load(); got != most {
				t.Errorf("%s: %d runs, want %d", what, got, most)
			}
		}
		want("at the start", time.Second, 0)
		want("a minute after the start", 2*time.Minute, 1)
		c.jump(-24 * time.Hour)
		want("set back", 30*time.Minute, 1)
		want("an hour after the first", 35*time.Minute, 2)
		c.jump(24 * time.Hour)
		want("set ahead", 5*time.Minute, 3)
		want("after that", 50*time.Minute, 3)
		want("an hour later", 15*time.Minute, 4)
	})
}

// TestHealthOfPending fills the queue of messages that wait, and empties it.
func TestHealthOfPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		health := new(telemetry.Health)
		n := start(t, longest, func(c *ingest.Config, _ *store.Config, d *ingest.Deps) { c.MaxPending, d.Health = 2, health })
		defer n.stop()
		state := func() (telemetry.State, string) {
			synctest.Wait()
			for _, item := range health.Items() {
				if item.Part == "pending" {
					return item.State, item.Text
				}
			}
			return "", ""
		}
		n.put(t, lateStore(t, 1, "late"))
		if s, _ := state(); s != telemetry.StateOK {
			t.Errorf("with room it is %s", s)
		}
		n.put(t, lateStore(t, 2, "late"))
		if s, text := state(); s != telemetry.StateDegraded || text == "" {
			t.Errorf("without room it is %s: %q", s, text)
		}
		if _, err := n.Submit(t.Context(), lateStore(t, 3, "late"), ingest.OriginP2P); err == nil {
			t.Error("a third message found room")
		}
		n.file(t, "late")
		time.Sleep(time.Minute)
		if s, text := state(); s != telemetry.StateOK || text != "" {
			t.Errorf("empty again it is %s: %q", s, text)
		}
	})
}
