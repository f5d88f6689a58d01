package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"aleph/internal/node/apply"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
	"aleph/message"
)

// Origin is where a message came from. // spec messages 4.2
type Origin string

// The origins. What comes by HTTP counts as p2p, as if it had come back from
// the network.
const (
	OriginP2P     Origin = "p2p"
	OriginIPFS    Origin = "ipfs"
	OriginOnChain Origin = "onchain"
)

// Source says where a message comes from and how far it is trusted.
type Source struct {
	Origin Origin
	// Tx is the transaction that carries the message, nil when none does. It
	// confirms the message once that is processed.
	Tx *store.ChainTx
	// Trusted says that a smart contract emitted the message: it needs no
	// signature, and one that it has is not looked at. All other rules apply.
	// Only a message from a transaction can be trusted. // spec messages 4.9
	Trusted bool
}

// Result says where a message stands after it was submitted.
type Result struct {
	Status message.Status
	// Rejection is why this copy of the message was refused; nil otherwise.
	Rejection *message.Rejection
	// Known says that the node knew the message and that this copy changed
	// nothing. With a Rejection, this copy was invalid and the known message
	// stands as Status says.
	Known bool
}

// job is one piece of work for the applier. The fields below the line are set
// by the applier and read after done is closed.
type job struct {
	hash     message.Hash
	request  string           // the id of the request that brought it, for the log; may be ""
	msg      *message.Message // nil for a task and an invalid envelope
	size     int64            // spec messages 1.5
	received message.Timestamp
	origin   Origin
	tx       *store.ChainTx    // the transaction that carried this copy, or nil
	trusted  bool              // needs no signature
	row      *store.PendingRow // the row of a message that waited
	refused  *message.Rejection
	raw      []byte             // the object of an envelope that is invalid
	task     func(*batch) error // other work for the same transaction
	between  func()             // work for the time between two transactions
	after    func()             // runs when the job leaves the applier
	done     chan struct{}

	result Result
	err    error
	event  Event
	// queued says that the same copy waits already, without its content.
	queued bool
	// confirmed is what confirms a message that was just processed.
	confirmed []store.Confirmation
}

// Submit is [Queue.SubmitFrom] for a message that no transaction carries.
func (q *Queue) Submit(ctx context.Context, m *message.Message, origin Origin) (Result, error) {
	return q.SubmitFrom(ctx, m, Source{Origin: origin})
}

// SubmitFrom takes a message whose envelope [message.ParseEnvelope] has accepted
// and returns once its outcome is durable: processed, rejected, or pending when
// it must wait. It blocks while the queue is full. The error is
// [message.ErrUnavailable] when the node stops or cannot write, or that of ctx;
// in the last case the outcome is unknown and the message may be sent again.
func (q *Queue) SubmitFrom(ctx context.Context, m *message.Message, from Source) (Result, error) {
	if from.Trusted && from.Tx == nil {
		return Result{}, fmt.Errorf("%w: message %s is trusted but comes from no transaction", message.ErrInvalid, m.ItemHash)
	}
	q.preparing.Add(1)
	j := &job{
		hash: m.ItemHash, request: telemetry.RequestID(ctx), msg: m, received: q.now(), origin: from.Origin, tx: from.Tx, trusted: from.Trusted, done: make(chan struct{}),
	}
	err := q.prepare(ctx, j)
	if err == nil {
		err = q.push(ctx, j)
	}
	q.preparing.Add(-1)
	if err != nil {
		j.leave()
		return Result{}, err
	}
	return q.wait(ctx, j)
}

// SubmitEnvelope takes an object as a peer or a transaction sent it. One that is
// no message is recorded as rejected, when it has an item hash by which somebody
// could ask for it, and dropped otherwise. // spec messages 4.2 "reject-new"
func (q *Queue) SubmitEnvelope(ctx context.Context, raw []byte, from Source) (Result, error) {
	m, err := message.ParseEnvelope(raw)
	if err == nil {
		return q.SubmitFrom(ctx, m, from)
	}
	rej, ok := errors.AsType[*message.Rejection](err)
	if !ok {
		return Result{}, err
	}
	var envelope struct {
		ItemHash string `json:"item_hash"`
	}
	unreadable := json.Unmarshal(raw, &envelope) != nil || strings.ContainsRune(envelope.ItemHash, 0)
	hash, err := message.ParseLooseHash(envelope.ItemHash)
	if unreadable || err != nil { // without a name there is nothing to record
		return Result{Status: message.StatusRejected, Rejection: rej}, nil //nolint:nilerr // the outcome is what rej says
	}
	if len(raw) > mostRecorded { // the name and the reason are kept
		if raw, err = json.Marshal(map[string]any{"item_hash": hash}); err != nil {
			return Result{}, err
		}
	}
	j := &job{
		hash: hash, request: telemetry.RequestID(ctx), raw: bytes.ToValidUTF8(raw, []byte("\uFFFD")), refused: rej, received: q.now(), origin: from.Origin, tx: from.Tx,
		done: make(chan struct{}),
	}
	if err := q.push(ctx, j); err != nil {
		return Result{}, err
	}
	return q.wait(ctx, j)
}

// Verify checks the signature of a message, on all cores but one:
// the applier needs it. The error is a [*message.Rejection] when the signature is refused.
func (q *Queue) Verify(m *message.Message) error {
	if m.Signature == "" { // spec messages 4.2 step 2
		return message.Reject(message.CodeInvalidSignature, "message %s has no signature", m.ItemHash)
	}
	q.cpu <- struct{}{}
	defer func() { <-q.cpu }()
	return q.deps.Verify(m)
}

