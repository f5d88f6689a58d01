package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// anyScope is a scope of either kind: body is bytes for http, text for events.
type anyScope struct {
	Type    string   `msgpack:"type"`
	Path    string   `msgpack:"path"`
	Method  string   `msgpack:"method"`
	Query   string   `msgpack:"query_string"`
	Headers []Header `msgpack:"headers"`
	Body    []byte   `msgpack:"body"`
}

// single answers one call of protocol 2.0.0.
func (c *serverConn) single(ctx context.Context) error {
	raw, err := readValue(c.in, MaxMessage+1<<16)
	if err != nil {
		return fmt.Errorf("read the call: %w", err)
	}
	var call struct {
		Scope anyScope `msgpack:"scope"`
	}
	if err := decodeValue(raw, &call); err != nil {
		return fmt.Errorf("read the call: %w", err)
	}
	_ = c.conn.SetReadDeadline(time.Time{})
	w := &singleWriter{}
	reply, err := c.runSingle(ctx, &call.Scope, w)
	if err == nil {
		return c.reply(reply)
	}
	failure := failureOf(err)
	if failure.Crashed {
		return err // no answer: the host then knows that the program crashed
	}
	return c.reply(map[string]any{"error": failure.Message, "traceback": failure.Traceback, "output": nil})
}

func (c *serverConn) runSingle(ctx context.Context, s *anyScope, w *singleWriter) (any, error) {
	if err := c.checkReady(); err != nil {
		return nil, err
	}
	empty := map[string]any{}
	switch s.Type {
	case "aleph.message":
		if err := c.program.Event(ctx, string(s.Body)); err != nil {
			return nil, err
		}
		return map[string]any{"headers": empty, "body": empty, "output": "", "output_data": nil}, nil
	case "http":
	default:
		return nil, fmt.Errorf("%w: scope of type %q", ErrMalformed, s.Type)
	}
	r := &Request{
		Method: s.Method, Path: s.Path, RawPath: s.Path, Query: s.Query, Headers: s.Headers,
		HTTPVersion: "1.1", Scheme: "http", Body: bytes.NewReader(s.Body),
	}
	if err := c.program.HTTP(ctx, r, w); err != nil {
		return nil, err
	}
	if w.status == 0 {
		return nil, errors.New("the program ended the call without a response")
	}
	return map[string]any{
		"headers":     map[string]any{"type": "http.response.start", "status": w.status, "headers": w.headers},
		"body":        map[string]any{"type": "http.response.body", "body": w.body.Bytes()},
		"output":      "",
		"output_data": nil,
	}, nil
}

// singleWriter gathers a response.
type singleWriter struct {
	status  int
	headers []Header
	body    bytes.Buffer
}

func (w *singleWriter) Start(status int, headers []Header) error {
	w.status, w.headers = status, headers
	if w.headers == nil {
		w.headers = []Header{}
	}
	head, err := msgpack.Marshal(headers)
	if err != nil {
		return err
	}
	if len(head) > maxHead {
		return fmt.Errorf("%w: %d bytes of headers, at most %d", ErrTooLarge, len(head), maxHead)
	}
	return nil
}

func (w *singleWriter) Write(p []byte) (int, error) {
	// Leave room for the envelope of the reply.
	if w.body.Len()+len(p) > MaxMessage-maxHead/4 {
		return 0, fmt.Errorf("%w: the response has more than %d bytes and the host does not stream",
			ErrTooLarge, MaxMessage-maxHead/4)
	}
	return w.body.Write(p)
}

func (w *singleWriter) Flush() error { return nil }
