package compute

import (
	"net"
	"net/http"
	"net/url"
	"time"

	"aleph/internal/compute/guest"
	"aleph/message"
)

// nodeClient is how programs read from the node: it follows no redirect, which
// could lead elsewhere, and uses no proxy.
func nodeClient() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       30 * time.Second,
			ResponseHeaderTimeout: 60 * time.Second,
		},
	}
}

// guestAPI is what the program of a machine may ask of its host. // spec crn 3.8
func (h *Host) guestAPI(hash message.Hash) *guest.API {
	return &guest.API{
		VM: string(hash), Cache: h.values, Log: h.log,
		Fetch: func(r *http.Request) (*http.Response, error) {
			target, err := url.Parse(h.client.API())
			if err != nil {
				return nil, err
			}
			target.Path, target.RawPath = target.Path+r.URL.Path, ""
			target.RawQuery = r.URL.RawQuery
			out, err := http.NewRequestWithContext(r.Context(), r.Method, target.String(), nil)
			if err != nil {
				return nil, err
			}
			for _, name := range []string{"Accept", "Range", "If-None-Match", "Origin"} {
				if v := r.Header.Values(name); len(v) > 0 {
					out.Header[name] = v
				}
			}
			return h.node.Do(out) //nolint:gosec // to the configured node only: the program chooses the path
		},
	}
}
