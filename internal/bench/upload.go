package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"aleph/message"
)

const (
	targetUpload  = 64 << 20 // bytes of memory that an upload may add
	uploadTimeout = 10 * time.Minute
)

// uploadLimit is one setting of the node's upload limit.
type uploadLimit struct {
	name string
	size int64
	env  []string
}

// measureUpload uploads one file at the size limit, with the limit of the
// network and with a raised one, and reads the peak of the node's memory.
func measureUpload(ctx context.Context, s *Suite) ([]Row, error) {
	limits := []uploadLimit{
		{name: "100 MiB", size: 100 << 20},
		{name: "1 GiB, limit raised", size: 1 << 30, env: []string{"ALEPH_NODE_HTTP_MAX_FILE_SIZE=1073741824"}},
	}
	var rows []Row
	for _, limit := range limits {
		row, err := s.uploadOnce(ctx, limit)
		if err != nil {
			return nil, fmt.Errorf("upload of %s: %w", limit.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *Suite) uploadOnce(ctx context.Context, limit uploadLimit) (row Row, err error) {
	c, err := s.start(ctx, limit.env...)
	if err != nil {
		return Row{}, err
	}
	defer func() { err = first(err, c.stop()) }()
	g, err := NewGenerator(s.Seed, time.Now())
	if err != nil {
		return Row{}, err
	}
	if err := c.fund(ctx, g); err != nil {
		return Row{}, err
	}
	s.Progress("hashing %s", limit.name)
	sum := sha256.New()
	if _, err := io.Copy(sum, s.file(limit.size)); err != nil {
		return Row{}, err
	}
	file := message.Hash(hex.EncodeToString(sum.Sum(nil)))
	m, err := g.Message(message.TypeStore, map[string]any{"item_type": message.ItemStorage, "item_hash": file})
	if err != nil {
		return Row{}, err
	}
	pid := c.process.PID()
	before, err := settle(ctx, pid)
	if err != nil {
		return Row{}, err
	}
	if err := resetPeak(pid); err != nil {
		return Row{}, err
	}
	s.Progress("uploading %s", limit.name)
	begin := time.Now()
	if err := Upload(ctx, c.api, m, s.file(limit.size), limit.size); err != nil {
		return Row{}, err
	}
	took := time.Since(begin)
	after, err := memoryOf(pid)
	if err != nil {
		return Row{}, err
	}
	status, err := StatusOf(ctx, &http.Client{Timeout: answerTimeout}, c.api, m.ItemHash)
	if err != nil {
		return Row{}, err
	}
	if status != message.StatusProcessed {
		return Row{}, fmt.Errorf("the STORE message %s is %q, not processed", m.ItemHash, status)
	}
	return bytesRow("memory that an upload adds, "+limit.name, max(after.Peak-before.Now, 0), targetUpload,
		fmt.Sprintf("%s before, peak %s; %s, %.0f MiB/s", mebibytes(before.Now), mebibytes(after.Peak), round(took), float64(limit.size>>20)/took.Seconds())), nil
}

// file is a deterministic stream that does not compress.
func (s *Suite) file(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(s.Seed), byte(s.Seed >> 8), 'f'}), size)
}

// Upload sends a file with the signed STORE message for it, as one multipart
// form of known length, and waits for the outcome. // spec ccn-http-api 10.3
func Upload(ctx context.Context, api string, m *message.Message, file io.Reader, size int64) error {
	metadata, err := publishBody(m, true)
	if err != nil {
		return err
	}
	var head bytes.Buffer
	form := multipart.NewWriter(&head)
	if err := form.WriteField("metadata", string(metadata)); err != nil {
		return err
	}
	if _, err := form.CreateFormFile("file", "bench.bin"); err != nil {
		return err
	}
	tail := "\r\n--" + form.Boundary() + "--\r\n"

	body := io.MultiReader(&head, file, strings.NewReader(tail))
	length := int64(head.Len()) + size + int64(len(tail))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/api/v0/storage/add_file", body)
	if err != nil {
		return err
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", form.FormDataContentType())
	res, err := (&http.Client{Timeout: uploadTimeout}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return err
	}
	if err := statusError(res); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
}
