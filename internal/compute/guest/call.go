package guest

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vmihailenco/msgpack/v5"
)

// Header is one line of a header, with its name in lower case.
type Header struct{ Name, Value string }

// EncodeMsgpack writes the pair that ASGI has: two byte strings.
func (h Header) EncodeMsgpack(e *msgpack.Encoder) error {
	if err := e.EncodeArrayLen(2); err != nil {
		return err
	}
	if err := e.EncodeBytes([]byte(h.Name)); err != nil {
		return err
	}
	return e.EncodeBytes([]byte(h.Value))
}

// DecodeMsgpack reads a pair of byte strings, or of strings.
func (h *Header) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := d.DecodeArrayLen()
	if err != nil {
		return err
	}
	if n != 2 {
		return ErrMalformed
	}
	name, err := d.DecodeBytes()
	if err != nil {
		return err
	}
	val, err := d.DecodeBytes()
	if err != nil {
		return err
	}
	h.Name, h.Value = strings.ToLower(string(name)), string(val)
	return nil
}

// Address is one end of a connection.
type Address struct {
	Host string `msgpack:"host"`
	Port int    `msgpack:"port"`
}

// Request is one HTTP call of a program.
type Request struct {
	Method string
	// Path is decoded; RawPath is the same as it was received.
	Path, RawPath string
	// RootPath is the part of the URL before Path, for programs that build links.
	RootPath string
	// Query is as it was received, without the question mark.
	Query       string
	Headers     []Header
	HTTPVersion string // such as 1.1
	Scheme      string
	Client      Address
	Server      Address
	// Body is nil when the request has none. It is read while the call runs,
	// until its end or until the response is closed; a Read that blocks then
	// ends when the reader's owner ends it, as net/http does after a handler.
	Body io.Reader
}

// RequestFromHTTP is r as a request for a program that is mounted at root:
// r's path begins with root, which the program does not see in Path.
func RequestFromHTTP(r *http.Request, root string) *Request {
	raw := strings.TrimPrefix(r.URL.EscapedPath(), root)
	if !strings.HasPrefix(raw, "/") {
		raw = "/" + raw
	}
	path, err := url.PathUnescape(raw)
	if err != nil {
		path = raw
	}
	q := &Request{
		Method: r.Method, Path: path, RawPath: raw, RootPath: strings.TrimSuffix(root, "/"),
		Query:       r.URL.RawQuery,
		Headers:     make([]Header, 0, len(r.Header)+1),
		HTTPVersion: strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor),
		Scheme:      "http",
	}
	if r.ProtoMajor >= 2 {
		q.HTTPVersion = strconv.Itoa(r.ProtoMajor)
	}
	if r.TLS != nil {
		q.Scheme = "https"
	}
	q.Headers = append(q.Headers, Header{"host", r.Host})
	for name, values := range r.Header {
		for _, v := range values {
			q.Headers = append(q.Headers, Header{strings.ToLower(name), v})
		}
	}
	slices.SortStableFunc(q.Headers[1:], func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	q.Client = address(r.RemoteAddr)
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		q.Server = address(local.String())
	}
	if r.Body != nil && r.Body != http.NoBody {
		q.Body = r.Body
		if r.ContentLength >= 0 && r.Header.Get("Content-Length") == "" {
			q.Headers = append(q.Headers, Header{"content-length", strconv.FormatInt(r.ContentLength, 10)})
		}
	}
	return q
}

func address(hostPort string) Address {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return Address{}
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return Address{}
	}
	return Address{Host: host, Port: n}
}

// Response is a program's answer to a call.
type Response struct {
	Status  int
	Headers []Header
	// Body ends with io.EOF when the program finished the response, and with
	// another error when it could not: a [ProgramError] or [CrashError], or the
	// cause of the call's context. Close it always; closing it early tells the
	// program that its client is gone.
	Body io.ReadCloser
	// OutputData is what a guest of version 2.0.0 returned beside the response.
	OutputData []byte
}
