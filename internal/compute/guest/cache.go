package guest

import (
	"container/list"
	"path"
	"sort"
	"strings"
	"sync"
	"time"
)

// Bounds of the cache that the programs of a host share. // spec crn 3.8
const (
	cacheTTL        = 604800 * time.Second
	maxCacheValue   = 1 << 20
	maxCacheVM      = 8 << 20 // bytes of one VM, keys and overhead included
	maxCacheTotal   = 64 << 20
	cacheEntryExtra = 128
)

// Cache keeps small values for programs, apart for each VM hash. It forgets a
// value a week after it was written, and the least recently used one when a VM
// or the whole host has too many. It is safe for concurrent use.
type Cache struct {
	now func() time.Time

	mu    sync.Mutex // guards what follows
	vms   map[string]*vmCache
	order *list.List // of *cacheEntry, most recently used first
	size  int
}

type vmCache struct {
	entries map[string]*list.Element
	size    int
}

type cacheEntry struct {
	vm, key string
	value   []byte
	expires time.Time
}

func (e *cacheEntry) size() int { return len(e.key) + len(e.value) + cacheEntryExtra }

// NewCache returns an empty cache. now is usually [time.Now].
func NewCache(now func() time.Time) *Cache {
	return &Cache{now: now, vms: make(map[string]*vmCache), order: list.New()}
}

// Get returns the value of key, which the caller must not change.
func (c *Cache) Get(vm, key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.findLocked(vm, key)
	if el == nil {
		return nil, false
	}
	c.order.MoveToFront(el)
	return el.Value.(*cacheEntry).value, true
}

// Set keeps value, or reports false when it is larger than a value may be.
func (c *Cache) Set(vm, key string, value []byte) bool {
	if len(value) > maxCacheValue {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(c.findLocked(vm, key))
	own := c.vms[vm]
	if own == nil {
		own = &vmCache{entries: make(map[string]*list.Element)}
		c.vms[vm] = own
	}
	e := &cacheEntry{vm: vm, key: key, value: value, expires: c.now().Add(cacheTTL)}
	own.entries[key] = c.order.PushFront(e)
	own.size += e.size()
	c.size += e.size()
	for el := c.order.Back(); el != nil && own.size > maxCacheVM; {
		older := el.Prev()
		if el.Value.(*cacheEntry).vm == vm {
			c.removeLocked(el)
		}
		el = older
	}
	for c.size > maxCacheTotal {
		c.removeLocked(c.order.Back())
	}
	return true
}

// Delete forgets key and reports whether there was a value.
func (c *Cache) Delete(vm, key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.findLocked(vm, key)
	c.removeLocked(el)
	return el != nil
}

// Keys returns the keys of a VM that match pattern, in order. In a pattern, ?
// stands for one character and * for any number.
func (c *Cache) Keys(vm, pattern string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := []string{}
	own := c.vms[vm]
	if own == nil {
		return keys
	}
	for key := range own.entries {
		if matched, err := path.Match(pattern, key); err == nil && matched && c.findLocked(vm, key) != nil {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return keys
}

// Drop forgets everything of a VM.
func (c *Cache) Drop(vm string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own := c.vms[vm]; own != nil {
		for _, el := range own.entries {
			c.removeLocked(el)
		}
	}
}

// findLocked returns the entry of key, if there is one that has not expired.
func (c *Cache) findLocked(vm, key string) *list.Element {
	own := c.vms[vm]
	if own == nil {
		return nil
	}
	el := own.entries[key]
	if el != nil && c.now().After(el.Value.(*cacheEntry).expires) {
		c.removeLocked(el)
		return nil
	}
	return el
}

func (c *Cache) removeLocked(el *list.Element) {
	if el == nil {
		return
	}
	e := c.order.Remove(el).(*cacheEntry)
	own := c.vms[e.vm]
	delete(own.entries, e.key)
	own.size -= e.size()
	c.size -= e.size()
	if len(own.entries) == 0 {
		delete(c.vms, e.vm)
	}
}

// validKey reports whether key may name a value: letters, digits, underscore,
// and for patterns the characters in extra.
func validKey(key, extra string) bool {
	if key == "" || len(key) > 256 {
		return false
	}
	for _, r := range key {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
		if !letter && !strings.ContainsRune(extra, r) {
			return false
		}
	}
	return true
}