// prepare does what needs no transaction: the signature, and the content if it
// is a local file.
func (q *Queue) prepare(ctx context.Context, j *job) error {
	// The signature is checked before the message can get in the way of a
	// genuine copy. // Q-37
	if j.trusted {
		return q.prepareContent(ctx, j)
	}
	if err := q.Verify(j.msg); err != nil {
		rej, ok := errors.AsType[*message.Rejection](err)
		if !ok {
			return fmt.Errorf("check signature of %s: %w", j.hash, err)
		}
		j.refused = rej
		return nil
	}
	return q.prepareContent(ctx, j)
}

func (q *Queue) prepareContent(ctx context.Context, j *job) error {
	if j.msg.ItemType == message.ItemInline {
		j.size = j.msg.InlineSize()
	} else if err := q.readLocal(ctx, j); err != nil {
		return err
	}
	q.adoptFile(ctx, j)
	return nil
}

// readLocal takes the content of a storage or ipfs message from the blob store,
// if it is there; else the message will wait for it.
func (q *Queue) readLocal(ctx context.Context, j *job) error {
	copied := *j.msg
	copied.Content = nil
	j.msg = &copied
	q.adopt(ctx, j, j.hash)
	err := q.content(ctx, j)
	switch rej, rejected := errors.AsType[*message.Rejection](err); {
	case rejected && rej.Code.Retry(), errors.Is(err, message.ErrNotFound):
		return nil
	case rejected:
		j.refused = rej
		return nil
	}
	return err
}

// smallContent is 64 KiB: as many contents of this size as there are jobs may
// be in memory. A larger one needs the only token, until its job is done.
const smallContent = 64 << 10

// content reads and parses the body of a storage or ipfs message.
func (q *Queue) content(ctx context.Context, j *job) error {
	file, err := q.deps.Blobs.Open(j.hash)
	if err != nil {
		return err
	}
	defer file.Close()
	j.size = file.Size()
	if j.size > q.cfg.MaxContent {
		return message.Reject(message.CodeContentUnavailable, "content %s has %d bytes, more than %d", j.hash, j.size, q.cfg.MaxContent)
	}
	if err := q.admit(ctx, j); err != nil {
		return err
	}
	raw := make([]byte, j.size)
	if _, err := io.ReadFull(file, raw); err != nil {
		return fmt.Errorf("read content %s: %w", j.hash, err)
	}
	j.msg.Content, err = message.ParseFetchedContent(j.msg, raw)
	return err
}

// admit waits for the token that a large content outside its envelope needs. The
// job gives it back when it leaves.
func (q *Queue) admit(ctx context.Context, j *job) error {
	if j.size <= smallContent {
		return nil
	}
	select {
	case q.large <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	after := j.after
	j.after = func() {
		<-q.large
		if after != nil {
			after()
		}
	}
	return nil
}

// MayUpload decides whether the owner of a STORE can pay for an upload of so many
// bytes. The error is a [*message.Rejection] when it cannot. // spec ccn-http-api 10.2
func (q *Queue) MayUpload(ctx context.Context, m *message.Message, c *message.Store, bytes int64) error {
	return q.deps.Rules.MayUpload(ctx, q.deps.Store.Reader, m, c, bytes, q.now())
}

// Upload records a file of the blob store that came without a message. It is
// kept for the grace period, in which a STORE may claim it. The record is
// durable when Upload returns; messages that wait for the file are processed.
func (q *Queue) Upload(ctx context.Context, file message.Hash, size int64) error {
	return q.do(ctx, func(b *batch) error {
		if _, ok := q.deps.Blobs.Size(file); !ok {
			return fmt.Errorf("%w: file %s is not in the store, upload it again", message.ErrConflict, file)
		}
		if err := b.session.Upload(file, size); err != nil {
			return err
		}
		return b.arrived(file)
	})
}

// do runs a task in the next transaction.
func (q *Queue) do(ctx context.Context, task func(*batch) error) error {
	j := &job{task: task, done: make(chan struct{})}
	if err := q.push(ctx, j); err != nil {
		return err
	}
	_, err := q.wait(ctx, j)
	return err
}

// doBetween runs a task between two transactions, after those of the jobs before
// it. It needs no transaction and so can be done when none can be committed.
func (q *Queue) doBetween(ctx context.Context, task func()) error {
	j := &job{between: task, done: make(chan struct{})}
	if err := q.push(ctx, j); err != nil {
		return err
	}
	_, err := q.wait(ctx, j)
	return err
}

// push hands a job to the applier. It blocks while the queue is full.
func (q *Queue) push(ctx context.Context, j *job) error {
	select {
	case <-q.stopping:
		return errStopping
	default:
	}
	select {
	case q.jobs <- j:
		return nil
	case <-q.stopping:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errStopping = fmt.Errorf("%w: the node is stopping", message.ErrUnavailable)

// wait returns the outcome of a job.
func (q *Queue) wait(ctx context.Context, j *job) (Result, error) {
	select {
	case <-j.done:
		return j.result, j.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	case <-q.stopped:
	}
	select {
	case <-j.done:
		return j.result, j.err
	default: // pushed at the very moment the applier ended
		return Result{}, errStopping
	}
}

// received returns the message as apply wants it.
func (j *job) message() apply.Received {
	return apply.Received{Message: j.msg, Time: j.received, Size: j.size}
}
