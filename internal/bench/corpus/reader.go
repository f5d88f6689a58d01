package corpus

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"aleph/message"
)

// maxLine is the most bytes of a line: a file of 4 MiB in base64 fits.
const maxLine = 6 << 20

// Reader reads a corpus line by line. It belongs to one goroutine; [ParseLine]
// may run in others.
type Reader struct {
	Header Header

	file *os.File
	in   *bufio.Reader
	line int
}

// Open opens a corpus and reads its header.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open corpus: %w", err)
	}
	r := &Reader{file: f, in: bufio.NewReaderSize(f, 1<<20)}
	if err := r.readHeader(); err != nil {
		return nil, errors.Join(fmt.Errorf("open corpus %s: %w", path, err), f.Close())
	}
	return r, nil
}

func (r *Reader) readHeader() error {
	raw, err := r.Next()
	if err != nil {
		return fmt.Errorf("%w: it has no header", errors.Join(message.ErrInvalid, err))
	}
	if err := json.Unmarshal(raw, &r.Header); err != nil || r.Header.Version == 0 {
		return fmt.Errorf("%w: its first line is no header, make one with `aleph bench generate`", message.ErrInvalid)
	}
	if r.Header.Version != Version {
		return fmt.Errorf("%w: it has version %d and this program reads %d: generate it again", message.ErrInvalid, r.Header.Version, Version)
	}
	return nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Next returns the next line, which the caller keeps, or [io.EOF].
func (r *Reader) Next() ([]byte, error) {
	r.line++
	var whole []byte
	for {
		part, err := r.in.ReadSlice('\n')
		whole = append(whole, part...)
		switch {
		case err == nil:
			return whole, nil
		case errors.Is(err, bufio.ErrBufferFull) && len(whole) < maxLine:
		case errors.Is(err, io.EOF) && len(whole) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: line %d of the corpus is cut", message.ErrInvalid, r.line)
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("%w: line %d of the corpus is longer than %d bytes", message.ErrInvalid, r.line, maxLine)
		default:
			return nil, fmt.Errorf("read line %d of the corpus: %w", r.line, err)
		}
	}
}

// The fixed parts of lines.
const (
	lineExpect  = `{"expect":"`
	lineMessage = `","message":`
	lineFile    = `{"file":"`
	lineFileEnd = `"}`
	lineBarrier = `{"barrier":true}`
)

// ParseLine reads a line after the header. The line keeps the memory of raw.
func ParseLine(raw []byte) (Line, error) {
	raw = bytes.TrimRight(raw, "\n")
	if rest, ok := bytes.CutPrefix(raw, []byte(lineExpect)); ok {
		expect, envelope, found := bytes.Cut(rest, []byte(lineMessage))
		if envelope, closed := bytes.CutSuffix(envelope, []byte("}")); found && closed {
			return Line{Expect: Expectation(expect), Message: envelope}, nil
		}
	}
	if rest, ok := bytes.CutPrefix(raw, []byte(lineFile)); ok {
		if text, closed := bytes.CutSuffix(rest, []byte(lineFileEnd)); closed {
			data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
			n, err := base64.StdEncoding.Decode(data, text)
			if err == nil {
				return Line{File: data[:n]}, nil
			}
		}
	}
	if string(raw) == lineBarrier {
		return Line{Barrier: true}, nil
	}
	return Line{}, fmt.Errorf("%w: %.80q is no line of a corpus", message.ErrInvalid, raw)
}

// IsBarrier reports whether a line is a barrier.
func IsBarrier(raw []byte) bool { return bytes.HasPrefix(raw, []byte(lineBarrier)) }
