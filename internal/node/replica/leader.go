package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"aleph/internal/telemetry"
	"aleph/message"
)

const (
	// leaderPart names the process that takes messages in among the parts of the node.
	leaderPart = "leader"
	// announceInterval is the time between two announcements, and announceFor how
	// long one counts.
	announceInterval = time.Second
	announceFor      = 10 * time.Second
	// foundFor is how long a leader that was found is not looked up again.
	foundFor = time.Second
)

// announcement says where the leader is.
type announcement struct {
	URL string `json:"url"`
	// Token proves to the leader that a request comes from another member.
	Token string `json:"token"`
}

func (m *Member) leaderKey() string { return m.cfg.Prefix + ":leader" }

// announce says that this member leads, until ctx ends.
func (m *Member) announce(ctx context.Context) {
	text, err := json.Marshal(announcement{URL: m.deps.Address, Token: m.token})
	if err != nil {
		panic(err) // two strings always encode
	}
	tick := time.NewTicker(announceInterval)
	defer tick.Stop()
	for {
		if err := m.redis.Set(ctx, m.leaderKey(), text, announceFor).Err(); err != nil && ctx.Err() == nil {
			m.deps.Log.DebugContext(ctx, "the leader is not announced", slog.Any("error", err)) // watch tells the operator
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			m.withdraw(ctx, string(text))
			return
		}
	}
}

// withdrawal deletes a key that still has a value.
var withdrawal = redis.NewScript(`if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0`)

// withdraw takes the announcement back, unless somebody else leads by now.
func (m *Member) withdraw(ctx context.Context, text string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.cfg.Timeout)
	defer cancel()
	_ = withdrawal.Run(ctx, m.redis, []string{m.leaderKey()}, text).Err() // it ends by itself
}

// errNoLeader says that no process takes messages in at the moment.
var errNoLeader = fmt.Errorf("%w: no process of this node takes messages in at the moment", message.ErrUnavailable)

// find returns where the leader is. When Redis does not answer it is where it
// was. With again what was found a moment ago does not count.
func (m *Member) find(ctx context.Context, again bool) (announcement, error) {
	if m.leads.Load() {
		m.deps.Health.Set(leaderPart, telemetry.StateOK, "")
		return announcement{URL: m.deps.Address, Token: m.token}, nil
	}
	m.finding.Lock()
	defer m.finding.Unlock()
	if age := time.Since(m.foundAt); m.leader.URL != "" && (age < foundFor && !again || age < findPause) {
		return m.leader, nil
	}
	text, err := m.redis.Get(ctx, m.leaderKey()).Bytes()
	var found announcement
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	switch {
	case err == nil:
		m.leader, m.foundAt = found, time.Now()
	case errors.Is(err, redis.Nil):
		m.leader = announcement{}
	default: // Redis does not answer: nobody asks again for a while
		m.foundAt = time.Now()
	}
	if m.leader.URL == "" {
		m.deps.Health.Set(leaderPart, telemetry.StateDegraded, "no process takes messages in; one does as soon as it gets the lock of the database")
		return announcement{}, errNoLeader
	}
	m.deps.Health.Set(leaderPart, telemetry.StateOK, "")
	return m.leader, nil
}
