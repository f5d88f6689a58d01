package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
)

// flushAt is how much of a list is collected before it is sent. A list that
// fits is sent with its length; a longer one goes out in parts, so that a list
// without end costs no more memory than this.
const flushAt = 1 << 20

// fetchAt is how many items of a long list are read from the database at once.
// No connection to the database is held while a caller reads slowly.
const fetchAt = 500

// listWriter writes an object with a list, or with an object of many members.
type listWriter struct {
	w      http.ResponseWriter
	style  style
	head   bool
	buffer *bytes.Buffer
	sent   int64
	items  int64
	// closing ends the list: ] or }.
	closing byte
}

// newListWriter begins the object with the members before the list. Its owner
// must call release.
func newListWriter(w http.ResponseWriter, r *http.Request, s style, name string, before ...member) *listWriter {
	return beginList(w, r, s, name, "[]", before...)
}

// newMembersWriter begins the object with an object in the place of the list.
// What is added to it are of type [member], and keep their order.
func newMembersWriter(w http.ResponseWriter, r *http.Request, s style, name string) *listWriter {
	return beginList(w, r, s, name, "{}")
}

func beginList(w http.ResponseWriter, r *http.Request, s style, name, brackets string, before ...member) *listWriter {
	l := &listWriter{w: w, style: s, head: r.Method == http.MethodHead, buffer: buffers.Get().(*bytes.Buffer), closing: brackets[1]}
	dst := append(l.buffer.AvailableBuffer(), '{')
	for _, m := range before {
		dst = s.comma(s.value(s.name(dst, m.name), m.value))
	}
	l.buffer.Write(append(s.name(dst, name), brackets[0]))
	return l
}

func (l *listWriter) release() { putBuffer(l.buffer) }

// add writes one item of the list.
func (l *listWriter) add(item any) error {
	dst := l.buffer.AvailableBuffer()
	if l.items > 0 {
		dst = l.style.comma(dst)
	}
	l.items++
	if m, ok := item.(member); ok {
		dst, item = l.style.name(dst, m.name), m.value
	}
	l.buffer.Write(l.style.value(dst, item))
	if l.buffer.Len() < flushAt {
		return nil
	}
	return l.flush()
}

// flush sends what was collected. Of an answer to HEAD only the length counts.
func (l *listWriter) flush() error {
	l.sent += int64(l.buffer.Len())
	defer l.buffer.Reset()
	if l.head {
		return nil
	}
	l.w.Header().Set("Content-Type", typeJSON)
	_, err := l.w.Write(l.buffer.Bytes()) //nolint:gosec // JSON, and sent as JSON
	return gone(err)
}

// end writes the members after the list and sends the rest.
func (l *listWriter) end(rest object) error {
	dst := append(l.buffer.AvailableBuffer(), l.closing)
	for _, m := range rest {
		dst = l.style.value(l.style.name(l.style.comma(dst), m.name), m.value)
	}
	l.buffer.Write(append(dst, '}'))
	if l.sent == 0 || l.head {
		header := l.w.Header()
		header.Set("Content-Type", typeJSON)
		header.Set("Content-Length", strconv.FormatInt(l.sent+int64(l.buffer.Len()), 10))
		l.w.WriteHeader(http.StatusOK)
	}
	return l.flush()
}

// pages reads the items of a page in parts. fetch returns up to limit items
// that come after the last ones it returned; each is given to use. It returns
// how many there were, at most size of them unless size is 0.
func pages[T any](ctx context.Context, size int64, fetch func(ctx context.Context, limit int64) ([]T, error), use func(T) error) (int64, error) {
	var total int64
	for {
		limit := int64(fetchAt)
		if size > 0 {
			limit = min(limit, size-total)
		}
		items, err := fetch(ctx, limit)
		if err != nil {
			return total, err
		}
		for _, item := range items {
			if err := use(item); err != nil {
				return total, err
			}
		}
		total += int64(len(items))
		if int64(len(items)) < limit || total == size {
			return total, nil
		}
	}
}
