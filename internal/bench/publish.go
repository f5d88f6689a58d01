package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"aleph/message"
)

const (
	targetRate = 3000.0                // messages per second
	targetSync = 15 * time.Millisecond // p50
	textBytes  = 200                   // of the content of each message
	warmup     = 1000                  // messages before the clock starts
)

// measurePublish counts the messages that a node processes per second. A
// message counts when its own answer said processed.
func measurePublish(ctx context.Context, s *Suite) (rows []Row, err error) {
	c, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = first(err, c.stop()) }()
	var server cpuMeter
	answers, elapsed, err := s.load(ctx, c, s.Messages, s.Connections, &server)
	if err != nil {
		return nil, err
	}
	processed, took := tally(answers)
	if err := spotCheck(ctx, c.api, answers); err != nil {
		return nil, err
	}
	p := PercentilesOf(took)
	detail := fmt.Sprintf("%d of %d processed in %s, %d connections; latency p50 %s, p90 %s, p99 %s, max %s",
		processed, len(answers), round(elapsed), s.Connections, round(p.P50), round(p.P90), round(p.P99), round(p.Max))
	if server.used > 0 && processed > 0 {
		detail += fmt.Sprintf("; processor time per message: node %s, load %s",
			round(server.used/time.Duration(processed)), round(server.own/time.Duration(processed)))
	}
	rate := float64(processed) / elapsed.Seconds()
	return []Row{{
		Name: "publish, messages per second", Value: rate, Unit: "msg/s", Target: targetRate,
		Met: rate >= targetRate && processed == len(answers), Detail: detail,
	}}, nil
}

// measureSync times single publishes.
func measureSync(ctx context.Context, s *Suite) (rows []Row, err error) {
	c, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = first(err, c.stop()) }()
	answers, _, err := s.load(ctx, c, s.Samples, 1, &cpuMeter{})
	if err != nil {
		return nil, err
	}
	processed, took := tally(answers)
	if processed != len(answers) {
		return nil, fmt.Errorf("only %d of %d messages were processed", processed, len(answers))
	}
	p := PercentilesOf(took)
	return []Row{durationRow("publish with sync, one client, p50", p.P50, targetSync,
		fmt.Sprintf("p90 %s, p99 %s of %d", round(p.P90), round(p.P99), len(took)))}, nil
}

// load publishes fresh messages after a short warm-up. The meter runs with the
// clock.
func (s *Suite) load(ctx context.Context, c *cloud, n, connections int, meter *cpuMeter) ([]Answer, time.Duration, error) {
	g, err := NewGenerator(s.Seed, time.Now())
	if err != nil {
		return nil, 0, err
	}
	s.Progress("signing %d messages", n)
	warm, err := g.Posts(ctx, min(warmup, n), textBytes)
	if err != nil {
		return nil, 0, err
	}
	posts, err := g.Posts(ctx, n, textBytes)
	if err != nil {
		return nil, 0, err
	}
	if c.process != nil {
		if _, err := settle(ctx, c.process.PID()); err != nil {
			return nil, 0, err
		}
	}
	p := Publisher{API: c.api, Connections: connections, Sync: true}
	if _, _, err := p.Publish(ctx, warm); err != nil {
		return nil, 0, err
	}
	s.Progress("publishing %d messages over %d connections", n, connections)
	if err := meter.start(c); err != nil {
		return nil, 0, err
	}
	answers, elapsed, err := p.Publish(ctx, posts)
	return answers, elapsed, first(err, meter.stop(c))
}

// tally counts the processed messages and lists their latencies.
func tally(answers []Answer) (processed int, took []time.Duration) {
	for _, a := range answers {
		if a.Status == message.StatusProcessed {
			processed++
			took = append(took, a.Took)
		}
	}
	return processed, took
}

// spotCheck asks the node for some of the messages that it called processed, so
// that the figure does not rest on the answers alone.
func spotCheck(ctx context.Context, api string, answers []Answer) error {
	c := &http.Client{Timeout: answerTimeout}
	step := max(len(answers)/50, 1)
	for i := 0; i < len(answers); i += step {
		if answers[i].Status != message.StatusProcessed {
			continue
		}
		status, err := StatusOf(ctx, c, api, answers[i].Hash)
		if err != nil {
			return err
		}
		if status != message.StatusProcessed {
			return fmt.Errorf("message %s was acknowledged as processed and is %q", answers[i].Hash, status)
		}
	}
	return nil
}

// StatusOf asks a node where a message stands; an unknown one has the status "".
// // spec ccn-http-api 5.5
func StatusOf(ctx context.Context, c *http.Client, api string, h message.Hash) (message.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/api/v0/messages/"+string(h)+"/status", nil)
	if err != nil {
		return "", err
	}
	res, err := c.Do(req)
	if err != nil {
		return "", fmt.Errorf("status of %s: %w", h, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("status of %s: %w", h, err)
	}
	if res.StatusCode == http.StatusNotFound {
		return "", nil
	}
	var answer struct {
		Status message.Status `json:"status"`
	}
	if err := statusError(res); err != nil {
		return "", fmt.Errorf("status of %s: %w", h, err)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("status of %s: %w", h, err)
	}
	return answer.Status, nil
}

func statusError(res *http.Response) error {
	if res.StatusCode/100 == 2 {
		return nil
	}
	err := fmt.Errorf("the node answered %s", res.Status)
	if res.StatusCode == http.StatusServiceUnavailable {
		return fmt.Errorf("%w: %w", message.ErrUnavailable, err)
	}
	return err
}
