package replica

import (
	"context"
	"log/slog"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

const (
	// lookInterval is how late news are when nobody heard the bell.
	lookInterval = time.Second
	// lookTime bounds one look at the database.
	lookTime = 10 * time.Second
	// lookLimit is how many messages are read at once.
	lookLimit = 500
	// mostTrail is how many places are remembered, to go on when the messages
	// that were taken in last are removed.
	mostTrail = 1000
)

// position is how far a member has read.
type position struct {
	known bool
	// trail are the places read last, the newest at the end. The zero place at
	// its beginning means that nothing was there before.
	trail []store.Place
}

func (p *position) last() store.Place { return p.trail[len(p.trail)-1] }

func (p *position) set(at store.Place) { p.known, p.trail = true, []store.Place{at} }

func (p *position) add(at store.Place) {
	if len(p.trail) >= 2*mostTrail {
		p.trail = append(p.trail[:0], p.trail[mostTrail:]...)
	}
	p.trail = append(p.trail, at)
}

// Subscribe tells which messages any member takes in from now on, in the order
// in which the database took them. A subscriber that lags by more than buffer
// messages is dropped: its channel is closed. It is closed at once when the
// database cannot be read.
func (m *Member) Subscribe(ctx context.Context, buffer int) (events <-chan ingest.Event, cancel func()) {
	m.reading.Lock()
	defer m.reading.Unlock()
	if !m.position.known {
		ctx, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		if err := m.skip(ctx); err != nil {
			ended := make(chan ingest.Event)
			close(ended)
			return ended, func() {}
		}
	}
	return m.events.Subscribe(buffer)
}

// skip passes all that is there.
func (m *Member) skip(ctx context.Context) error {
	at, err := m.deps.Store.LastPlace(ctx)
	if err != nil {
		m.lose()
		return err
	}
	m.position.set(at)
	return nil
}

// follow reads what is new until ctx ends.
func (m *Member) follow(ctx context.Context) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		if err := m.look(ctx); err != nil && ctx.Err() == nil {
			m.deps.Log.WarnContext(ctx, "the news could not be read, they are told later", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.poke:
		}
	}
}

// look reads what is new and tells it.
func (m *Member) look(ctx context.Context) error {
	m.reading.Lock()
	defer m.reading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if m.events.Subscribers() == 0 {
		return m.skip(ctx)
	}
	if err := m.resume(ctx); err != nil {
		return err
	}
	for {
		news, err := m.deps.Store.MessagesAfter(ctx, m.position.last(), lookLimit)
		if err != nil {
			return err
		}
		for _, n := range news {
			m.position.add(n.Place)
			if err := m.tell(n); err != nil {
				m.deps.Log.WarnContext(ctx, "a message cannot be told", slog.String("item_hash", string(n.Message.ItemHash)), slog.Any("error", err))
			}
		}
		if len(news) < lookLimit {
			return nil
		}
	}
}

// lose gives the position up: who listens must begin anew, or would miss
// something without knowing.
func (m *Member) lose() {
	m.position.known = false
	m.events.Drop()
}

// resume goes back to the newest place that still holds.
func (m *Member) resume(ctx context.Context) error {
	for len(m.position.trail) > 0 {
		holds, err := m.deps.Store.Holds(ctx, m.position.last())
		if err != nil || holds {
			return err
		}
		m.position.trail = m.position.trail[:len(m.position.trail)-1]
	}
	m.lose()
	return m.skip(ctx)
}

// tell hands a message to who listens, as the queue of the leader does.
func (m *Member) tell(n store.News) error {
	msg := n.Message
	var err error
	if msg.Content, err = message.ParseContent(msg.Type, n.Content()); err != nil {
		return err
	}
	m.events.Send(ingest.Event{
		Kind: ingest.EventProcessed, Hash: msg.ItemHash, Status: message.StatusProcessed, Message: &msg, Confirmations: n.Confirmations,
	})
	return nil
}
