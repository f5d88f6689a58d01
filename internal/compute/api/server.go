package api

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"aleph/message"
)

// Config of the API.
type Config struct {
	// DomainName is what owners sign. // spec crn 1.4.1
	DomainName string
	// Node is the URL of the core channel node, as shown to readers.
	Node string
	// Version of the program.
	Version string
	// Disk is a folder on the file system that volumes are on.
	Disk string
}

// Server is the API. Safe for concurrent use.
type Server struct {
	cfg  Config
	host Host
	log  *slog.Logger
	mux  *http.ServeMux
	txt  *net.Resolver
	now  func() time.Time

	followers *followers
}

// New returns the API of a host.
func New(cfg Config, h Host, log *slog.Logger) (*Server, error) {
	if cfg.DomainName == "" {
		return nil, errors.New("the API of a compute host needs a domain name")
	}
	s := &Server{
		cfg: cfg, host: h, log: log, mux: http.NewServeMux(), txt: net.DefaultResolver, now: time.Now,
		followers: newFollowers(),
	}
	s.routes()
	return s, nil
}

// handler answers a request or says why it cannot.
type handler func(w http.ResponseWriter, r *http.Request) error

// routes is the table of the API. // spec crn 1.2
func (s *Server) routes() {
	for _, r := range []struct {
		pattern string
		handler handler
	}{
		{"GET /about/executions/list", s.executions},
		{"GET /v2/about/executions/list", s.executionsV2},
		{"GET /about/usage/system", s.usage},
		{"GET /about/capability", s.capability},
		{"GET /about/login", s.login},
		{"GET /about/certificates", s.certificates},
		{"GET /about/runtimes", s.runtimes},
		{"GET /about/sandbox", s.sandbox},
		{"GET /status/config", s.statusConfig},
		{"GET /status/health", s.health},
		{"GET /control/machine/{ref}/logs", s.owner(s.logs)},
		{"GET /control/machine/{ref}/stream_logs", s.streamLogs},
		{"POST /control/machine/{ref}/expire", s.owner(s.expire)},
		{"POST /control/machine/{ref}/stop", s.owner(s.stop)},
		{"POST /control/machine/{ref}/reboot", s.owner(s.reboot)},
		{"POST /control/machine/{ref}/erase", s.owner(s.erase)},
		{"POST /control/machine/{ref}/update", s.update},
		{"POST /control/{ref}/update", s.update},
		{"/about/", s.unknown},
		{"/control/", s.unknown},
		{"/status/", s.unknown},
	} {
		_, path, _ := strings.Cut(r.pattern, " ")
		s.mux.Handle(r.pattern, s.answer(withCORS(r.handler)))
		if path != "" {
			s.mux.Handle("OPTIONS "+path, s.answer(preflight))
		}
	}
}

// ServeHTTP answers a request. Calls of functions do not go through the table:
// it would rewrite their paths.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "aleph-vm/"+s.cfg.Version) // spec crn 1.1
	path := r.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(path, "/vm/"); ok {
		ref, _, _ := strings.Cut(rest, "/")
		s.answer(func(w http.ResponseWriter, r *http.Request) error {
			return s.callPath(w, r, ref)
		}).ServeHTTP(w, r)
		return
	}
	for _, own := range []string{"/about/", "/v2/about/", "/control/", "/status/"} {
		if strings.HasPrefix(path, own) {
			s.mux.ServeHTTP(w, r)
			return
		}
	}
	s.answer(s.callHost).ServeHTTP(w, r)
}

// answer turns what a handler returns into an answer.
func (s *Server) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// unknown answers what no route matches.
func (*Server) unknown(http.ResponseWriter, *http.Request) error {
	return failf(http.StatusNotFound, "404: Not Found")
}

// withCORS lets pages of any origin read the answer. // spec crn 1.1
func withCORS(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if origin := r.Header.Get("Origin"); origin != "" {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			w.Header().Set("Access-Control-Expose-Headers", "*")
			w.Header().Add("Vary", "Origin")
		}
		return next(w, r)
	}
}

// preflight answers what a browser asks before it sends a request.
func preflight(w http.ResponseWriter, r *http.Request) error {
	origin, method := r.Header.Get("Origin"), r.Header.Get("Access-Control-Request-Method")
	if origin == "" || method == "" {
		return failf(http.StatusForbidden, "CORS preflight request failed: Origin and Access-Control-Request-Method are required")
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Allow-Methods", method)
	if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	h.Add("Vary", "Origin")
	w.WriteHeader(http.StatusOK)
	return nil
}

// parseRef reads the hash of a route. // spec crn 0.1
func parseRef(ref string) (message.Hash, bool) {
	h, err := message.ParseHash(ref)
	return h, err == nil
}
