package corpus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"aleph/message"
)

// planner decides, message after message, what a corpus says. It remembers a
// bounded number of messages to refer to.
type planner struct {
	ctx    context.Context //nolint:containedctx // lives as long as one generation
	opts   Options
	r      *rand.Rand
	flush  func(*batch) error
	err    error // of flush
	header Header
	batch  *batch

	crowd     *crowd
	authority *authority
	delegates []*delegation
	at        message.Timestamp // content time of the latest message
	twins     bool              // the next message is of the same time
	line      int               // lines with a message so far
	held      []heldItem        // by line
	waiting   int               // messages in held

	kinds  []Kind
	total  int
	posts  pool[*postEntry]
	stores pool[*storeEntry]
	parts  pool[*elementEntry]
	vms    pool[*vmEntry]
	files  pool[[]byte]
	sent   pool[*item]
	races  races
	funds  funds

	words, types, keys *rand.Zipf
}

// epoch is the time of the first message of a corpus.
const epoch = message.Timestamp(1_777_600_000_000_000) // 2026-05-01T01:46:40Z

// Window bounds. Replays have at most mostWindow lines in work.
const (
	leastWindow = 16
	mostWindow  = 4096
)

func newPlanner(ctx context.Context, opts Options, flush func(*batch) error) (*planner, error) {
	p := &planner{
		ctx: ctx, opts: opts, r: rand.New(rand.NewPCG(opts.Seed, Version)), flush: flush,
		at: epoch, batch: newBatch(),
	}
	p.header = Header{
		Version: Version, Seed: opts.Seed, Messages: opts.Messages, OrderFree: opts.OrderFree,
		Window: min(max(opts.Messages/25, leastWindow), mostWindow), Mix: Mix{},
		Expected: Outcomes{Rejected: map[message.Code]int{}},
	}
	for _, k := range Kinds() {
		if k.Weight = opts.Mix[k.Name]; k.Weight > 0 && (!k.Races || !opts.OrderFree) {
			p.kinds = append(p.kinds, k)
			p.total += k.Weight
			p.header.Mix[k.Name] = k.Weight
		}
	}
	if p.total == 0 {
		return nil, fmt.Errorf("%w: nothing is left of the mix", message.ErrInvalid)
	}
	p.words, p.types, p.keys = p.zipf(len(words)), p.zipf(len(postTypes)), p.zipf(len(aggregateKeys))
	var err error
	if p.crowd, err = newCrowd(opts.Seed, opts.Messages, p.r); err != nil {
		return nil, err
	}
	if p.authority, err = newAuthority(opts.Seed); err != nil {
		return nil, err
	}
	p.header.Network = p.authority.network()
	return p, nil
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

func (p *planner) zipf(n int) *rand.Zipf { return rand.NewZipf(p.r, 1.3, 2, uint64(n-1)) }

// longest is how many messages one event has at most.
const longest = 4

// run plans the whole corpus.
func (p *planner) run() error {
	p.preamble()
	for p.err == nil && p.line+p.waiting < p.opts.Messages {
		p.release(false)
		room := p.opts.Messages - p.line - p.waiting
		kind := p.choose()
		if room < longest || !kind.emit(p) {
			p.post()
		}
	}
	p.release(true)
	p.header.Clock = p.at + 3600*1e6
	if p.err == nil && len(p.batch.items) > 0 {
		p.err = p.flush(p.batch)
	}
	return p.err
}

func (p *planner) choose() Kind {
	n := p.r.IntN(p.total)
	for _, k := range p.kinds {
		if n -= k.Weight; n < 0 {
			return k
		}
	}
	panic("weights do not add up")
}

// chance is true once in n.
func (p *planner) chance(n int) bool { return p.r.IntN(n) == 0 }

// tick returns the time of the next message.
func (p *planner) tick() message.Timestamp {
	if p.twins {
		return p.at
	}
	p.at += message.Timestamp(1 + p.r.Int64N(14e6)) // seven seconds on average
	return p.at
}

// write makes a message of by. Its content is completed with the time, and with
// the owner unless it has one.
func (p *planner) write(by *person, typ message.Type, content map[string]any) *item {
	at := p.tick()
	full := map[string]any{"address": by.address(), "time": at}
	maps.Copy(full, content)
	body, err := json.Marshal(full)
	if err != nil {
		panic(err) // made of plain values
	}
	channel := by.channel
	it := &item{by: by, expect: Processed, m: message.Message{
		Type: typ, ItemHash: message.HashOf(body), ItemType: message.ItemInline, ItemContent: string(body),
		// Clients date the envelope a little later than the content.
		Time: at + message.Timestamp(p.r.Int64N(1e6)),
	}}
	if !p.chance(12) {
		it.m.Channel = &channel
	}
	return it
}

// outside makes the content of a message a file.
func (it *item) outside() *item {
	it.body = []byte(it.m.ItemContent)
	it.m.ItemType, it.m.ItemContent = message.ItemStorage, ""
	return it
}

// refused changes what is expected of a message.
func (it *item) refused(code message.Code) *item {
	it.expect = Refused(code)
	return it
}

// send emits a message, after its content if that is a file.
func (p *planner) send(it *item) *item {
	if it.body != nil {
		p.sendFile(it.body)
	}
	return p.sendAlone(it)
}

func (p *planner) sendAlone(it *item) *item {
	p.line++
	p.batch.messages++
	if code, refused := it.expect.Code(); refused {
		p.header.Expected.Rejected[code]++
	} else {
		p.header.Expected.Processed++
		p.sent.add(p.r, it)
	}
	p.push(it)
	return it
}

func (p *planner) sendFile(data []byte) {
	p.header.Files++
	p.push(&item{file: data})
}

func (p *planner) barrier() { p.push(&item{barrier: true}) }

func (p *planner) push(it *item) {
	p.batch.items = append(p.batch.items, it)
	if len(p.batch.items) >= batchSize && p.err == nil {
		p.err = p.flush(p.batch)
		p.batch = newBatch()
	}
}

// heldItem is a line that comes later.
type heldItem struct {
	at int // after so many lines
	*item
}

// hold emits a line some lines later.
func (p *planner) hold(it *item) {
	at := p.line + 1 + p.r.IntN(p.header.Window)
	i, _ := slices.BinarySearchFunc(p.held, at+1, func(h heldItem, at int) int { return cmp.Compare(h.at, at) })
	p.held = slices.Insert(p.held, i, heldItem{at, it})
	if it.by != nil {
		p.waiting++
	}
}

// release emits what was held until now, or everything.
func (p *planner) release(all bool) {
	for p.err == nil && len(p.held) > 0 && (all || p.held[0].at <= p.line) {
		it := p.held[0].item
		p.held = slices.Delete(p.held, 0, 1)
		if it.by == nil {
			p.sendFile(it.file)
			continue
		}
		p.waiting--
		p.sendAlone(it)
	}
}

// forgotten counts messages that a FORGET takes away.
func (p *planner) forgotten(n int) {
	p.header.Expected.Processed -= n
	p.header.Expected.Forgotten += n
}

// old reports whether everything until a line is decided by now in every
// replay: all of it was answered a window ago, and each window more lets what
// waited for something go on, which others may have waited for.
func (p *planner) old(line int) bool { return p.line-line > 4*p.header.Window }
