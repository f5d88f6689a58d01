package guest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"
)

// preamble opens a call of protocol 3.0.0. Its first byte begins nothing that
// a host of an earlier protocol sends: a digit, a map, "halt".
const preamble = "ALEPH/3\n"

// A frame is a kind, the length of its payload as four bytes, and the payload:
// bytes of a body as they are, a msgpack map otherwise.
type frameKind byte

const (
	frameRequest  frameKind = 'R' // host: [wireRequest]; data and end follow if it has a body
	frameEvent    frameKind = 'V' // host: [wireEvent]
	frameResponse frameKind = 'S' // guest: [wireResponse]
	frameFailure  frameKind = 'F' // guest: [wireFailure]; nothing follows
	frameData     frameKind = 'D' // both: a piece of the body
	frameEnd      frameKind = 'E' // both: the body, or the event, is finished; no payload
)

// Bounds of a frame's payload.
const (
	maxHead = 1 << 20
	maxData = 64 << 10
)

const frameHeader = 5

type wireRequest struct {
	Method      string   `msgpack:"method"`
	Path        string   `msgpack:"path"`
	RawPath     []byte   `msgpack:"raw_path"`
	RootPath    string   `msgpack:"root_path"`
	Query       []byte   `msgpack:"query_string"`
	Headers     []Header `msgpack:"headers"`
	HTTPVersion string   `msgpack:"http_version"`
	Scheme      string   `msgpack:"scheme"`
	Client      Address  `msgpack:"client"`
	Server      Address  `msgpack:"server"`
	Body        bool     `msgpack:"has_body"`
}

type wireEvent struct {
	Body string `msgpack:"body"`
}

type wireResponse struct {
	Status  int      `msgpack:"status"`
	Headers []Header `msgpack:"headers"`
}

type wireFailure struct {
	Message   string `msgpack:"error"`
	Traceback string `msgpack:"traceback"`
	// Crashed says that the program's process has ended.
	Crashed bool `msgpack:"crashed"`
}

// err returns the failure as the host's caller sees it.
func (f *wireFailure) err() error {
	if f.Crashed {
		return &CrashError{Reason: f.Message}
	}
	return &ProgramError{Message: f.Message, Traceback: f.Traceback}
}

// appendFrame appends a frame whose payload is v as msgpack.
func appendFrame(b []byte, kind frameKind, v any) ([]byte, error) {
	payload, err := msgpack.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode frame %c: %w", kind, err)
	}
	if len(payload) > maxHead {
		return nil, fmt.Errorf("%w: %d bytes of headers, at most %d", ErrTooLarge, len(payload), maxHead)
	}
	return append(appendHeader(b, kind, len(payload)), payload...), nil
}

func appendHeader(b []byte, kind frameKind, length int) []byte {
	return binary.BigEndian.AppendUint32(append(b, byte(kind)), uint32(length))
}

// writeBody copies r to w as data frames and an end frame.
func writeBody(w io.Writer, r io.Reader) error {
	buf := make([]byte, frameHeader+maxData+frameHeader)
	for {
		n, err := r.Read(buf[frameHeader : frameHeader+maxData])
		out := buf[:0]
		if n > 0 {
			out = appendHeader(out, frameData, n)[:frameHeader+n]
		}
		ended := errors.Is(err, io.EOF)
		if ended {
			out = appendHeader(out, frameEnd, 0)
		}
		if len(out) > 0 {
			if _, err := w.Write(out); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
		if err != nil {
			return &bodyError{err}
		}
	}
}

// bodyError is an error of the source of a body.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read the body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// readHeader reads the kind and the length of the next frame. The error is
// io.EOF only between frames.
func readHeader(r *bufio.Reader) (frameKind, int, error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, err
	}
	kind, length := frameKind(h[0]), binary.BigEndian.Uint32(h[1:])
	limit := uint32(maxHead)
	switch kind {
	case frameData:
		limit = maxData
	case frameEnd:
		limit = 0
	case frameRequest, frameEvent, frameResponse, frameFailure:
	default:
		return 0, 0, fmt.Errorf("%w: unknown frame 0x%02x", ErrMalformed, byte(kind))
	}
	if length > limit {
		return 0, 0, fmt.Errorf("%w: frame %c of %d bytes, at most %d", ErrMalformed, kind, length, limit)
	}
	return kind, int(length), nil
}

// readPayload reads and decodes the msgpack payload of a frame.
func readPayload(r *bufio.Reader, length int, into any) error {
	raw := make([]byte, length)
	if _, err := io.ReadFull(r, raw); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	return decodeValue(raw, into)
}

// bodyReader reads the data frames of a body up to its end frame.
type bodyReader struct {
	r    *bufio.Reader
	left int   // of the current data frame
	err  error // sticky
}

func (b *bodyReader) Read(p []byte) (int, error) {
	for b.left == 0 && b.err == nil {
		b.left, b.err = b.next()
	}
	if b.left == 0 {
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil {
		b.left, b.err = 0, unexpected(err)
	}
	return n, b.err
}

// next returns the length of the next data frame.
func (b *bodyReader) next() (int, error) {
	kind, length, err := readHeader(b.r)
	switch {
	case err != nil:
		return 0, unexpected(err)
	case kind == frameData:
		return length, nil
	case kind == frameEnd:
		return 0, io.EOF
	case kind == frameFailure:
		var f wireFailure
		if err := readPayload(b.r, length, &f); err != nil {
			return 0, err
		}
		return 0, f.err()
	}
	return 0, fmt.Errorf("%w: frame %c inside a body", ErrMalformed, kind)
}

// unexpected turns an end of the stream into the error that it is there.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
