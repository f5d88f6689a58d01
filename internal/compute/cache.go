package compute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"aleph/client"
	"aleph/internal/compute/disk"
	"aleph/message"
)

// cache keeps the files of STORE messages on this host, as they are and
// unpacked, and deletes the least recently used ones when it grows too large.
// What a machine uses is pinned and stays. Safe for concurrent use.
//
// A file is named after the hash of its STORE message, an unpacked archive
// after hash and kind: both never change, so neither is ever invalidated.
type cache struct {
	dir    string
	cfg    CacheConfig
	client *client.Client

	mu      sync.Mutex // guards what follows
	entries map[string]*cacheEntry
}

// CacheConfig bounds the cache of downloaded content.
type CacheConfig struct {
	Bytes   int64         `yaml:"bytes" doc:"Size beyond which the least recently used content is deleted; what running functions use stays."`
	File    int64         `yaml:"file" doc:"Largest file that is downloaded."`
	Timeout time.Duration `yaml:"timeout" doc:"How long one download may take."`
	Unpack  disk.Limits   `yaml:"unpack" doc:"Limits of archives with code and data."`
	Runtime disk.Limits   `yaml:"runtime" doc:"Limits of runtimes that users bring."`
}

func defaultCacheConfig() CacheConfig {
	runtime := disk.DefaultLimits()
	runtime.Bytes, runtime.Entries, runtime.Time = 8<<30, 1_000_000, 10*time.Minute
	return CacheConfig{
		Bytes: 20 << 30, File: 4 << 30, Timeout: 10 * time.Minute,
		Unpack: disk.DefaultLimits(), Runtime: runtime,
	}
}

// cacheEntry is one file or folder, or one that is being made.
type cacheEntry struct {
	ready chan struct{} // closed when it is there or has failed
	err   error
	size  int64
	used  time.Time
	pins  int
}

// openCache removes what an earlier run left half made and takes stock.
func openCache(dir string, cfg CacheConfig, c *client.Client) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	k := &cache{dir: dir, cfg: cfg, client: c, entries: map[string]*cacheEntry{}}
	for _, e := range all {
		path := filepath.Join(dir, e.Name())
		if strings.Contains(e.Name(), partMark) {
			if err := disk.Remove(path); err != nil {
				return nil, fmt.Errorf("remove an unfinished download: %w", err)
			}
			continue
		}
		size, err := disk.Size(path)
		if err != nil {
			return nil, err
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		done := make(chan struct{})
		close(done)
		k.entries[e.Name()] = &cacheEntry{ready: done, size: size, used: info.ModTime()}
	}
	return k, nil
}

// partMark is in the name of everything unfinished.
const partMark = ".part"

// file makes the file of a STORE message available and pins it until release.
func (k *cache) file(ctx context.Context, store message.Hash, limit int64) (path string, release func(), err error) {
	return k.get(ctx, string(store), func(ctx context.Context, path string) error {
		return k.download(ctx, store, path, min(limit, k.cfg.File))
	})
}

// folder makes the unpacked archive of a STORE message available and pins it.
func (k *cache) folder(ctx context.Context, store message.Hash, e message.Encoding, limit int64, l disk.Limits) (path string, release func(), err error) {
	var unpack func(ctx context.Context, src, dst string, l disk.Limits) error
	switch e {
	case message.EncodingZip:
		unpack = disk.UnpackZip
	case message.EncodingSquashfs:
		unpack = disk.UnpackSquashfs
	default:
		return "", nil, fmt.Errorf("file message %s: %w: unknown encoding %q", store, message.ErrInvalid, e)
	}
	return k.get(ctx, string(store)+"."+string(e), func(ctx context.Context, dst string) error {
		src, done, err := k.file(ctx, store, limit)
		if err != nil {
			return err
		}
		defer done()
		if err := unpack(ctx, src, dst, l); err != nil {
			return fmt.Errorf("unpack file message %s: %w", store, err)
		}
		return nil
	})
}

