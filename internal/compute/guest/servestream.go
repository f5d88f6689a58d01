package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// errClientGone is why the context of a call ends before the call.
var errClientGone = errors.New("the client is gone")

// stream answers one call of protocol 3.0.0.
func (c *serverConn) stream(ctx context.Context) error {
	word := make([]byte, len(preamble))
	if _, err := io.ReadFull(c.in, word); err != nil || string(word) != preamble {
		return fmt.Errorf("%w: preamble %q", ErrMalformed, word)
	}
	kind, length, err := readHeader(c.in)
	if err != nil {
		return fmt.Errorf("read the call: %w", err)
	}
	w := &streamWriter{out: bufio.NewWriterSize(c.conn, frameHeader+maxData+frameHeader)}
	switch kind {
	case frameRequest:
		var head wireRequest
		if err := readPayload(c.in, length, &head); err != nil {
			return fmt.Errorf("read the call: %w", err)
		}
		_ = c.conn.SetReadDeadline(time.Time{})
		err = c.http(ctx, &head, w)
	case frameEvent:
		var event wireEvent
		if err := readPayload(c.in, length, &event); err != nil {
			return fmt.Errorf("read the event: %w", err)
		}
		_ = c.conn.SetReadDeadline(time.Time{})
		if err = c.checkReady(); err == nil {
			err = c.program.Event(ctx, event.Body)
		}
	default:
		return fmt.Errorf("%w: a call begins with frame %c", ErrMalformed, kind)
	}
	return w.finish(err)
}

// http runs the program while it watches for the end of the connection.
func (c *serverConn) http(ctx context.Context, head *wireRequest, w *streamWriter) error {
	if err := c.checkReady(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := &disconnectWatch{in: c.in, cancel: cancel}
	defer watch.wait.Wait()
	defer c.endReads()
	r := &Request{
		Method: head.Method, Path: head.Path, RawPath: string(head.RawPath), RootPath: head.RootPath,
		Query: string(head.Query), Headers: head.Headers, HTTPVersion: head.HTTPVersion,
		Scheme: head.Scheme, Client: head.Client, Server: head.Server,
	}
	if head.Body {
		r.Body = &requestBody{frames: bodyReader{r: c.in}, watch: watch, abort: c.endReads}
	} else {
		watch.start()
	}
	err := c.program.HTTP(ctx, r, w)
	if err == nil && !w.started {
		err = errors.New("the program ended the call without a response")
	}
	return err
}

// endReads ends the reads of a connection whose call is over.
func (c *serverConn) endReads() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) }

// disconnectWatch notices the end of the connection once the request has been
// read. Nothing may follow a request, so that any outcome of a read is the end.
type disconnectWatch struct {
	in     *bufio.Reader
	cancel context.CancelCauseFunc
	once   sync.Once
	wait   sync.WaitGroup
}

func (d *disconnectWatch) start() {
	d.once.Do(func() {
		d.wait.Go(func() {
			_, _ = d.in.ReadByte()
			d.cancel(errClientGone)
		})
	})
}

// requestBody is the body of a request, with a watch behind its end.
type requestBody struct {
	frames bodyReader
	watch  *disconnectWatch
	abort  func()
	ended  atomic.Bool
}

// Close makes a Read that waits return. After the end it does nothing: the
// watch reads on.
func (b *requestBody) Close() error {
	if !b.ended.Load() {
		b.abort()
	}
	return nil
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.frames.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.ended.Store(true)
		b.watch.start()
	case err != nil:
		b.watch.cancel(errClientGone)
	}
	return n, err
}

// streamWriter sends a response as frames.
type streamWriter struct {
	out     *bufio.Writer
	started bool
}

func (w *streamWriter) Start(status int, headers []Header) error {
	if w.started {
		return errors.New("the response has started already")
	}
	if headers == nil {
		headers = []Header{}
	}
	frame, err := appendFrame(nil, frameResponse, &wireResponse{Status: status, Headers: headers})
	if err != nil {
		return err
	}
	w.started = true
	_, err = w.out.Write(frame)
	return err
}

func (w *streamWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		piece := p[:min(len(p), maxData)]
		if _, err := w.out.Write(appendHeader(make([]byte, 0, frameHeader), frameData, len(piece))); err != nil {
			return written, err
		}
		n, err := w.out.Write(piece)
		written += n
		if err != nil {
			return written, err
		}
		p = p[len(piece):]
	}
	return written, nil
}

func (w *streamWriter) Flush() error { return w.out.Flush() }

// finish ends the response, or tells why there is none.
func (w *streamWriter) finish(failed error) error {
	frame := appendHeader(nil, frameEnd, 0)
	if failed != nil {
		var err error
		if frame, err = appendFrame(nil, frameFailure, failureOf(failed)); err != nil {
			return err
		}
	}
	// An error here means that the client is gone, as the program was told.
	_, _ = w.out.Write(frame)
	_ = w.out.Flush()
	return nil
}
