package store

import (
	"cmp"
	"slices"

	"aleph/message"
)

// known is what a transaction knows of rows that were read ahead, as it has
// changed them since. A nil pointer says that there is no such row; what has no
// entry must be read. Whatever changes a row brings its entry up to date or takes
// it out. Outside of a transaction the maps are nil.
type known struct {
	heads    map[message.Hash]*MessageRow // of live messages that will be forgotten
	statuses map[message.Hash]*StatusRow  // of messages that are not live
	posts    map[message.Hash]*PostRow
	amends   map[message.Hash][]*PostRow // by original, the newest first
	tagsOf   map[message.Hash][]string   // of messages whose tags a post shows
	tags     map[string]*TagRow
	pins     map[message.Hash]*PinRow // of type message, by STORE
	files    map[message.Hash]*FileRow
	vms      map[message.Hash]*VMRow
	users    map[message.Hash]message.Hash // of STOREs: the first machine, or ""
	costs    map[message.Hash]*CostRow
	balances map[message.Address][]BalanceRow
	lots     map[message.Address][]LotRow
	ends     map[message.Address]*CreditKey // of ledgers
	progress map[int64]*PendingProgress
	rejected map[message.Hash]*RejectedRow
	// unremembered are messages of which no confirmation is remembered.
	unremembered map[message.Hash]bool
}

func newKnown() known {
	return known{
		heads: map[message.Hash]*MessageRow{}, statuses: map[message.Hash]*StatusRow{}, posts: map[message.Hash]*PostRow{}, amends: map[message.Hash][]*PostRow{},
		tagsOf: map[message.Hash][]string{}, tags: map[string]*TagRow{}, pins: map[message.Hash]*PinRow{}, files: map[message.Hash]*FileRow{},
		vms: map[message.Hash]*VMRow{}, users: map[message.Hash]message.Hash{},
		costs: map[message.Hash]*CostRow{}, balances: map[message.Address][]BalanceRow{}, lots: map[message.Address][]LotRow{}, ends: map[message.Address]*CreditKey{},
		progress: map[int64]*PendingProgress{}, rejected: map[message.Hash]*RejectedRow{}, unremembered: map[message.Hash]bool{},
	}
}

// forget makes a transaction know nothing.
func (k *known) forget() {
	clear(k.heads)
	clear(k.statuses)
	clear(k.posts)
	clear(k.amends)
	clear(k.tagsOf)
	clear(k.tags)
	clear(k.pins)
	clear(k.files)
	clear(k.vms)
	clear(k.users)
	clear(k.costs)
	clear(k.balances)
	clear(k.lots)
	clear(k.ends)
	clear(k.progress)
	clear(k.rejected)
	clear(k.unremembered)
}

// recall returns what is known of a row: the row or [message.ErrNotFound], and
// false when it must be read.
func recall[K comparable, V any](rows map[K]*V, key K) (*V, bool, error) {
	row, ok := rows[key]
	if ok && row == nil {
		return nil, true, message.ErrNotFound
	}
	return row, ok, nil
}

// deref returns what a pointer points at, the zero value for nil.
func deref[V any](p *V) V {
	if p == nil {
		var zero V
		return zero
	}
	return *p
}

// learn returns the keys that have no entry, each once, and notes that there is
// nothing for them: the rows that are read then say otherwise.
func learn[K cmp.Ordered, V any](rows map[K]V, keys []K) []K {
	keys = unknown(rows, keys)
	for _, key := range keys {
		var none V
		rows[key] = none
	}
	return keys
}

// unknown returns the keys that have no entry, each once.
func unknown[K cmp.Ordered, V any](rows map[K]V, keys []K) []K {
	list := slices.DeleteFunc(slices.Clone(keys), func(key K) bool {
		_, ok := rows[key]
		return ok
	})
	slices.Sort(list)
	return slices.Compact(list)
}
