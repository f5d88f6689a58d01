package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"time"

	"aleph/account"
	"aleph/message"
)

// Progress is called while bytes move. total is −1 when it is not known.
type Progress func(done, total int64)

// UploadOptions says how to keep a file.
type UploadOptions struct {
	PublishOptions
	// Name is told to the node as the file's name.
	Name string
	// Ref is a name of the owner's choice, or the STORE message of which the
	// file is a new version.
	Ref string
	// Metadata is a JSON object, free.
	Metadata json.RawMessage
	// Owner is the content's address; the account's when empty.
	Owner message.Address
	// Progress follows the transfer; it may be nil.
	Progress Progress
}

// HashFile reads a file to its end and returns the hash and the size.
func HashFile(file io.Reader) (message.Hash, int64, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return "", 0, fmt.Errorf("read file: %w", err)
	}
	return message.Hash(hex.EncodeToString(sum.Sum(nil))), size, nil
}

// Upload keeps a file on the node and publishes the STORE message that names
// it, in one request. The file is read twice: once for its hash, which the
// signature covers, and once for the transfer; it is never in memory as a
// whole. // spec ccn-http-api 10.3
func (c *Client) Upload(ctx context.Context, acc account.Account, file io.ReadSeeker, opts UploadOptions) (*Published, error) {
	hash, size, err := HashFile(file)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read file again: %w", err)
	}
	m, err := storeMessage(acc, hash, opts)
	if err != nil {
		return nil, err
	}
	metadata, err := compactJSON(map[string]any{"message": m, "sync": opts.Sync})
	if err != nil {
		return nil, err
	}
	ctx, guard := guardStall(ctx, max(stallLimit, syncTimeout))
	defer guard.stop()
	body := &progressReader{r: io.LimitReader(file, size), total: size, guard: guard, progress: opts.Progress}
	req, err := c.formRequest(ctx, form{metadata: metadata, name: opts.Name, file: body, size: size})
	if err != nil {
		return nil, err
	}
	status, _, fail, err := c.exchange(req)
	if err != nil {
		return nil, fmt.Errorf("upload file %s: %w", hash, err)
	}
	switch {
	case fail == nil && status == http.StatusOK:
		return &Published{Message: m, Status: message.StatusProcessed}, nil
	case fail == nil:
		return &Published{Message: m, Status: message.StatusPending}, nil
	}
	// Refused before or after the message existed: the node knows which.
	if info, lookup := c.Message(ctx, m.ItemHash); lookup == nil && info.Rejection != nil {
		return nil, fmt.Errorf("file %s: message %s was rejected: %w", hash, m.ItemHash, info.Rejection)
	}
	return nil, fmt.Errorf("upload file %s: %w", hash, fail)
}

func storeMessage(acc account.Account, hash message.Hash, opts UploadOptions) (*message.Message, error) {
	owner := opts.Owner
	if owner == "" {
		owner = acc.Address()
	}
	now := message.TimestampOf(time.Now())
	text, err := compactJSON(StoreContent{
		Address: owner, Time: now, ItemType: message.ItemStorage, ItemHash: hash, Ref: opts.Ref, Metadata: opts.Metadata,
	})
	if err != nil {
		return nil, err
	}
	m := &message.Message{
		Type: message.TypeStore, ItemType: message.ItemInline, ItemContent: string(text), ItemHash: message.HashOf(text),
		Time: now, Channel: channelOf(opts.PublishOptions),
	}
	return m, account.Sign(acc, m)
}

// form is a multipart form with one file.
type form struct {
	metadata []byte // sent first; none when nil
	name     string
	file     io.Reader
	size     int64
}

// formRequest frames the form around the file, so that its length is known and
// nothing of the file is copied.
func (c *Client) formRequest(ctx context.Context, f form) (*http.Request, error) {
	target, err := c.apiURL("/api/v0/storage/add_file", nil)
	if err != nil {
		return nil, err
	}
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	if f.metadata != nil {
		if err := w.WriteField("metadata", string(f.metadata)); err != nil {
			return nil, err
		}
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition("file", cmp.Or(f.name, "file")))
	header.Set("Content-Type", "application/octet-stream")
	if _, err := w.CreatePart(header); err != nil {
		return nil, err
	}
	head := bytes.Clone(frame.Bytes())
	frame.Reset()
	if err := w.Close(); err != nil {
		return nil, err
	}
	body := io.MultiReader(bytes.NewReader(head), f.file, bytes.NewReader(frame.Bytes()))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", message.ErrInvalid, err)
	}
	req.ContentLength = int64(len(head)) + f.size + int64(frame.Len())
	req.Header.Set("Content-Type", w.FormDataContentType())
	// A file that the node refuses by its size is not sent.
	req.Header.Set("Expect", "100-continue")
	return req, nil
}

// progressReader tells how much was read and keeps a stalled stream from
// lasting.
type progressReader struct {
	r           io.Reader
	done, total int64
	guard       *stallGuard
	progress    Progress
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		p.done += int64(n)
		if p.guard != nil {
			p.guard.moved()
		}
		if p.progress != nil {
			p.progress(p.done, p.total)
		}
	}
	return n, err
}
