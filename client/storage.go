package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"aleph/message"
)

// LatestStore resolves a STORE message to its newest version: the newest STORE
// of the same owner whose content.ref is ref, or ref itself when there is none.
// // spec crn 2.2
func (c *Client) LatestStore(ctx context.Context, ref message.Hash) (message.Hash, error) {
	original, err := c.Messages(ctx, MessageFilter{Hashes: []message.Hash{ref}, PerPage: 1})
	if err != nil {
		return "", err
	}
	if len(original.Messages) == 0 {
		return "", fmt.Errorf("file message %s: %w", ref, message.ErrNotFound)
	}
	content := original.Messages[0].Content
	if content == nil {
		return "", fmt.Errorf("file message %s: %w: it has no readable content", ref, message.ErrInvalid)
	}
	owner := content.Owner()
	updates, err := c.Messages(ctx, MessageFilter{
		Types:  []message.Type{message.TypeStore},
		Refs:   []string{string(ref)},
		Owners: []message.Address{owner}, PerPage: 1,
	})
	if err != nil {
		return "", err
	}
	for _, update := range updates.Messages {
		store, ok := update.Content.(*message.Store)
		if ok && store.Owner() == owner && store.Ref == string(ref) {
			return update.ItemHash, nil
		}
	}
	return ref, nil
}

// StoreFile returns the content of a STORE message, which names a file.
func (c *Client) StoreFile(ctx context.Context, store message.Hash) (*message.Store, error) {
	info, err := c.Message(ctx, store)
	if err != nil {
		return nil, err
	}
	switch info.Status {
	case message.StatusProcessed, message.StatusRemoving:
	case message.StatusPending:
		return nil, fmt.Errorf("file message %s: %w: it is still pending", store, message.ErrUnavailable)
	default:
		return nil, fmt.Errorf("file message %s: %w: it is %s", store, message.ErrNotFound, info.Status)
	}
	if info.Invalid != nil {
		return nil, info.Invalid
	}
	content, ok := info.Message.Content.(*message.Store)
	if !ok {
		return nil, fmt.Errorf("%w: message %s is a %s, not a STORE", message.ErrInvalid, store, info.Message.Type)
	}
	return content, nil
}

// Download opens the bytes of a file. size is −1 when the node does not say.
// The reader ends with an error when nothing arrives for a minute. Nothing is
// verified: read through [VerifyReader], or use [Client.DownloadTo].
// // spec ccn-http-api 10.8
func (c *Client) Download(ctx context.Context, file message.Hash) (body io.ReadCloser, size int64, err error) {
	res, err := c.openFile(ctx, file, 0)
	if err != nil {
		return nil, 0, err
	}
	return res.Body, res.ContentLength, nil
}

// openFile asks for a file from an offset on. The status tells whether the node
// honours the offset. The body gives up when nothing moves.
func (c *Client) openFile(ctx context.Context, file message.Hash, offset int64) (*http.Response, error) {
	target, err := c.apiURL("/api/v0/storage/raw/"+url.PathEscape(string(file)), nil)
	if err != nil {
		return nil, err
	}
	watched, guard := guardStall(ctx, stallLimit)
	req, err := http.NewRequestWithContext(watched, http.MethodGet, target, nil)
	if err != nil {
		guard.stop()
		return nil, fmt.Errorf("%w: %w", message.ErrInvalid, err)
	}
	// The hash is that of the bytes as they are.
	req.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		req.Header.Set("Range", "bytes="+number(offset)+"-")
	}
	res, err := c.send(req)
	if err != nil {
		guard.stop()
		return nil, err
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusPartialContent {
		defer guard.stop()
		defer res.Body.Close()
		if res.StatusCode == http.StatusNotFound {
			return nil, fmt.Errorf("file %s: %w: the node has no such file", file, message.ErrNotFound)
		}
		return nil, answerError(res, req.Method, target)
	}
	res.Body = &guardedBody{body: res.Body, guard: guard, ctx: watched, url: target}
	return res, nil
}

// FileInfo is what a node knows about a file that a STORE message names.
type FileInfo struct {
	// Ref is the name the owner gave it, or the hash of the message.
	Ref   string          `json:"ref"`
	Owner message.Address `json:"owner"`
	// File is the hash of the bytes.
	File message.Hash `json:"file_hash"`
	Size int64        `json:"size"`
}

// FileByMessage looks a file up by the STORE message that keeps it.
// // spec ccn-http-api 10.9
func (c *Client) FileByMessage(ctx context.Context, store message.Hash) (*FileInfo, error) {
	var info FileInfo
	path := "/api/v0/storage/by-message-hash/" + url.PathEscape(string(store))
	if err := c.getJSON(ctx, path, nil, objectLimit, &info); err != nil {
		return nil, err
	}
	return &info, nil
}

// FileByRef looks up the newest version of a file by the name that its owner
// gave it. // spec ccn-http-api 10.10
func (c *Client) FileByRef(ctx context.Context, owner message.Address, ref string) (*FileInfo, error) {
	var info FileInfo
	path := "/api/v0/storage/by-ref/" + url.PathEscape(string(owner)) + "/" + url.PathEscape(ref)
	if err := c.getJSON(ctx, path, nil, objectLimit, &info); err != nil {
		return nil, err
	}
	return &info, nil
}

// StorageLimits are the sizes of files that a node takes, in bytes.
type StorageLimits struct {
	Storage struct {
		MaxFileSize                int64 `json:"max_file_size"`
		MaxUnauthenticatedFileSize int64 `json:"max_unauthenticated_upload_file_size"`
	} `json:"storage"`
	IPFS struct {
		MaxUploadFileSize          int64 `json:"max_upload_file_size"`
		MaxUploadCarSize           int64 `json:"max_upload_car_size"`
		MaxUnauthenticatedFileSize int64 `json:"max_unauthenticated_upload_file_size"`
	} `json:"ipfs"`
}

// StorageLimits asks how large a file may be. // spec ccn-http-api 10.6
func (c *Client) StorageLimits(ctx context.Context) (*StorageLimits, error) {
	var limits StorageLimits
	if err := c.getJSON(ctx, "/api/v0/storage/limits.json", nil, objectLimit, &limits); err != nil {
		return nil, err
	}
	return &limits, nil
}

// FileMetadata is what a node knows about a file by its hash.
type FileMetadata struct {
	File message.Hash `json:"file_hash"`
	Type string       `json:"type"` // file or dir
	Size int64        `json:"size"`
}

// FileMetadata asks for the size and the type of a file. // spec ccn-http-api 10.11
func (c *Client) FileMetadata(ctx context.Context, file message.Hash) (*FileMetadata, error) {
	var info FileMetadata
	if err := c.getJSON(ctx, "/api/v0/storage/metadata/"+url.PathEscape(string(file)), nil, objectLimit, &info); err != nil {
		return nil, err
	}
	return &info, nil
}

// PinCount returns how many things keep a file, 0 for one that nobody knows.
// // spec ccn-http-api 10.12
func (c *Client) PinCount(ctx context.Context, file message.Hash) (n int64, err error) {
	err = c.getJSON(ctx, "/api/v0/storage/count/"+url.PathEscape(string(file)), nil, objectLimit, &n)
	return n, err
}
