package telemetry

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// State is how well a part does its work.
type State string

// The states of a part.
const (
	// StateOK is a part that does all of its work.
	StateOK State = "ok"
	// StateDegraded is a part that lacks something and does the rest.
	StateDegraded State = "degraded"
	// StateFailed is a part that cannot do its work now.
	StateFailed State = "failed"
)

func (s State) rank() int {
	switch s {
	case StateOK:
		return 0
	case StateDegraded:
		return 1
	case StateFailed:
	}
	return 2
}

// HealthItem is what one part says about itself.
type HealthItem struct {
	Part  string `json:"part"`
	State State  `json:"state"`
	// Text says what is wrong and what to do; empty when all is well.
	Text string `json:"text,omitempty"`
	// Since is when the part entered this state.
	Since time.Time `json:"since"`
}

// Health collects what the parts of a process say about themselves. The zero
// value is ready; it is safe for concurrent use.
type Health struct {
	mu    sync.Mutex
	items map[string]HealthItem
}

// Set records the state of a part. Since changes only when the state does, so
// a part may repeat itself as often as it likes.
func (h *Health) Set(part string, state State, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.items == nil {
		h.items = make(map[string]HealthItem)
	}
	item, known := h.items[part]
	if !known || item.State != state {
		item.Since = time.Now().UTC()
	}
	item.Part, item.State, item.Text = part, state, text
	h.items[part] = item
}

// Items returns what the parts said, sorted by part.
func (h *Health) Items() []HealthItem {
	h.mu.Lock()
	defer h.mu.Unlock()
	items := make([]HealthItem, 0, len(h.items))
	for _, item := range h.items {
		items = append(items, item)
	}
	slices.SortFunc(items, func(a, b HealthItem) int { return cmp.Compare(a.Part, b.Part) })
	return items
}

// Worst returns the worst state of any part, [StateOK] when there is none.
func (h *Health) Worst() State {
	worst := StateOK
	for _, item := range h.Items() {
		if item.State.rank() > worst.rank() {
			worst = item.State
		}
	}
	return worst
}
