package guest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"aleph/internal/compute/guest"
)

func TestMuxBothWays(t *testing.T) {
	t.Parallel()
	host, inside := muxPair(t)
	for name, ends := range map[string][2]*guest.Mux{"to guest": {host, inside}, "to host": {inside, host}} {
		l, err := ends[1].Listen(7)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ends[1].Listen(7); err == nil {
			t.Errorf("%s: two listeners on one port", name)
		}
		a, err := ends[0].Dial(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		b, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4)
		if _, err := io.ReadFull(b, buf); err != nil || string(buf) != "ping" {
			t.Fatalf("%s: %q, %v", name, buf, err)
		}
		_ = a.Close()
		if _, err := b.Read(buf); !errors.Is(err, io.EOF) {
			t.Errorf("%s: after close: %v", name, err)
		}
		_ = b.Close()
		_ = l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: closed listener: %v", name, err)
		}
	}
}

func TestMuxNobodyListens(t *testing.T) {
	t.Parallel()
	host, _ := muxPair(t)
	conn, err := host.Dial(t.Context(), 99)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
}

func TestMuxCloses(t *testing.T) {
	t.Parallel()
	host, inside := muxPair(t)
	l, err := host.Listen(5)
	if err != nil {
		t.Fatal(err)
	}
	_ = inside.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	<-host.Done()
	if _, err := host.Dial(t.Context(), 5); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial: %v", err)
	}
	if err := errors.Join(host.Close(), host.Close()); err != nil {
		t.Error(err)
	}
}

// TestMuxDialWaits shows that a host cannot open streams without bound.
func TestMuxDialWaits(t *testing.T) {
	t.Parallel()
	host, inside := muxPair(t)
	if _, err := inside.Listen(5); err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		conn, err := host.Dial(ctx, 5)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if conns = append(conns, conn); len(conns) > 1000 {
			t.Fatal("a thousand streams")
		}
	}
	_ = conns[0].Close()
	conn, err := host.Dial(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestMuxAbuse sends what no guest of ours does. Each ends the connection.
func TestMuxAbuse(t *testing.T) {
	t.Parallel()
	header := func(kind byte, flags uint16, stream, length uint32) []byte {
		h := []byte{0, kind}
		h = binary.BigEndian.AppendUint16(h, flags)
		h = binary.BigEndian.AppendUint32(h, stream)
		return binary.BigEndian.AppendUint32(h, length)
	}
	const syn = 1
	streams := make([]byte, 0, 12*2000)
	for i := range uint32(2000) {
		streams = append(streams, header(1, syn, 2+2*i, 0)...)
	}
	for name, attack := range map[string][]byte{
		"ping":         header(2, syn, 0, 1),
		"version":      {9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"kind":         {0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"big window":   append(header(1, syn, 2, 0), header(0, 0, 2, 1<<20)...),
		"same stream":  append(header(1, syn, 2, 0), header(1, syn, 2, 0)...),
		"many streams": streams,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := socketPair(t)
			host, err := guest.NewMux(a, guest.HostSide)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = host.Close() }()
			defer func() { _ = b.Close() }()
			go func() { _, _ = io.Copy(io.Discard, b) }()
			if _, err := b.Write(attack); err != nil && name != "many streams" {
				t.Fatal(err)
			}
			if name == "many streams" {
				return // Close must not hang and nothing may leak
			}
			select {
			case <-host.Done():
			case <-time.After(10 * time.Second):
				t.Error("the connection lives on")
			}
		})
	}
}
