package compute_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"aleph/message"
)

// fastapi publishes the FastAPI example.
func (c *cloud) fastapi() message.Hash {
	c.t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := z.AddFS(os.DirFS(filepath.Join("..", "..", "examples", "hello-fastapi"))); err != nil {
		c.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		c.t.Fatal(err)
	}
	content := content(c.node.store(b.Bytes(), ""), python, "zip", "main:app")
	return c.node.publish(message.TypeProgram, content)
}

// BenchmarkWarm measures a call of a function that is warm.
func BenchmarkWarm(b *testing.B) {
	for name, publish := range map[string]func(c *cloud) message.Hash{
		"binary":  func(c *cloud) message.Hash { return c.program(nil) },
		"fastapi": (*cloud).fastapi,
	} {
		b.Run(name, func(b *testing.B) {
			c := start(b, nil)
			hash := publish(c)
			if status, body := c.get(hash, "/"); status != 200 {
				b.Fatal(status, body)
			}
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if status, body := c.get(hash, "/"); status != 200 {
					b.Fatal(status, body)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		})
	}
}

// BenchmarkCold measures the first call of a function whose content is here.
func BenchmarkCold(b *testing.B) {
	for name, publish := range map[string]func(c *cloud) message.Hash{
		"binary":  func(c *cloud) message.Hash { return c.program(nil) },
		"fastapi": (*cloud).fastapi,
	} {
		b.Run(name, func(b *testing.B) {
			c := start(b, nil)
			hash := publish(c)
			if status, body := c.get(hash, "/"); status != 200 {
				b.Fatal(status, body)
			}
			var cold time.Duration
			for b.Loop() {
				c.host.Stop(b.Context(), hash)
				begun := time.Now()
				if status, body := c.get(hash, "/"); status != 200 {
					b.Fatal(status, body)
				}
				cold += time.Since(begun)
			}
			b.ReportMetric(float64(cold.Milliseconds())/float64(b.N), "cold-ms/op")
		})
	}
}
