package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// stream runs one call of protocol 3.0.0.
func (s *Session) stream(ctx context.Context, r *Request) (*Response, error) {
	first, err := appendFrame([]byte(preamble), frameRequest, &wireRequest{
		Method: r.Method, Path: strings.ToValidUTF8(r.Path, "\uFFFD"), RawPath: []byte(r.RawPath),
		RootPath: r.RootPath, Query: []byte(r.Query), Headers: r.Headers, HTTPVersion: r.HTTPVersion,
		Scheme: r.Scheme, Client: r.Client, Server: r.Server, Body: r.Body != nil,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	conn, stop, err := s.open(ctx, first)
	if err != nil {
		err = noReply(ctx, err)
		cancel(nil)
		return nil, fmt.Errorf("call the program: %w", err)
	}
	explain := func(err error) error { return noReplyUnlessTold(ctx, err) }
	body := &responseBody{explain: explain, stop: func() {
		stop()
		cancel(net.ErrClosed)
	}}
	if r.Body != nil {
		go sendBody(conn, r.Body, cancel)
	}
	in := bufio.NewReader(conn)
	head, err := readResponse(in)
	if err != nil {
		err = explain(err)
		_ = body.Close()
		return nil, err
	}
	body.frames = &bodyReader{r: in}
	return &Response{Status: head.Status, Headers: head.Headers, Body: body}, nil
}

// sendBody is the upload of one call. It ends with the connection, except that
// a Read of the body may keep it until that returns.
func sendBody(conn net.Conn, body io.Reader, cancel context.CancelCauseFunc) {
	err := writeBody(conn, body)
	if _, ok := errors.AsType[*bodyError](err); ok {
		cancel(err) // the client is gone: the call has no one to answer to
	}
	// A program may answer without reading the request: then writing fails,
	// and the response counts.
}

// readResponse reads up to the head of the response.
func readResponse(in *bufio.Reader) (*wireResponse, error) {
	kind, length, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	switch kind {
	case frameResponse:
		var head wireResponse
		if err := readPayload(in, length, &head); err != nil {
			return nil, err
		}
		return &head, checkStatus(head.Status)
	case frameFailure:
		var f wireFailure
		if err := readPayload(in, length, &f); err != nil {
			return nil, err
		}
		return nil, f.err()
	case frameRequest, frameEvent, frameData, frameEnd:
	}
	return nil, fmt.Errorf("%w: frame %c before the response", ErrMalformed, kind)
}

// noReplyUnlessTold prefers the end of ctx, keeps what the guest said, and turns
// a broken connection into [ErrNoReply].
func noReplyUnlessTold(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var program *ProgramError
	if errors.As(err, &program) || errors.Is(err, ErrMalformed) || errors.Is(err, ErrNoReply) {
		return err
	}
	return fmt.Errorf("call the program: %w", noReply(ctx, err))
}

// responseBody is the body of a streamed response.
type responseBody struct {
	frames  *bodyReader
	explain func(error) error
	stop    func()
	once    sync.Once
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.frames.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.explain(err)
	}
	return n, err
}

func (b *responseBody) Close() error {
	b.once.Do(b.stop)
	return nil
}

// streamEvent runs one event of protocol 3.0.0.
func (s *Session) streamEvent(ctx context.Context, body string) error {
	first, err := appendFrame([]byte(preamble), frameEvent, &wireEvent{Body: body})
	if err != nil {
		return err
	}
	conn, stop, err := s.open(ctx, first)
	if err != nil {
		return fmt.Errorf("send the event: %w", noReply(ctx, err))
	}
	defer stop()
	in := bufio.NewReader(conn)
	frames := &bodyReader{r: in}
	if _, err := io.Copy(io.Discard, frames); err != nil {
		return noReplyUnlessTold(ctx, err)
	}
	return nil
}
