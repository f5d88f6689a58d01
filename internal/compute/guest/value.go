package guest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"
)

// maxDepth bounds the nesting of a value: a decoder recurses, and a few bytes
// per level would let the other end exhaust the stack.
const maxDepth = 16

// readValue reads exactly one msgpack value of at most limit bytes and returns
// its bytes. It returns io.EOF when r ends before the value begins.
func readValue(r *bufio.Reader, limit int) ([]byte, error) {
	v := valueReader{r: r, limit: limit}
	// left[d] is the number of values still to come at depth d.
	left := []uint64{1}
	for len(left) > 0 {
		top := len(left) - 1
		if left[top] == 0 {
			left = left[:top]
			continue
		}
		left[top]--
		children, err := v.next()
		if errors.Is(err, io.EOF) && v.buf.Len() > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if children > 0 {
			if len(left) == maxDepth {
				return nil, fmt.Errorf("%w: nested deeper than %d", ErrMalformed, maxDepth)
			}
			left = append(left, children)
		}
	}
	return v.buf.Bytes(), nil
}

// decodeValue decodes one value that fills raw.
func decodeValue(raw []byte, into any) error {
	r := bufio.NewReader(bytes.NewReader(raw))
	value, err := readValue(r, len(raw))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(value) != len(raw) {
		return fmt.Errorf("%w: %d bytes after the value", ErrMalformed, len(raw)-len(value))
	}
	if err := msgpack.Unmarshal(value, into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// valueReader copies a value to buf while it walks over it.
type valueReader struct {
	r     *bufio.Reader
	buf   bytes.Buffer
	limit int
}

// take copies n bytes.
func (v *valueReader) take(n uint64) ([]byte, error) {
	if n > uint64(v.limit-v.buf.Len()) {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, v.limit)
	}
	start := v.buf.Len()
	if _, err := io.CopyN(&v.buf, v.r, int64(n)); err != nil {
		return nil, err
	}
	return v.buf.Bytes()[start:], nil
}

// length copies a big-endian number of size bytes.
func (v *valueReader) length(size uint64) (uint64, error) {
	b, err := v.take(size)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[8-len(b):], b)
	return binary.BigEndian.Uint64(wide[:]), nil
}

// skip copies n bytes.
func (v *valueReader) skip(n uint64, err error) (uint64, error) {
	if err == nil {
		_, err = v.take(n)
	}
	return 0, err
}

// next copies the head of one value, with the payload of a scalar, and returns
// how many values follow inside it.
func (v *valueReader) next() (children uint64, err error) {
	head, err := v.take(1)
	if err != nil {
		return 0, err
	}
	switch c := head[0]; {
	case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3: // small numbers, nil, false, true
		return 0, nil
	case c <= 0x8f: // map
		return 2 * uint64(c&0x0f), nil
	case c <= 0x9f: // array
		return uint64(c & 0x0f), nil
	case c <= 0xbf: // string
		return v.skip(uint64(c&0x1f), nil)
	case c >= 0xc4 && c <= 0xc6: // binary
		return v.skip(v.length(1 << (c - 0xc4)))
	case c >= 0xc7 && c <= 0xc9: // extension: length, kind, payload
		n, err := v.length(1 << (c - 0xc7))
		return v.skip(n+1, err)
	case c == 0xca, c == 0xce, c == 0xd2:
		return v.skip(4, nil)
	case c == 0xcb, c == 0xcf, c == 0xd3:
		return v.skip(8, nil)
	case c == 0xcc, c == 0xd0:
		return v.skip(1, nil)
	case c == 0xcd, c == 0xd1:
		return v.skip(2, nil)
	case c >= 0xd4 && c <= 0xd8: // extension of fixed size
		return v.skip(1+1<<(c-0xd4), nil)
	case c >= 0xd9 && c <= 0xdb: // string
		return v.skip(v.length(1 << (c - 0xd9)))
	case c == 0xdc, c == 0xdd: // array
		return v.length(2 << (c - 0xdc))
	case c == 0xde, c == 0xdf: // map
		n, err := v.length(2 << (c - 0xde))
		return 2 * n, err
	}
	return 0, fmt.Errorf("%w: byte 0x%02x begins no value", ErrMalformed, head[0])
}
