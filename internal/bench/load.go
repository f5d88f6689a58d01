package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"aleph/message"
)

// answerTimeout limits one request: more than the 30 s a node may wait for the
// outcome of a message.
const answerTimeout = 60 * time.Second

// Answer is what a node said about one published message.
type Answer struct {
	Hash   message.Hash
	HTTP   int
	Status message.Status
	Took   time.Duration
}

// Publisher sends messages over a fixed number of connections.
type Publisher struct {
	// API is the URL of the node.
	API         string
	Connections int
	// Sync asks the node to answer when the outcome is known.
	Sync bool
	// Answered is called after each answer, from many goroutines; it may be nil.
	Answered func(Answer)
}

// Publish sends every message once and returns the answers in the order of the
// messages and the time from the first byte sent to the last answer. When a
// connection breaks or ctx ends it returns what was answered until then, with
// the error; messages without an answer have HTTP 0.
func (p *Publisher) Publish(ctx context.Context, messages []*message.Message) ([]Answer, time.Duration, error) {
	target, err := parseTarget(p.API)
	if err != nil {
		return nil, 0, err
	}
	requests := make([][]byte, len(messages))
	for i, m := range messages {
		if requests[i], err = encodeRequest(target, m, p.Sync); err != nil {
			return nil, 0, fmt.Errorf("encode message %s: %w", m.ItemHash, err)
		}
	}
	conns, err := dial(ctx, target, p.Connections)
	if err != nil {
		return nil, 0, err
	}
	defer closeAll(conns)

	answers := make([]Answer, len(messages))
	for i, m := range messages {
		answers[i].Hash = m.ItemHash
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { closeAll(conns) }) // wakes the readers
	defer stop()
	begin := time.Now()
	for _, conn := range conns {
		group.Go(func() error {
			r := bufio.NewReader(conn)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(requests) {
					return nil
				}
				if err := exchange(conn, r, requests[i], &answers[i]); err != nil {
					return fmt.Errorf("publish %s: %w", answers[i].Hash, err)
				}
				if p.Answered != nil {
					p.Answered(answers[i])
				}
			}
		})
	}
	err = group.Wait()
	return answers, time.Since(begin), err
}

func encodeRequest(target *url.URL, m *message.Message, sync bool) ([]byte, error) {
	body, err := publishBody(m, sync)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("POST /api/v0/messages HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		target.Host, len(body))
	return append([]byte(head), body...), nil
}

func dial(ctx context.Context, target *url.URL, n int) ([]net.Conn, error) {
	var conns []net.Conn
	for range max(n, 1) {
		conn, err := connect(ctx, target)
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

// exchange sends one request and fills in its answer.
func exchange(conn net.Conn, r *bufio.Reader, request []byte, a *Answer) error {
	sent := time.Now()
	if err := conn.SetDeadline(sent.Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	_ = res.Body.Close()
	if err != nil {
		return err
	}
	a.Took = time.Since(sent)
	a.HTTP = res.StatusCode
	a.Status = statusOf(body)
	return nil
}

// processedBody is the part of an answer that the fast path looks for.
var processedBody = []byte(`"message_status":"processed"`)

// statusOf reads the status out of an answer. An error page has none: its HTTP
// code tells.
func statusOf(body []byte) message.Status {
	if bytes.Contains(body, processedBody) {
		return message.StatusProcessed
	}
	var answer struct {
		Status *message.Status `json:"message_status"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status == nil {
		return ""
	}
	return *answer.Status
}