// get returns the entry of a name, made by one caller at a time. Callers that
// wait get the maker's error; it is not remembered.
func (k *cache) get(ctx context.Context, name string, fill func(ctx context.Context, path string) error) (string, func(), error) {
	path := filepath.Join(k.dir, name)
	k.mu.Lock()
	e, known := k.entries[name]
	if !known {
		e = &cacheEntry{ready: make(chan struct{})}
		k.entries[name] = e
	}
	e.pins++
	k.mu.Unlock()
	release := sync.OnceFunc(func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		e.pins--
	})
	if !known {
		err := fill(ctx, path)
		var size int64
		if err == nil {
			size, err = disk.Size(path)
		}
		k.mu.Lock()
		e.size, e.err = size, err
		if err != nil {
			delete(k.entries, name)
		}
		k.mu.Unlock()
		close(e.ready)
	}
	select {
	case <-e.ready:
	case <-ctx.Done():
		release()
		return "", nil, context.Cause(ctx)
	}
	if e.err != nil {
		release()
		return "", nil, e.err
	}
	now := time.Now()
	k.mu.Lock()
	e.used = now
	k.mu.Unlock()
	_ = os.Chtimes(path, now, now) // only the order of deletion after a restart depends on it
	k.trim()
	return path, release, nil
}

// trim deletes the least recently used entries beyond the bound.
func (k *cache) trim() {
	k.mu.Lock()
	var total int64
	var idle []string
	for name, e := range k.entries {
		total += e.size
		if e.pins == 0 {
			idle = append(idle, name)
		}
	}
	slices.SortFunc(idle, func(a, b string) int { return k.entries[a].used.Compare(k.entries[b].used) })
	var gone []string
	for _, name := range idle {
		if total <= k.cfg.Bytes {
			break
		}
		total -= k.entries[name].size
		// Out of the way under the lock, deleted after it.
		part := name + partMark + "-old"
		if os.Rename(filepath.Join(k.dir, name), filepath.Join(k.dir, part)) == nil {
			gone = append(gone, part)
		}
		delete(k.entries, name)
	}
	k.mu.Unlock()
	for _, part := range gone {
		_ = disk.Remove(filepath.Join(k.dir, part)) // the next start repeats it
	}
}

// download fetches the file of a STORE message and verifies it on the way.
func (k *cache) download(ctx context.Context, store message.Hash, path string, limit int64) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, k.cfg.Timeout,
		fmt.Errorf("download of file message %s: %w: not complete after %s", store, message.ErrUnavailable, k.cfg.Timeout))
	defer cancel()
	info, err := k.client.StoreFile(ctx, store)
	if err != nil {
		return err
	}
	if info.ItemHash.Kind() != message.ItemStorage {
		return fmt.Errorf("file message %s: %w: its file %s is on IPFS, which this host cannot verify; upload it to storage",
			store, message.ErrUnavailable, info.ItemHash)
	}
	if info.Size != nil && *info.Size > limit {
		return tooLarge(store, limit)
	}
	body, size, err := k.client.Download(ctx, info.ItemHash)
	if err != nil {
		return err
	}
	defer body.Close()
	if size > limit {
		return tooLarge(store, limit)
	}
	verified, err := client.VerifyReader(io.LimitReader(body, limit+1), info.ItemHash)
	if err != nil {
		return err
	}
	part := path + partMark
	// Readable by all, for the user that unpacks; the folder keeps others out.
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if removeErr := os.Remove(part); !errors.Is(removeErr, fs.ErrNotExist) {
				err = errors.Join(err, removeErr)
			}
		}
	}()
	n, err := io.Copy(f, verified)
	closeErr := f.Close()
	switch {
	case n > limit:
		return tooLarge(store, limit)
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("download file message %s: %w", store, err)
	case closeErr != nil:
		return closeErr
	}
	return os.Rename(part, path)
}

// errTooLarge means that content exceeds a limit of this host.
var errTooLarge = fmt.Errorf("too large: %w", message.ErrInvalid)

func tooLarge(store message.Hash, limit int64) error {
	return fmt.Errorf("file message %s: %w: more than %d bytes", store, errTooLarge, limit)
}
