package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"aleph/account"
	"aleph/internal/node"
	"aleph/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run starts a node in dir and returns its URL and a function that stops it.
func run(t testing.TB, dir string) (url string, stop func()) {
	t.Helper()
	cfg := node.DefaultConfig(dir)
	cfg.Listen = "127.0.0.1:0"
	n, err := node.New(cfg, message.PublicNetwork(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if n.Addr() != nil {
		t.Error("a node that does not run has an address")
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case <-n.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	return "http://" + n.Addr().String(), func() {
		t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("the node does not stop")
		}
	}
}

// TestStateOutlivesTheNode publishes over HTTP, restarts and reads again.
func TestStateOutlivesTheNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url, stop := run(t, dir)
	hash := publish(t, url)
	stop()
	url, stop = run(t, dir)
	defer stop()
	if body := get(t, url+"/api/v0/messages/"+string(hash)); !strings.Contains(body, `"processed"`) {
		t.Errorf("after a restart the message is %s", body)
	}
}

func TestSecondNodeOnThePortSaysSo(t *testing.T) {
	t.Parallel()
	url, stop := run(t, t.TempDir())
	defer stop()
	cfg := node.DefaultConfig(t.TempDir())
	cfg.Listen = strings.TrimPrefix(url, "http://")
	n, err := node.New(cfg, message.PublicNetwork(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "configure another address") {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	for _, broken := range []func(*node.Config){
		func(c *node.Config) { c.Listen = "" },
		func(c *node.Config) { c.StopTimeout = 0 },
		func(c *node.Config) { c.GracePeriod = 0 },
	} {
		cfg := node.DefaultConfig(t.TempDir())
		broken(&cfg)
		if _, err := node.New(cfg, message.PublicNetwork(), slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err == nil {
			t.Errorf("accepted %+v", cfg)
		}
	}
}

// publish sends a signed post and waits until it is processed.
func publish(t *testing.T, url string) message.Hash {
	t.Helper()
	key, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(map[string]any{"address": key.Address(), "time": 1_700_000_000.5, "type": "test", "content": "hello"})
	if err != nil {
		t.Fatal(err)
	}
	m := &message.Message{
		Type: message.TypePost, ItemType: message.ItemInline, ItemContent: string(content),
		ItemHash: message.HashOf(content), Time: message.TimestampFromSeconds(1_700_000_000.5),
	}
	if err := account.Sign(key, m); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"sync": true, "message": m})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(url+"/api/v0/messages", "application/json", bytes.NewReader(body)) //nolint:noctx // a test on loopback
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("publish: %s %s %v", res.Status, answer, err)
	}
	http.DefaultClient.CloseIdleConnections()
	return m.ItemHash
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url) //nolint:noctx // a test on loopback
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return string(body)
}
