package api

import (
	"sync"
	"time"
)

// kept keeps what is slow to find out, for a while. Keys are few. The zero value is
// ready; it is safe for concurrent use.
type kept[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]keptValue[V]
}

type keptValue[V any] struct {
	value V
	until time.Time
}

// of returns the value of a key: kept, or found. find says how long it counts,
// which may be no time at all.
func (k *kept[K, V]) of(key K, find func() (V, time.Duration, error)) (V, error) {
	k.mu.Lock() // one caller finds out, the others wait for it
	defer k.mu.Unlock()
	if at, ok := k.values[key]; ok && time.Now().Before(at.until) {
		return at.value, nil
	}
	value, counts, err := find()
	if err == nil && counts > 0 {
		if k.values == nil {
			k.values = map[K]keptValue[V]{}
		}
		k.values[key] = keptValue[V]{value, time.Now().Add(counts)}
	}
	return value, err
}
