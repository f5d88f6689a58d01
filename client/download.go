package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"aleph/message"
)

// partSuffix marks a download that is not complete.
const partSuffix = ".part"

// DownloadTo writes a file of the network to path and verifies its hash. An
// interrupted download leaves path.part, from which the next call goes on when
// the node serves ranges; path appears only when all bytes are right.
func (c *Client) DownloadTo(ctx context.Context, file message.Hash, path string, progress Progress) (size int64, err error) {
	if file.Kind() != message.ItemStorage {
		return 0, fmt.Errorf("%w: %s is no SHA-256 and cannot be verified", message.ErrInvalid, file)
	}
	part, err := os.OpenFile(path+partSuffix, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return 0, fmt.Errorf("download file %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, part.Close()) }()
	size, err = c.fill(ctx, part, file, progress)
	if errors.Is(err, errOtherPart) {
		if _, err = restart(part); err == nil {
			size, err = c.fill(ctx, part, file, progress)
		}
	}
	if errors.Is(err, message.ErrInvalid) || errors.Is(err, message.ErrNotFound) {
		return 0, errors.Join(err, os.Remove(part.Name())) // nothing to go on from
	}
	if err != nil {
		return 0, err
	}
	if err := part.Sync(); err != nil {
		return 0, fmt.Errorf("download file %s: %w", file, err)
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return 0, fmt.Errorf("download file %s: %w", file, err)
	}
	return size, syncFolder(filepath.Dir(path))
}

// fill completes a partial file and checks the whole.
func (c *Client) fill(ctx context.Context, part *os.File, file message.Hash, progress Progress) (int64, error) {
	sum := sha256.New()
	have, err := io.Copy(sum, part)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", part.Name(), err)
	}
	if have > 0 && sameHash(sum, file) == nil {
		return have, nil
	}
	res, err := c.openFile(ctx, file, have)
	if answer, ok := errors.AsType[*Error](err); ok && answer.Status == http.StatusRequestedRangeNotSatisfiable {
		have = 0 // what is there is longer than the file
		res, err = c.openFile(ctx, file, 0)
	}
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if have > 0 && res.StatusCode != http.StatusPartialContent {
		have = 0 // the node sends everything
	}
	if have == 0 {
		if sum, err = restart(part); err != nil {
			return 0, err
		}
	}
	total := int64(-1)
	if res.ContentLength >= 0 {
		total = have + res.ContentLength
	}
	in := &progressReader{r: res.Body, done: have, total: total, progress: progress}
	if _, err := io.Copy(io.MultiWriter(part, sum), in); err != nil {
		return 0, fmt.Errorf("download file %s: %w", file, err)
	}
	mismatch := sameHash(sum, file)
	if mismatch != nil && have > 0 {
		return 0, fmt.Errorf("%w: %w", errOtherPart, mismatch)
	}
	return in.done, mismatch
}

// errOtherPart says that the bytes to go on from were of another file.
var errOtherPart = errors.New("the partial file is of something else")

func restart(part *os.File) (hash.Hash, error) {
	if err := part.Truncate(0); err != nil {
		return nil, fmt.Errorf("restart download: %w", err)
	}
	_, err := part.Seek(0, io.SeekStart)
	return sha256.New(), err
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
