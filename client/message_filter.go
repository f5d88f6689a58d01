package client

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"aleph/message"
)

// MessageFilter selects messages. Fields combine with AND, the elements of a
// list with OR; a zero field does not filter. // spec ccn-http-api 5.1
type MessageFilter struct {
	Hashes []message.Hash
	// Senders signed the message, Owners are its content.address.
	Senders  []message.Address
	Owners   []message.Address
	Types    []message.Type
	Statuses []message.Status
	Chains   []message.Chain
	Channels []string
	Tags     []string
	// Refs, ContentTypes, ContentKeys and ContentHashes compare the members
	// ref, type, key and item_hash of the content.
	Refs          []string
	ContentTypes  []string
	ContentKeys   []string
	ContentHashes []message.Hash
	PaymentTypes  []message.PaymentType
	// Since and Until bound the time of the message; Until is exclusive.
	Since, Until time.Time
	// SinceBlock and UntilBlock bound the height of the first confirmation.
	SinceBlock, UntilBlock int64

	// Sort is the order; the zero value is by time.
	Sort MessageSort
	// Ascending lists the oldest first. The default is the newest first.
	Ascending bool
	// Content says how much of each content to send; the zero value is all.
	Content ContentFormat

	// Page counts from 1, PerPage is the page's size; zero is the node's default.
	Page, PerPage int
}

// MessageSort is an order of messages.
type MessageSort string

// The orders: by the message's time, or by its first confirmation.
const (
	SortTime   MessageSort = "time"
	SortTxTime MessageSort = "tx-time"
)

// ContentFormat says how much of a message's content a list carries.
type ContentFormat string

// The content formats.
const (
	ContentFull    ContentFormat = "full"
	ContentHeaders ContentFormat = "headers"
	ContentNone    ContentFormat = "none"
)

// query returns the filter's part of a request, without the page.
func (f *MessageFilter) query() (url.Values, error) {
	q := make(query)
	putList(q, "hashes", f.Hashes)
	putList(q, "addresses", f.Senders)
	putList(q, "owners", f.Owners)
	putList(q, "msgTypes", f.Types)
	putList(q, "msgStatuses", f.Statuses)
	putList(q, "chains", f.Chains)
	putList(q, "channels", f.Channels)
	putList(q, "tags", f.Tags)
	putList(q, "refs", f.Refs)
	putList(q, "contentTypes", f.ContentTypes)
	putList(q, "contentKeys", f.ContentKeys)
	putList(q, "contentHashes", f.ContentHashes)
	putList(q, "paymentTypes", f.PaymentTypes)
	q.putTime("startDate", f.Since)
	q.putTime("endDate", f.Until)
	q.putNumber("startBlock", f.SinceBlock)
	q.putNumber("endBlock", f.UntilBlock)
	if f.Sort != "" {
		q.put("sortBy", string(f.Sort))
	}
	if f.Ascending {
		q.put("sortOrder", "1")
	}
	if f.Content != "" {
		q.put("contentFormat", string(f.Content))
	}
	return q.values()
}

// pagesOnly reports whether the node cannot walk this filter with a cursor.
// // spec ccn-http-api 2.9
func (f *MessageFilter) pagesOnly() bool {
	if f.Sort == SortTxTime || f.SinceBlock != 0 || f.UntilBlock != 0 {
		return true
	}
	for _, s := range f.Statuses {
		if s == message.StatusForgotten || s == message.StatusRemoved {
			return true
		}
	}
	return false
}

// query collects parameters. Lists travel as one value with commas, so that an
// element with a comma cannot be asked for; values reports it.
// // spec ccn-http-api 2.7
type query map[string][]string

func (q query) put(key, value string) { q[key] = []string{value} }

func (q query) putNumber(key string, n int64) {
	if n != 0 {
		q.put(key, number(n))
	}
}

func (q query) putTime(key string, t time.Time) {
	if !t.IsZero() {
		q.put(key, message.FormatSeconds(message.TimestampOf(t).Seconds()))
	}
}

// putPage adds the page parameters that are set.
func (q query) putPage(page, perPage int) {
	q.putNumber("page", int64(page))
	q.putNumber("pagination", int64(perPage))
}

func putList[S ~string](q query, key string, list []S) {
	for _, element := range list {
		q[key] = append(q[key], string(element))
	}
}

func (q query) values() (url.Values, error) {
	values := make(url.Values, len(q))
	for key, list := range q {
		for _, element := range list {
			if element == "" || strings.Contains(element, ",") {
				return nil, fmt.Errorf("%w: %s: cannot filter by %q", message.ErrInvalid, key, element)
			}
		}
		values.Set(key, strings.Join(list, ","))
	}
	return values, nil
}
