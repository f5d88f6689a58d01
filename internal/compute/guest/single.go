package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/vmihailenco/msgpack/v5"
)

// wireScope is the HTTP scope of protocol 2.0.0. // spec crn 3.6
type wireScope struct {
	Type    string   `msgpack:"type"`
	Path    string   `msgpack:"path"`
	Method  string   `msgpack:"method"`
	Query   string   `msgpack:"query_string"`
	Headers []Header `msgpack:"headers"`
	Body    []byte   `msgpack:"body"`
}

// wireReply is a reply of protocol 2.0.0: either the failure's members or the
// others. // spec crn 3.6
type wireReply struct {
	Error     *string `msgpack:"error"`
	Traceback string  `msgpack:"traceback"`
	Headers   struct {
		Status  int      `msgpack:"status"`
		Headers []Header `msgpack:"headers"`
	} `msgpack:"headers"`
	Body struct {
		Body []byte `msgpack:"body"`
	} `msgpack:"body"`
	OutputData []byte `msgpack:"output_data"`
}

// singleScope is r as one value. The query goes as it was received, which
// suits the runtimes better than the reference's half-decoded text.
func singleScope(r *Request) (*wireScope, error) {
	scope := &wireScope{
		Type: "http", Method: r.Method, Path: strings.ToValidUTF8(r.Path, "\uFFFD"),
		Query: r.Query, Headers: r.Headers, Body: []byte{},
	}
	if r.Body == nil {
		return scope, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxMessage+1))
	if err != nil {
		return nil, &bodyError{err}
	}
	if len(body) > MaxMessage {
		return nil, fmt.Errorf("%w: the request's body has more than %d bytes", ErrTooLarge, MaxMessage)
	}
	scope.Body = body
	return scope, nil
}

// single sends one scope and reads the reply up to the end of the connection.
func (s *Session) single(ctx context.Context, scope any) (*wireReply, error) {
	message, err := msgpack.Marshal(map[string]any{"scope": scope})
	if err != nil {
		return nil, fmt.Errorf("encode the call: %w", err)
	}
	if len(message) > MaxMessage {
		return nil, fmt.Errorf("%w: the call has %d bytes, this runtime reads %d", ErrTooLarge, len(message), MaxMessage)
	}
	conn, stop, err := s.open(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("call the program: %w", noReply(ctx, err))
	}
	defer stop()
	raw, err := io.ReadAll(io.LimitReader(conn, MaxMessage+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("call the program: %w", noReply(ctx, err))
	case len(raw) == 0:
		return nil, ErrNoReply
	case len(raw) > MaxMessage:
		return nil, fmt.Errorf("%w: the program's reply has more than %d bytes", ErrTooLarge, MaxMessage)
	}
	var reply wireReply
	if err := decodeValue(raw, &reply); err != nil {
		return nil, err
	}
	if reply.Error != nil {
		return nil, &ProgramError{Message: *reply.Error, Traceback: reply.Traceback}
	}
	return &reply, nil
}

// noReply says that a broken connection means a crashed VM, unless ctx ended.
func noReply(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(ErrNoReply, err)
}

func (r *wireReply) response() (*Response, error) {
	if err := checkStatus(r.Headers.Status); err != nil {
		return nil, err
	}
	return &Response{
		Status: r.Headers.Status, Headers: r.Headers.Headers, OutputData: r.OutputData,
		Body: io.NopCloser(bytes.NewReader(r.Body.Body)),
	}, nil
}

// checkStatus refuses what cannot be the status of a final response.
func checkStatus(status int) error {
	if status < 200 || status > 999 {
		return fmt.Errorf("%w: status %d", ErrMalformed, status)
	}
	return nil
}
