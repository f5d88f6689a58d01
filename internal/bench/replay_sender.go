package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"

	"aleph/internal/bench/corpus"
	"aleph/internal/node"
	"aleph/internal/node/ingest"
	"aleph/message"
)

// sender brings lines to the node. It belongs to one goroutine.
type sender interface {
	message(ctx context.Context, line corpus.Line) error
	file(ctx context.Context, data []byte) error
	close()
}

func (r *replay) newSender(ctx context.Context) (sender, error) {
	if !r.HTTP {
		return queueSender{r.node}, nil
	}
	target, err := parseTarget(r.api)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, target)
	if err != nil {
		return nil, err
	}
	return &httpSender{replay: r, host: target.Host, conn: conn, in: bufio.NewReader(conn)}, nil
}

// queueSender calls the queue.
type queueSender struct{ node *node.Inside }

func (s queueSender) message(ctx context.Context, line corpus.Line) error {
	_, err := s.node.Queue.SubmitEnvelope(ctx, line.Message, ingest.Source{Origin: ingest.OriginP2P})
	return err
}

// mostFile is the most bytes of a file in a corpus.
const mostFile = 4 << 20

func (s queueSender) file(ctx context.Context, data []byte) error {
	info, err := s.node.Blobs.Put(ctx, bytes.NewReader(data), mostFile)
	if err != nil {
		return err
	}
	return s.node.Queue.Upload(ctx, info.Hash, info.Size)
}

func (queueSender) close() {}

// httpSender sends requests over one connection.
type httpSender struct {
	replay *replay
	host   string
	conn   net.Conn
	in     *bufio.Reader
	out    []byte
}

// message publishes without waiting for what the message may wait for: the node
// answers once its record is durable. // spec ccn-http-api 5.7
func (s *httpSender) message(_ context.Context, line corpus.Line) error {
	const head, tail = `{"sync":false,"message":`, `}`
	s.begin("/api/v0/messages", "application/json", len(head)+len(line.Message)+len(tail))
	s.out = append(append(append(s.out, head...), line.Message...), tail...)
	var answer Answer
	if err := exchange(s.conn, s.in, s.out, &answer); err != nil {
		return err
	}
	switch answer.HTTP {
	case http.StatusOK, http.StatusAccepted:
		return nil
	case http.StatusUnprocessableEntity:
		if line.Expect == corpus.Refused(message.CodeInvalidFormat) {
			s.replay.unnoted.Add(1)
			return nil
		}
	}
	return fmt.Errorf("the node answered %d to a message that is expected to be %s", answer.HTTP, line.Expect)
}

func (s *httpSender) file(_ context.Context, data []byte) error {
	s.begin("/api/v0/storage/add_file", "application/octet-stream", len(data))
	s.out = append(s.out, data...)
	var answer Answer
	if err := exchange(s.conn, s.in, s.out, &answer); err != nil {
		return err
	}
	if answer.HTTP != http.StatusOK {
		return fmt.Errorf("the node answered %d to a file", answer.HTTP)
	}
	return nil
}

func (s *httpSender) begin(path, contentType string, length int) {
	s.out = fmt.Appendf(s.out[:0], "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path, s.host, contentType, length)
}

func (s *httpSender) close() { _ = s.conn.Close() }
