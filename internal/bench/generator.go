package bench

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"aleph/account"
	"aleph/message"
)

// senders is how many accounts share the generated messages.
const senders = 16

// Channel is the channel of every generated message.
const Channel = "BENCH"

// Generator makes signed messages. The same seed and start time give the same
// messages.
type Generator struct {
	seed  uint64
	start time.Time
	keys  []account.Account
	next  int
}

// NewGenerator returns a generator whose messages are dated from start on, one
// microsecond apart, so that every one has an item hash of its own.
func NewGenerator(seed uint64, start time.Time) (*Generator, error) {
	g := &Generator{seed: seed, start: start}
	for i := range senders {
		secret := message.HashOf(fmt.Appendf(nil, "aleph bench %d %d", seed, i))
		key, err := account.ImportKey(message.ChainEthereum, "0x"+string(secret))
		if err != nil {
			return nil, fmt.Errorf("make sender %d: %w", i, err)
		}
		g.keys = append(g.keys, key)
	}
	return g, nil
}

// Key returns the first of the accounts that sign.
func (g *Generator) Key() account.Account { return g.keys[0] }

// Posts makes and signs n inline POST messages on all cores. The content of
// each holds a text of the given size.
func (g *Generator) Posts(ctx context.Context, n, textBytes int) ([]*message.Message, error) {
	first := g.next
	g.next += n
	posts := make([]*message.Message, n)
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < n && ctx.Err() == nil; i += workers {
				m, err := g.post(first+i, textBytes)
				if err != nil {
					return err
				}
				posts[i] = m
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("make %d messages: %w", n, err)
	}
	return posts, nil
}

// post makes the message with number n.
func (g *Generator) post(n, textBytes int) (*message.Message, error) {
	text := make([]byte, (textBytes+1)/2)
	rng := rand.NewChaCha8([32]byte{byte(g.seed), byte(g.seed >> 8), byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
	_, _ = rng.Read(text) // never fails
	return g.sign(n, g.keys[n%len(g.keys)], message.TypePost, map[string]any{
		"type":    "bench",
		"content": map[string]any{"number": n, "text": hex.EncodeToString(text)[:textBytes]},
	})
}

// Message makes the next message, of any type, signed by [Generator.Key]. It
// completes the content with its owner and time. Not safe for concurrent use.
func (g *Generator) Message(typ message.Type, content map[string]any) (*message.Message, error) {
	n := g.next
	g.next++
	return g.sign(n, g.keys[0], typ, content)
}

func (g *Generator) sign(n int, acc account.Account, typ message.Type, content map[string]any) (*message.Message, error) {
	at := message.TimestampOf(g.start.Add(time.Duration(n) * time.Microsecond))
	content["address"], content["time"] = acc.Address(), at
	body, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("encode content %d: %w", n, err)
	}
	channel := Channel
	m := &message.Message{
		Type: typ, Time: at, Channel: &channel,
		ItemType: message.ItemInline, ItemContent: string(body), ItemHash: message.HashOf(body),
	}
	if err := account.Sign(acc, m); err != nil {
		return nil, fmt.Errorf("sign message %d: %w", n, err)
	}
	return m, nil
}

// publishBody is the body of POST /api/v0/messages. // spec ccn-http-api 5.7
func publishBody(m *message.Message, sync bool) ([]byte, error) {
	return json.Marshal(struct {
		Sync    bool             `json:"sync"`
		Message *message.Message `json:"message"`
	}{sync, m})
}
