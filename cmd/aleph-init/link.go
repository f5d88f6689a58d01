//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"aleph/internal/compute/guest"
)

// A frame between aleph-init and the bridge is a kind, the length of its
// payload as four bytes, and the payload: a piece of a body as it is, or fields
// that each begin with their length.
const (
	kindRequest  = 'R' // to the bridge: fields of a request
	kindEvent    = 'V' // to the bridge: one field
	kindReady    = 'S' // from the bridge, once, on the pipe: no payload
	kindResponse = 'S' // from the bridge: status, then names and values of headers
	kindFailure  = 'F' // from the bridge: message and traceback
	kindData     = 'D'
	kindEnd      = 'E'
)

const (
	frameHeader = 5
	maxFields   = 2 << 20
	chunk       = 64 << 10
)

var errBridge = errors.New("malformed message from the bridge")

func appendFields(b []byte, kind byte, fields ...string) []byte {
	start := len(b)
	b = append(b, kind, 0, 0, 0, 0)
	for _, f := range fields {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	binary.BigEndian.PutUint32(b[start+1:], uint32(len(b)-start-frameHeader))
	return b
}

func readFrame(r *bufio.Reader) (kind byte, length int, err error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, err
	}
	return h[0], int(binary.BigEndian.Uint32(h[1:])), nil
}

func readFields(r *bufio.Reader, length int) ([]string, error) {
	if length > maxFields {
		return nil, fmt.Errorf("%w: %d bytes of headers, at most %d", errBridge, length, maxFields)
	}
	raw := make([]byte, length)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	var fields []string
	for len(raw) > 0 {
		if len(raw) < 4 {
			return nil, errBridge
		}
		n := uint64(binary.BigEndian.Uint32(raw))
		if raw = raw[4:]; n > uint64(len(raw)) {
			return nil, errBridge
		}
		fields = append(fields, string(raw[:n]))
		raw = raw[n:]
	}
	return fields, nil
}

// link is one connection to the bridge. It carries one call at a time.
type link struct {
	conn net.Conn
	in   *bufio.Reader
	// kept says that Close leaves it open.
	kept bool
	// spoiled says that a request was not sent to its end.
	spoiled bool
}

func newLink(conn net.Conn) *link {
	return &link{conn: conn, in: bufio.NewReaderSize(conn, chunk)}
}

// hangUp ends what reads from and writes to the link.
func (l *link) hangUp() { _ = l.conn.SetDeadline(time.Unix(1, 0)) }

// Close closes the connection, unless it is kept for another call.
func (l *link) Close() {
	if !l.kept {
		l.hangUp()
		_ = l.conn.Close()
	}
}

// reusable reports whether the connection is between two calls.
func (l *link) reusable() bool {
	return !l.spoiled && l.in.Buffered() == 0
}

// call sends r and copies the response to w.
func (l *link) call(r *guest.Request, w guest.ResponseWriter) error {
	fields := make([]string, 0, 12+2*len(r.Headers))
	more := ""
	if r.Body != nil {
		more = "1"
	}
	fields = append(fields, r.Method, r.Path, r.RawPath, r.Query, r.RootPath, r.HTTPVersion, r.Scheme,
		r.Client.Host, strconv.Itoa(r.Client.Port), r.Server.Host, strconv.Itoa(r.Server.Port), more)
	for _, h := range r.Headers {
		fields = append(fields, h.Name, h.Value)
	}
	if _, err := l.conn.Write(appendFields(nil, kindRequest, fields...)); err != nil {
		return err
	}
	if r.Body == nil {
		return l.receive(w)
	}
	sent := make(chan error, 1)
	go func() { sent <- l.send(r.Body) }()
	err := l.receive(w)
	select {
	case unsent := <-sent:
		l.spoiled = unsent != nil
	default:
		// The application answered without reading the whole request.
		l.spoiled = true
		l.hangUp()
		if body, ok := r.Body.(io.Closer); ok {
			_ = body.Close()
		}
		<-sent //nolint:errcheck // only its end matters
	}
	return err
}

// send copies the body of a request to the bridge.
func (l *link) send(body io.Reader) error {
	buf := make([]byte, frameHeader+chunk+frameHeader)
	for {
		n, err := body.Read(buf[frameHeader : frameHeader+chunk])
		out := buf[:0]
		if n > 0 {
			out = binary.BigEndian.AppendUint32(append(out, kindData), uint32(n))[:frameHeader+n]
		}
		ended := errors.Is(err, io.EOF)
		if ended {
			out = append(out, kindEnd, 0, 0, 0, 0)
		}
		if _, err := l.conn.Write(out); err != nil {
			return err
		}
		if ended {
			return nil
		}
		if err != nil {
			l.hangUp() // the client is gone
			return err
		}
	}
}

// receive copies the response to w, as it comes.
func (l *link) receive(w guest.ResponseWriter) error {
	for {
		kind, length, err := readFrame(l.in)
		if err != nil {
			return err
		}
		switch kind {
		case kindResponse:
			err = l.start(w, length)
		case kindData:
			err = l.copyData(w, length)
		case kindEnd:
			return nil
		case kindFailure:
			return l.failure(length)
		default:
			err = errBridge
		}
		if err == nil && l.in.Buffered() == 0 {
			err = w.Flush()
		}
		if err != nil {
			return err
		}
	}
}

func (l *link) start(w guest.ResponseWriter, length int) error {
	fields, err := readFields(l.in, length)
	if err != nil {
		return err
	}
	if len(fields)%2 != 1 {
		return errBridge
	}
	status, err := strconv.Atoi(fields[0])
	if err != nil {
		return errBridge
	}
	headers := make([]guest.Header, 0, len(fields)/2)
	for i := 1; i < len(fields); i += 2 {
		headers = append(headers, guest.Header{Name: fields[i], Value: fields[i+1]})
	}
	return w.Start(status, headers)
}

// copyData passes on a piece of the body, and flushes whenever the bridge has
// not sent more.
func (l *link) copyData(w guest.ResponseWriter, length int) error {
	buf := make([]byte, min(length, chunk))
	for length > 0 {
		n, err := l.in.Read(buf[:min(length, len(buf))])
		if err != nil {
			return err
		}
		length -= n
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if length > 0 && l.in.Buffered() == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *link) failure(length int) error {
	fields, err := readFields(l.in, length)
	if err != nil {
		return err
	}
	if len(fields) != 2 {
		return errBridge
	}
	return &guest.ProgramError{Message: fields[0], Traceback: fields[1]}
}

// event sends a message of the network and waits until it was handled.
func (l *link) event(body string) error {
	if _, err := l.conn.Write(appendFields(nil, kindEvent, body)); err != nil {
		return err
	}
	kind, length, err := readFrame(l.in)
	switch {
	case err != nil:
		return err
	case kind == kindFailure:
		return l.failure(length)
	case kind != kindEnd:
		return errBridge
	}
	return nil
}
