package api

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
)

// bodyReader reads the body of a request of at most limit bytes, whatever its
// Content-Type. Compressed bodies are unpacked, and the limit holds for what
// comes out: one byte more than it is an error. // spec ccn-http-api 2.4
func bodyReader(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, error) {
	if r.ContentLength > limit && r.Header.Get("Content-Encoding") == "" {
		return nil, failTooLarge(limit)
	}
	body := http.MaxBytesReader(w, r.Body, limit)
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, badEncoding(encoding, err)
		}
		return http.MaxBytesReader(w, unpacked, limit), nil
	case "deflate":
		unpacked, err := zlib.NewReader(body)
		if err != nil {
			return nil, badEncoding(encoding, err)
		}
		return http.MaxBytesReader(w, unpacked, limit), nil
	default:
		return nil, failReason(http.StatusUnsupportedMediaType, "content encoding %q is not supported: use gzip or deflate", encoding)
	}
}

// readBody returns what [bodyReader] reads.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := bodyReader(w, r, limit)
	if err != nil {
		return nil, err
	}
	// What a caller declares is not yet memory: the rest comes as it arrives.
	const most = 64 << 10
	var data bytes.Buffer
	if r.ContentLength > 0 {
		data.Grow(int(min(r.ContentLength, most)) + bytes.MinRead)
	}
	if _, err := data.ReadFrom(body); err != nil {
		return nil, badBody(err)
	}
	return data.Bytes(), nil
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
