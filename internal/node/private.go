package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof" // it also registers with a server that nobody starts
	"net/netip"
	"strconv"
	"time"

	"aleph/internal/node/api"
)

// The private port's deadlines.
const (
	privateHeaderTime = 10 * time.Second
	privateWriteTime  = 2 * time.Minute // besides the time of a profile
	privateStopTime   = 5 * time.Second
	// longestProfile is the most seconds that a profile is taken for.
	longestProfile = 120
)

// checkPrivate refuses an address that others than the operator could reach:
// profiles tell what is in the memory of the node.
func checkPrivate(listen string) error {
	if listen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("node: private_listen %q is no address and port such as 127.0.0.1:4026: %w", listen, err)
	}
	if host == "localhost" {
		return nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.IsLoopback() && !addr.IsPrivate() {
		return fmt.Errorf("node: private_listen %q may only be an address of this machine or of a private network, "+
			"such as 127.0.0.1:4026: it shows profiles to whoever reaches it", listen)
	}
	return nil
}

// privateHandler answers what only an operator should ask.
func privateHandler(door *api.API) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("GET /metrics", door)
	mux.Handle("GET /health", door)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// net/http/pprof takes a profile for as long as it is told to.
		if seconds, err := strconv.ParseFloat(r.FormValue("seconds"), 64); err == nil && !(seconds <= longestProfile) {
			http.Error(w, fmt.Sprintf("a profile is taken for at most %d seconds", longestProfile), http.StatusBadRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// openPrivate serves the private port and returns what closes it, which may be
// called twice.
func (n *Node) openPrivate(ctx context.Context, door *api.API) (closePrivate func(), err error) {
	if n.cfg.PrivateListen == "" {
		return func() {}, nil
	}
	listener, err := listen(ctx, n.cfg.PrivateListen)
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: privateHandler(door), ReadHeaderTimeout: privateHeaderTime, ReadTimeout: privateHeaderTime,
		WriteTimeout: privateWriteTime, IdleTimeout: privateWriteTime,
		ErrorLog:    slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.log.WarnContext(ctx, "the private port is closed", slog.Any("error", err))
		}
	}()
	n.privateAddr = listener.Addr()
	n.log.InfoContext(ctx, "profiles, metrics and health on the private port", slog.String("address", listener.Addr().String()))
	return func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), privateStopTime)
		defer cancel()
		if server.Shutdown(stop) != nil {
			_ = server.Close() // a profile that is being taken is cut
		}
		<-ended
	}, nil
}
