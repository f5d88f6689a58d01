package replica

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"aleph/internal/telemetry"
	"aleph/message"
)

const (
	// tokenHeader carries the token by which the leader knows another member.
	tokenHeader = "Aleph-Member" //nolint:gosec // the name of a header
	// callerHeader carries the address of the caller.
	callerHeader = "X-Forwarded-For"
	// elsewhereHeader stands in the answer of a member that does not lead.
	elsewhereHeader = "Aleph-Not-Leader"
	// requestHeader carries the id of the request, so that it has one everywhere.
	requestHeader = "X-Request-Id"
	// findPause is the time between two attempts to reach a leader.
	findPause = 100 * time.Millisecond
	// dialTime bounds the time to connect to the leader.
	dialTime = 2 * time.Second
	// idleConnections to the leader are kept.
	idleConnections = 256
)

func newTransport(answer time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTime}
	return &http.Transport{
		DialContext: dialer.DialContext, MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: time.Minute,
		// A synchronous publication waits for its outcome as long as a leader
		// is waited for.
		ResponseHeaderTimeout: 2 * answer,
		DisableCompression:    true,
	}
}

// Sender returns the address of the caller whose request another member has sent
// on; false when none has.
func (m *Member) Sender(r *http.Request) (ip string, ok bool) {
	token := r.Header.Get(tokenHeader)
	if token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(m.token)) != 1 {
		return "", false
	}
	return r.Header.Get(callerHeader), true
}

// Forward answers a request of the caller with an address through the leader.
// Without one it waits until there is one. A body that was read is sent again when
// a leader dies: a message and a file are taken in once. nil was not read. The error
// is [message.ErrUnavailable] when no leader answered; then nothing has been answered.
func (m *Member) Forward(w http.ResponseWriter, r *http.Request, ip string, body []byte) error {
	if r.Header.Get(tokenHeader) != "" {
		// The member that sent it believes that this one leads.
		w.Header().Set(elsewhereHeader, "1")
		return errNoLeader
	}
	var failed error
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.Header.Set(callerHeader, ip)
			p.Out.Header.Set(requestHeader, telemetry.RequestID(r.Context()))
			p.Out.Host = p.In.Host
		},
		Transport: &attempts{member: m, body: body},
		ModifyResponse: func(*http.Response) error {
			clear(w.Header()) // all headers are the leader's
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	proxy.ServeHTTP(w, r)
	return failed
}

// attempts sends a request until a leader has answered it.
type attempts struct {
	member *Member
	body   []byte // nil: the body can be read once
}

// RoundTrip implements [http.RoundTripper].
func (a *attempts) RoundTrip(r *http.Request) (*http.Response, error) {
	m := a.member
	deadline := time.Now().Add(m.cfg.ForwardTimeout)
	touched := &touchedBody{ReadCloser: r.Body}
	for again := false; ; again = true {
		res, err := a.try(r, touched, again)
		if err == nil {
			return res, nil
		}
		switch {
		case r.Context().Err() != nil:
			return nil, context.Cause(r.Context())
		case time.Now().After(deadline), a.body == nil && touched.read:
			return nil, fmt.Errorf("%w: %w", message.ErrUnavailable, err)
		}
		select {
		case <-time.After(findPause):
		case <-r.Context().Done():
		}
	}
}

func (a *attempts) try(r *http.Request, body *touchedBody, again bool) (*http.Response, error) {
	leader, err := a.member.find(r.Context(), again)
	if err != nil {
		return nil, err
	}
	to, err := url.Parse(leader.URL)
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = to.Scheme, to.Host
	out.Header.Set(tokenHeader, leader.Token)
	if out.Body = body; a.body != nil {
		out.Body = io.NopCloser(bytes.NewReader(a.body))
	}
	res, err := a.member.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	if res.Header.Get(elsewhereHeader) != "" {
		return nil, errors.Join(errNoLeader, res.Body.Close())
	}
	return res, nil
}

// touchedBody tells whether a body has been read from, and leaves its end to who
// has it.
type touchedBody struct {
	io.ReadCloser
	read bool
}

// Read implements [io.Reader].
func (b *touchedBody) Read(p []byte) (int, error) {
	b.read = true
	return b.ReadCloser.Read(p)
}

// Close implements [io.Closer].
func (*touchedBody) Close() error { return nil }
