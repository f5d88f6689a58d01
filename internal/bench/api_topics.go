package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"aleph/account"
	"aleph/message"
)

// topic is what one group of listeners waits for: posts of its own sender,
// channel, type, reference and tag.
type topic struct {
	name string
	key  account.Account
}

// filter returns one of the ways to wait for the topic, in turn.
func (t *topic) filter(i int) url.Values {
	ways := []url.Values{
		{"channels": {t.name}},
		{"addresses": {string(t.key.Address())}},
		{"contentTypes": {t.name}},
		{"refs": {t.name}},
		{"owners": {string(t.key.Address())}, "msgTypes": {string(message.TypePost)}},
		{"tags": {t.name}, "channels": {t.name + ",other"}},
	}
	return ways[i%len(ways)]
}

// post makes a message of the topic.
func (t *topic) post(n int, at time.Time) (*message.Message, error) {
	stamp := message.TimestampOf(at)
	body, err := json.Marshal(map[string]any{
		"address": t.key.Address(), "time": stamp, "type": t.name, "ref": t.name,
		"content": map[string]any{"number": n, "tags": []string{t.name}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode message %d: %w", n, err)
	}
	m := &message.Message{
		Type: message.TypePost, Time: stamp, Channel: &t.name,
		ItemType: message.ItemInline, ItemContent: string(body), ItemHash: message.HashOf(body),
	}
	if err := account.Sign(t.key, m); err != nil {
		return nil, fmt.Errorf("sign message %d: %w", n, err)
	}
	return m, nil
}

// write makes the topics and signs all messages, so that nothing but sending is
// left to do while the clock runs.
func (r *socketRun) write() error {
	now := time.Now()
	groups := min(mostGroups, r.Listeners)
	for g := range groups {
		secret := message.HashOf(fmt.Appendf(nil, "aleph bench sockets %d %d", r.Seed, g))
		key, err := account.ImportKey(message.ChainEthereum, "0x"+string(secret))
		if err != nil {
			return fmt.Errorf("make sender %d: %w", g, err)
		}
		r.groups = append(r.groups, &topic{name: fmt.Sprintf("bench-%d-%d", now.UnixNano(), g), key: key})
	}
	arrivals := float64(r.Deliveries) * r.Length.Seconds()
	count := max(int(arrivals*float64(groups)/float64(r.Listeners)), 1)
	for n := range count {
		m, err := r.groups[r.groupOf(n)].post(n, now.Add(time.Duration(n)*time.Microsecond))
		if err != nil {
			return err
		}
		r.numbers[m.ItemHash] = n
		r.messages = append(r.messages, m)
	}
	r.sent = make([]atomic.Int64, count)
	return nil
}

// groupOf says which group a message is meant for.
func (r *socketRun) groupOf(n int) int { return n % len(r.groups) }

// publish sends the messages evenly over the time of the measurement.
func (r *socketRun) publish(ctx context.Context) ([]Answer, error) {
	requests := make([][]byte, len(r.messages))
	for i, m := range r.messages {
		var err error
		if requests[i], err = encodeRequest(r.target, m, true); err != nil {
			return nil, fmt.Errorf("encode message %s: %w", m.ItemHash, err)
		}
	}
	conns, err := dial(ctx, r.target, socketPublishers)
	if err != nil {
		return nil, err
	}
	defer closeAll(conns)
	answers := make([]Answer, len(requests))
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { closeAll(conns) }) // wakes the readers
	defer stop()
	due := make(chan int)
	group.Go(func() error {
		defer close(due)
		return r.pace(ctx, due)
	})
	for _, conn := range conns {
		group.Go(func() error {
			reader := bufio.NewReader(conn)
			for i := range due {
				answers[i].Hash = r.messages[i].ItemHash
				r.sent[i].Store(int64(time.Since(r.began)))
				if err := exchange(conn, reader, requests[i], &answers[i]); err != nil {
					return fmt.Errorf("publish %s: %w", answers[i].Hash, err)
				}
			}
			return nil
		})
	}
	return answers, group.Wait()
}

// pace says when the next message is due.
func (r *socketRun) pace(ctx context.Context, due chan<- int) error {
	every := r.Length / time.Duration(len(r.messages))
	for i := range r.messages {
		select {
		case <-time.After(time.Until(r.began.Add(time.Duration(i) * every))):
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case due <- i:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// expected is how many arrivals there must be, by the answers.
func (r *socketRun) expected(answers []Answer) int {
	sizes := make([]int, len(r.groups))
	for _, l := range r.listeners {
		sizes[l.group]++
	}
	sum := 0
	for n, a := range answers {
		if a.Status == message.StatusProcessed {
			sum += sizes[r.groupOf(n)]
		}
	}
	return sum
}

// hashIn finds the item hash in a frame without reading the rest of it: nothing
// in our own messages looks like it.
func hashIn(frame []byte) message.Hash {
	_, rest, _ := bytes.Cut(frame, []byte(`"item_hash"`))
	_, rest, _ = bytes.Cut(rest, []byte(`"`))
	hash, _, _ := bytes.Cut(rest, []byte(`"`))
	return message.Hash(hash)
}
