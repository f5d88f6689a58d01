package corpus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"aleph/account"
	"aleph/message"
)

// Options say what is generated. The same options give the same bytes.
type Options struct {
	// Messages is how many messages there are, copies included.
	Messages int
	Seed     uint64
	// Mix holds the weights of the kinds; nil is [UsualMix].
	Mix Mix
	// OrderFree leaves out what depends on the order of the messages.
	OrderFree bool
	// Progress is told how many messages are written; it may be nil.
	Progress func(done int)
}

// LeastMessages is the size of the smallest corpus: the messages of the network's
// authorities, and some more.
const LeastMessages = 100

// batchSize is how many lines are signed by one worker at a time.
const batchSize = 256

// Generate writes a corpus to a file, which appears when it is complete. Its
// messages are signed on all cores and never gathered in memory.
func Generate(ctx context.Context, path string, opts Options) (Header, error) {
	if opts.Messages < LeastMessages {
		return Header{}, fmt.Errorf("%w: a corpus has at least %d messages", message.ErrInvalid, LeastMessages)
	}
	if opts.Mix == nil {
		opts.Mix = UsualMix()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return Header{}, fmt.Errorf("generate corpus: %w", err)
	}
	header, err := generate(ctx, f, opts)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return Header{}, errors.Join(fmt.Errorf("generate corpus %s: %w", path, err), os.Remove(f.Name()))
	}
	return header, nil
}

func generate(ctx context.Context, f *os.File, opts Options) (Header, error) {
	// Planned in order by one goroutine, signed by many, written in order.
	ordered := make(chan *batch, 4*runtime.GOMAXPROCS(0))
	work := make(chan *batch, cap(ordered))
	group, ctx := errgroup.WithContext(ctx)
	p, err := newPlanner(ctx, opts, func(b *batch) error {
		for _, queue := range []chan *batch{ordered, work} {
			select {
			case queue <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return Header{}, err
	}
	group.Go(func() error {
		defer close(ordered)
		defer close(work)
		return p.run()
	})
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for b := range work {
				if err := b.render(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error { return write(ctx, f, ordered, opts.Progress) })
	if err := group.Wait(); err != nil {
		return Header{}, err
	}
	line, err := headerLine(&p.header)
	if err != nil {
		return Header{}, err
	}
	_, err = f.WriteAt(line, 0)
	return p.header, err
}

// headerLine is the header with blanks behind it.
func headerLine(h *Header) ([]byte, error) {
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(line) >= headerSize {
		return nil, fmt.Errorf("the header of %d bytes does not fit into %d", len(line), headerSize)
	}
	return append(append(line, bytes.Repeat([]byte(" "), headerSize-1-len(line))...), '\n'), nil
}

// write puts the batches into the file in their order.
func write(ctx context.Context, f *os.File, ordered <-chan *batch, progress func(int)) error {
	out := bufio.NewWriterSize(f, 1<<20)
	if _, err := out.Write(make([]byte, headerSize)); err != nil {
		return err
	}
	done := 0
	for b := range ordered {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if _, err := out.Write(b.text); err != nil {
			return err
		}
		if done += b.messages; progress != nil {
			progress(done)
		}
	}
	return out.Flush()
}

// batch is a run of lines.
type batch struct {
	items    []*item
	messages int
	text     []byte
	done     chan struct{}
}

// item is a line that is planned.
type item struct {
	m      message.Message // without sender and signature
	by     account.Account
	expect Expectation
	// forged makes the signature one of something else.
	forged bool
	// chain replaces the chain after the signature.
	chain message.Chain

	body    []byte // of a message whose content is a file
	file    []byte // not a message but a file
	barrier bool
}

// render signs the messages and writes the lines.
func (b *batch) render() error {
	defer close(b.done)
	for _, it := range b.items {
		line, err := it.line()
		if err != nil {
			return err
		}
		b.text = append(append(b.text, line...), '\n')
	}
	b.items = nil
	return nil
}

func (it *item) line() ([]byte, error) {
	switch {
	case it.barrier:
		return []byte(lineBarrier), nil
	case it.by == nil:
		return []byte(lineFile + base64.StdEncoding.EncodeToString(it.file) + lineFileEnd), nil
	}
	m := it.m
	if it.forged {
		m.ItemHash = message.HashOf([]byte(m.ItemHash))
	}
	if err := account.Sign(it.by, &m); err != nil {
		return nil, err
	}
	m.ItemHash = it.m.ItemHash
	if it.chain != "" {
		m.Chain = it.chain
	}
	envelope, err := json.Marshal(&m)
	if err != nil {
		return nil, err
	}
	return append(append([]byte(lineExpect+string(it.expect)+lineMessage), envelope...), '}'), nil
}
