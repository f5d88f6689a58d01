package api

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// bodyReader reads the body of a request of at most limit bytes, whatever its
// Content-Type. Compressed bodies are unpacked, and the limit holds for what
// comes out: one byte more than it is an error. // spec ccn-http-api 2.4
func bodyReader(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, error) {
	if r.ContentLength > limit && r.Header.Get("Content-Encoding") == "" {
		return nil, failTooLarge(limit)
	}
	body := http.MaxBytesReader(w, r.Body, limit)
	unpacked, err := unpack(r.Header, body)
	if err != nil || unpacked == body {
		return body, err
	}
	return http.MaxBytesReader(w, unpacked, limit), nil
}

// unpack returns what is in a body that may be compressed; it is body itself
// when it is not. How much comes out is not bounded.
func unpack(header http.Header, body io.ReadCloser) (unpacked io.ReadCloser, err error) {
	switch encoding := strings.ToLower(header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		if unpacked, err = gzip.NewReader(body); err != nil {
			return nil, badEncoding(encoding, err)
		}
	case "deflate":
		if unpacked, err = zlib.NewReader(body); err != nil {
			return nil, badEncoding(encoding, err)
		}
	default:
		return nil, failReason(http.StatusUnsupportedMediaType, "content encoding %q is not supported: use gzip or deflate", encoding)
	}
	return unpacked, nil
}

// smallBody is the most bytes of a body that takes no part of [mostBodies].
const smallBody = 64 << 10

// mostBodies bounds the bytes of all larger bodies that are in memory at once.
const mostBodies = 64 << 20

// readBody returns what [bodyReader] reads. The whole of it has to come within
// a few times the time in which it has to make progress.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := bodyReader(w, r, limit)
	if err != nil {
		return nil, err
	}
	if weight := a.weight(r, limit); weight > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), a.cfg.ReadTimeout)
		defer cancel()
		if a.bodies.Acquire(ctx, weight) != nil {
			f := failReason(http.StatusServiceUnavailable, "too many long requests at once: try again later")
			f.header = http.Header{"Retry-After": {"10"}}
			return nil, f
		}
		defer a.bodies.Release(weight)
		if b, ok := r.Body.(*progressBody); ok {
			b.until = time.Now().Add(4 * a.cfg.ReadTimeout)
		}
	}
	var data bytes.Buffer
	if r.ContentLength > 0 {
		// What a caller declares is not yet memory: the rest comes as it arrives.
		data.Grow(int(min(r.ContentLength, smallBody)) + bytes.MinRead)
	}
	if _, err := data.ReadFrom(body); err != nil {
		return nil, badBody(err)
	}
	return data.Bytes(), nil
}

// weight is what a body may take of [mostBodies].
func (a *API) weight(r *http.Request, limit int64) int64 {
	length := r.ContentLength
	if length < 0 || r.Header.Get("Content-Encoding") != "" {
		length = limit
	}
	if length <= smallBody {
		return 0
	}
	return min(length, mostBodies)
}

// badBody tells an error of a body that was cut or is not what it says from
// what [failureOf] knows already.
func badBody(err error) error {
	if f, unexpected := failureOf(err); !unexpected {
		return f
	}
	what := "malformed"
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		what = "incomplete"
	}
	f := failReason(http.StatusBadRequest, "the body of the request is %s", what)
	f.cause = err
	return f
}

func badEncoding(encoding string, err error) error {
	if f, unexpected := failureOf(err); !unexpected {
		return f
	}
	f := failReason(http.StatusBadRequest, "the body of the request is not %s", encoding)
	f.cause = err
	return f
}
