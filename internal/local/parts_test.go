package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// journal notes what the parts of a test do, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// part returns a part that runs until it is told to end, or until fail is closed.
func (j *journal) part(name string, fail <-chan struct{}, err error) part {
	return part{name, func(context.Context) (service, error) {
		j.add("open " + name)
		ready := make(chan struct{})
		return service{ready: ready, run: func(ctx context.Context) error {
			j.add("run " + name)
			close(ready)
			select {
			case <-ctx.Done():
				j.add("stop " + name)
				return nil
			case <-fail:
				return err
			}
		}}, nil
	}}
}

func TestPartsStopInReverse(t *testing.T) {
	t.Parallel()
	var j journal
	ctx, cancel := context.WithCancel(t.Context())
	err := runParts(ctx, []part{j.part("a", nil, nil), j.part("b", nil, nil), j.part("c", nil, nil)}, cancel)
	if err != nil {
		t.Error(err)
	}
	want := []string{"open a", "run a", "open b", "run b", "open c", "run c", "stop c", "stop b", "stop a"}
	if !slices.Equal(j.lines, want) {
		t.Errorf("got %q", j.lines)
	}
}

func TestPartThatFailsStopsTheOthers(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, err := range map[string]error{"fails": broken, "ends": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var j journal
			fail := make(chan struct{})
			got := runParts(t.Context(), []part{j.part("a", nil, nil), j.part("b", fail, err), j.part("c", nil, nil)}, func() { close(fail) })
			if got == nil || !errors.Is(got, err) && err != nil || !strings.Contains(got.Error(), "b") {
				t.Errorf("got %v", got)
			}
			if tail := j.lines[len(j.lines)-2:]; !slices.Equal(tail, []string{"stop c", "stop a"}) {
				t.Errorf("got %q", j.lines)
			}
		})
	}
}

func TestPartThatCannotOpen(t *testing.T) {
	t.Parallel()
	var j journal
	broken := errors.New("broken")
	bad := part{"bad", func(context.Context) (service, error) { return service{}, broken }}
	err := runParts(t.Context(), []part{j.part("a", nil, nil), bad, j.part("c", nil, nil)}, func() { t.Error("ready") })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(j.lines, []string{"open a", "run a", "stop a"}) {
		t.Errorf("got %q", j.lines)
	}
}

func TestPartsEndBeforeTheyAreReady(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	slow := part{"slow", func(context.Context) (service, error) {
		return service{ready: make(chan struct{}), run: func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return fmt.Errorf("open the database: %w", ctx.Err())
		}}, nil
	}}
	if err := runParts(ctx, []part{slow}, func() { t.Error("ready") }); err != nil {
		t.Error(err)
	}
}
