package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"aleph/account"
	"aleph/message"
)

// BenchmarkPublish measures signed messages through POST /api/v0/messages from
// 64 connections, client and node in one process; each answer comes after the
// commit that holds the message.
func BenchmarkPublish(b *testing.B) {
	url, stop := run(b, b.TempDir())
	defer stop()
	bodies := make([][]byte, b.N)
	key, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		b.Fatal(err)
	}
	for i := range bodies {
		content := fmt.Appendf(nil, `{"address":%q,"time":%d.5,"type":"bench","content":{"body":"a short text as people write them","n":%d}}`,
			key.Address(), 1_700_000_000+i, i)
		m := &message.Message{
			Type: message.TypePost, ItemType: message.ItemInline, ItemContent: string(content),
			ItemHash: message.HashOf(content), Time: message.TimestampFromSeconds(1_700_000_000),
		}
		if err := account.Sign(key, m); err != nil {
			b.Fatal(err)
		}
		if bodies[i], err = json.Marshal(map[string]any{"sync": true, "message": m}); err != nil {
			b.Fatal(err)
		}
	}
	const connections = 64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var wait sync.WaitGroup
	b.ResetTimer()
	for range connections {
		wait.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(bodies); i = next.Add(1) - 1 {
				res, err := client.Post(url+"/api/v0/messages", "application/json", bytes.NewReader(bodies[i])) //nolint:noctx // loopback
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusOK {
					b.Errorf("answer %s", res.Status)
					return
				}
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
