package api

import (
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
)

// readBody returns the body of a request of at most limit bytes, whatever its
// Content-Type. Compressed bodies are unpacked, and the limit holds for what
// comes out. // spec ccn-http-api 2.4
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit && r.Header.Get("Content-Encoding") == "" {
		return nil, failTooLarge(limit)
	}
	var body io.Reader = http.MaxBytesReader(w, r.Body, limit)
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, badEncoding(encoding, err)
		}
		body = unpacked
	case "deflate":
		unpacked, err := zlib.NewReader(body)
		if err != nil {
			return nil, badEncoding(encoding, err)
		}
		body = unpacked
	default:
		return nil, failReason(http.StatusUnsupportedMediaType, "content encoding %q is not supported: use gzip or deflate", encoding)
	}
	// What a caller declares is not yet memory: the rest comes as it arrives.
	const first = 64 << 10
	size := min(r.ContentLength, first)
	if size < 0 {
		size = 512
	}
	data := make([]byte, 0, size+1)
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, failTooLarge(limit)
		case err == io.EOF: //nolint:errorlint // io.Reader's contract
			return data, nil
		case err != nil:
			return nil, badBody(err)
		}
	}
}

// badBody tells an error of a body that was cut or is not what it says from
// what [failureOf] knows already.
func badBody(err error) error {
	if f, unexpected := failureOf(err); !unexpected {
		return f
	}
	f := failReason(http.StatusBadRequest, "the body of the request is incomplete")
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
