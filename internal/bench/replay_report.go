package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"aleph/internal/bench/corpus"
	"aleph/internal/node/store"
	"aleph/message"
)

// ReplayReport is what a replay found out.
type ReplayReport struct {
	// Messages is how many were sent, copies included.
	Messages int `json:"messages"`
	// MessagesPerSecond counts from the first line to the last answer, each of
	// which says that the message's record is durable.
	MessagesPerSecond float64 `json:"messages_per_second"`
	Seconds           float64 `json:"seconds"`
	// SettleSeconds is the time that messages which then still waited took, with
	// their waits left out.
	SettleSeconds float64       `json:"settle_seconds"`
	Latency       ReplayLatency `json:"latency_ms"`
	Memory        ReplayMemory  `json:"memory_mib"`
	// SignatureShare is the part of this process' processor time, the reading of
	// the corpus included, that was spent on the arithmetic of signatures.
	SignatureShare float64        `json:"signature_share"`
	Outcomes       ReplayOutcomes `json:"outcomes"`
	// AsExpected says that every outcome is what the corpus expects.
	AsExpected bool   `json:"as_expected"`
	StateHash  string `json:"state_hash"`
	// Tables are the digests of which the state hash is made.
	Tables   []store.TableDigest `json:"tables"`
	Database ReplayDatabase      `json:"database"`
	Via      string              `json:"via"`
	// Contradictions name some messages whose outcome is not what was expected.
	Contradictions []string `json:"contradictions,omitempty"`

	Corpus corpus.Header `json:"-"`
}

// ReplayLatency is the time from sending a message to its answer.
type ReplayLatency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// ReplayMemory is the resident memory of the process, node and replay together.
type ReplayMemory struct {
	Peak float64 `json:"peak"`
	End  float64 `json:"end"`
}

// ReplayDatabase says what was written.
type ReplayDatabase struct {
	Engine    string `json:"engine"`
	SizeBytes int64  `json:"size_bytes"`
}

// ReplayOutcomes compares what became of the messages with the corpus.
type ReplayOutcomes struct {
	Processed Outcome                  `json:"processed"`
	Forgotten Outcome                  `json:"forgotten"`
	Pending   Outcome                  `json:"pending"`
	Rejected  map[message.Code]Outcome `json:"rejected"`
}

// Outcome is a number of messages.
type Outcome struct {
	Expected int `json:"expected"`
	Found    int `json:"found"`
}

// conclude completes the report.
func (r *replay) conclude(ctx context.Context, report *ReplayReport) error {
	memory, err := memoryOf(os.Getpid())
	if err != nil {
		return err
	}
	report.Memory = ReplayMemory{Peak: float64(memory.Peak) / (1 << 20), End: float64(memory.Now) / (1 << 20)}
	report.Messages = int(r.answered.Load())
	report.MessagesPerSecond = float64(report.Messages) / report.Seconds
	took := slices.Concat(r.took...)
	slices.Sort(took)
	report.Latency = ReplayLatency{P50: percentile(took, 50), P99: percentile(took, 99)}
	digest, err := r.node.Store.StateHash(ctx)
	if err != nil {
		return err
	}
	report.StateHash, report.Tables = digest.Hash, digest.Tables
	report.Database.Engine = r.node.Store.Engine()
	if report.Database.SizeBytes, err = r.node.Store.Size(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx, report); err != nil || report.AsExpected {
		return err
	}
	report.Contradictions, err = r.contradictions(ctx)
	return err
}

// percentile reads sorted microseconds, in milliseconds, by the nearest-rank rule.
func percentile(sorted []uint32, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[max((len(sorted)*percent+99)/100, 1)-1]) / 1000
}

// compare counts the outcomes in the database.
func (r *replay) compare(ctx context.Context, report *ReplayReport) error {
	found, err := r.node.Store.OutcomeCounts(ctx)
	if err != nil {
		return err
	}
	found.Rejected[message.CodeInvalidFormat] += r.unnoted.Load()
	want := r.reader.Header.Expected
	live := found.Status[message.StatusProcessed] + found.Status[message.StatusRemoving]
	report.Outcomes = ReplayOutcomes{
		Processed: Outcome{want.Processed, int(live)},
		Forgotten: Outcome{want.Forgotten, int(found.Status[message.StatusForgotten])},
		Pending:   Outcome{0, int(found.Status[message.StatusPending])},
		Rejected:  map[message.Code]Outcome{},
	}
	report.AsExpected = true
	for code := range found.Rejected {
		want.Rejected[code] += 0
	}
	for code, expected := range want.Rejected {
		outcome := Outcome{expected, int(found.Rejected[code])}
		if outcome != (Outcome{}) {
			report.Outcomes.Rejected[code] = outcome
		}
	}
	o := &report.Outcomes
	for _, outcome := range slices.Concat([]Outcome{o.Processed, o.Forgotten, o.Pending}, slices.Collect(maps.Values(o.Rejected))) {
		report.AsExpected = report.AsExpected && outcome.Expected == outcome.Found
	}
	return nil
}

// mostContradictions are named.
const mostContradictions = 20

// contradictions reads the corpus again and names messages whose outcome is not
// what was expected.
func (r *replay) contradictions(ctx context.Context) ([]string, error) {
	again, err := corpus.Open(r.Corpus)
	if err != nil {
		return nil, err
	}
	defer again.Close()
	var found []string
	for len(found) < mostContradictions {
		raw, err := again.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, err := corpus.ParseLine(raw)
		if err != nil {
			return nil, err
		}
		m, err := message.ParseEnvelope(line.Message)
		if line.Message == nil || err != nil {
			continue
		}
		what, err := r.contradiction(ctx, m, line.Expect)
		if err != nil {
			return nil, err
		}
		if what != "" {
			found = append(found, what)
		}
	}
	return found, nil
}

// contradiction says how a message stands otherwise than expected, "" when it
// does not.
func (r *replay) contradiction(ctx context.Context, m *message.Message, expect corpus.Expectation) (string, error) {
	row, err := r.node.Store.Status(ctx, m.ItemHash)
	if err != nil && !errors.Is(err, message.ErrNotFound) {
		return "", err
	}
	code, refused := expect.Code()
	switch row.Status {
	case message.StatusProcessed, message.StatusForgotten, message.StatusRemoving:
		if !refused {
			return "", nil
		}
	case message.StatusRejected:
		record, err := r.node.Store.Rejected(ctx, m.ItemHash)
		if err != nil {
			return "", err
		}
		if refused && record.Code == code {
			return "", nil
		}
		return fmt.Sprintf("%s %s of %s is rejected with %d %s, expected: %s", m.Type, m.ItemHash, m.Sender, record.Code, record.Details, expect), nil
	default: // unknown or pending
	}
	return fmt.Sprintf("%s %s of %s is %q, expected: %s", m.Type, m.ItemHash, m.Sender, row.Status, expect), nil
}
