package conformance_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"aleph/message"
)

// packagesLimit bounds everything that is asked of the packages.
const packagesLimit = 5 * time.Minute

// packages are the published packages of the chains, in one process: chains.mjs.
type packages struct {
	t       *testing.T
	asks    *json.Encoder
	answers *bufio.Scanner
}

// question is what chains.mjs reads.
type question struct {
	Op        string          `json:"op"`
	Chain     message.Chain   `json:"chain,omitempty"`
	Key       string          `json:"key,omitempty"`
	Mnemonic  string          `json:"mnemonic,omitempty"`
	Form      string          `json:"form,omitempty"`
	Sender    message.Address `json:"sender,omitempty"`
	Type      message.Type    `json:"type,omitempty"`
	ItemHash  message.Hash    `json:"item_hash,omitempty"`
	Time      float64         `json:"time,omitempty"`
	Signature string          `json:"signature,omitempty"`
}

// about asks something about a message.
func about(op string, m *message.Message) question {
	return question{Op: op, Chain: m.Chain, Sender: m.Sender, Type: m.Type, ItemHash: m.ItemHash, Time: m.Time.Seconds(), Signature: m.Signature}
}

// startPackages starts the process, which ends with the test.
func startPackages(t *testing.T) *packages {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", "chains.mjs")
	var complaints strings.Builder
	command.Stderr = &complaints
	asks, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(packagesLimit, func() { _ = command.Process.Kill() })
	t.Cleanup(func() {
		stop.Stop()
		// The test's context has ended the process; it may also have ended by itself.
		if err := asks.Close(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Log(err)
		}
		_ = command.Wait()
		if t.Failed() {
			t.Logf("chains.mjs: %s", complaints.String())
		}
	})
	scanner := bufio.NewScanner(answers)
	scanner.Buffer(nil, 1<<20)
	return &packages{t: t, asks: json.NewEncoder(asks), answers: scanner}
}

// in reports to a subtest.
func (p *packages) in(t *testing.T) *packages {
	return &packages{t: t, asks: p.asks, answers: p.answers}
}

// ask returns the answer to one question in value. The error is the packages'.
func (p *packages) ask(q question, value any) error {
	p.t.Helper()
	if err := p.asks.Encode(q); err != nil {
		p.t.Fatalf("ask chains.mjs: %v", err)
	}
	if !p.answers.Scan() {
		p.t.Fatalf("chains.mjs gave no answer to %+v: %v", q, p.answers.Err())
	}
	answer := struct {
		Value any
		Error string
	}{Value: value}
	if err := json.Unmarshal(p.answers.Bytes(), &answer); err != nil {
		p.t.Fatalf("chains.mjs answered %s: %v", p.answers.Bytes(), err)
	}
	if answer.Error != "" {
		return fmt.Errorf("chains.mjs: %s", answer.Error)
	}
	return nil
}

// verifies reports whether the packages take a signature.
func (p *packages) verifies(m *message.Message) (ok bool, err error) {
	p.t.Helper()
	err = p.ask(about("verify", m), &ok)
	return ok, err
}
