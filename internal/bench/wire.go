package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// parseTarget reads the URL of a node.
func parseTarget(api string) (*url.URL, error) {
	target, err := url.Parse(api)
	if err != nil {
		return nil, fmt.Errorf("node URL %q: %w", api, err)
	}
	if (target.Scheme != "http" && target.Scheme != "https") || target.Host == "" {
		return nil, fmt.Errorf("node URL %q: want http://HOST:PORT or https://HOST", api)
	}
	return target, nil
}

// connect opens a connection to a node.
func connect(ctx context.Context, target *url.URL) (net.Conn, error) {
	address, port := target.Host, target.Port()
	var dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = &net.Dialer{}
	if target.Scheme == "https" {
		dialer = &tls.Dialer{Config: &tls.Config{ServerName: target.Hostname(), MinVersion: tls.VersionTLS12}}
	}
	if port == "" {
		address = net.JoinHostPort(target.Hostname(), target.Scheme) // the name of a port too
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the node: %w", err)
	}
	return conn, nil
}

// wire is one connection that is used for one request after the other. It spends
// less than net/http's client, which on a small machine would be measured with
// the node.
type wire struct {
	target *url.URL
	conn   net.Conn
	reader *bufio.Reader
}

// get sends a prepared request, reads the whole answer and throws it away. bytes
// are those of its body.
func (w *wire) get(ctx context.Context, request []byte) (status int, bytes int64, err error) {
	if w.conn == nil {
		if w.conn, err = connect(ctx, w.target); err != nil {
			return 0, 0, err
		}
		w.reader = bufio.NewReaderSize(w.conn, 32<<10)
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := w.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return 0, 0, err
	}
	if _, err := w.conn.Write(request); err != nil {
		return 0, 0, err
	}
	res, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, 0, err
	}
	bytes, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err == nil && res.Close {
		w.close()
	}
	return res.StatusCode, bytes, err
}

func (w *wire) close() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}
