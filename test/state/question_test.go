package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"aleph/internal/node/store"
	"aleph/message"
)

// vocabulary are the values that occur in a database, to ask for.
type vocabulary struct {
	Heads                       []store.After
	Owners, Senders             []message.Address
	Refs, Keys, ContentTypes    []string
	Channels, Tags              []string
	Files                       []message.Hash
	First, Last                 message.Timestamp
	Messages, Posts, Aggregates int64
}

func wordsOf(t *testing.T, db *store.DB) *vocabulary {
	t.Helper()
	list, err := db.ListMessages(t.Context(), store.MessageList{Ascending: true})
	if err != nil || len(list) < 100 {
		t.Fatalf("%d messages: %v", len(list), err)
	}
	v := &vocabulary{First: list[0].Message.Time, Last: list[len(list)-1].Message.Time}
	for _, m := range list {
		v.Heads = append(v.Heads, store.After{Time: m.Message.Time, Hash: m.Message.ItemHash})
		v.Owners, v.Senders = append(v.Owners, m.Owner), append(v.Senders, m.Message.Sender)
		v.Refs, v.ContentTypes = append(v.Refs, m.ContentRef), append(v.ContentTypes, m.ContentType)
		v.Tags = append(v.Tags, m.Tags...)
		if m.ContentKey != nil {
			v.Keys = append(v.Keys, *m.ContentKey)
		}
		if m.Message.Channel != nil {
			v.Channels = append(v.Channels, *m.Message.Channel)
		}
		if m.ContentItemHash != "" {
			v.Files = append(v.Files, m.ContentItemHash)
		}
	}
	for _, texts := range []*[]string{&v.Refs, &v.ContentTypes} {
		*texts = slices.DeleteFunc(*texts, func(s string) bool { return s == "" })
	}
	count := func(n int64, err error) int64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	v.Messages = count(db.CountMessages(t.Context(), store.MessageFilter{}))
	v.Posts = count(db.CountPosts(t.Context(), store.PostFilter{}))
	v.Aggregates = count(db.CountAggregates(t.Context(), store.AggregateList{}))
	return v
}

// question is a query whose answer is a list of texts.
type question struct {
	kind, name string
	of         func(ctx context.Context, db *store.DB) ([]string, error)
}

func questionKinds() []string {
	return []string{"messages", "posts", "aggregates", "files", "forgotten"}
}

// newQuestion makes a random one.
func newQuestion(r *rand.Rand, v *vocabulary) question {
	kind := questionKinds()[r.IntN(len(questionKinds()))]
	offset, limit := int64(r.IntN(3)*r.IntN(20)), int64(r.IntN(40))
	q := question{kind: kind}
	switch kind {
	case "messages":
		l := store.MessageList{MessageFilter: messageFilter(r, v), ByConfirmation: r.IntN(4) == 0, Ascending: r.IntN(2) == 0, Offset: offset, Limit: limit}
		if !l.ByConfirmation && r.IntN(3) == 0 {
			l.After = &v.Heads[r.IntN(len(v.Heads))]
		}
		q.name = fmt.Sprintf("%+v", l)
		q.of = func(ctx context.Context, db *store.DB) ([]string, error) {
			total, err := db.CountMessages(ctx, l.MessageFilter)
			if err != nil {
				return nil, err
			}
			list, err := db.ListMessages(ctx, l)
			return answer(total, list, func(m *store.MessageRow) any {
				own := *m
				own.ReceptionTime = 0
				return own
			}), err
		}
	case "posts":
		l := store.PostList{PostFilter: postFilter(r, v), ByConfirmation: r.IntN(4) == 0, Ascending: r.IntN(2) == 0, Offset: offset, Limit: limit}
		q.name = fmt.Sprintf("%+v", l)
		q.of = func(ctx context.Context, db *store.DB) ([]string, error) {
			total, err := db.CountPosts(ctx, l.PostFilter)
			if err != nil {
				return nil, err
			}
			list, err := db.ListPosts(ctx, l)
			return answer(total, list, func(p store.ListedPost) any {
				return []any{p.ItemHash, p.Owner, p.Type, p.Ref, p.LatestAmend, p.LastUpdated, p.TagsFrom, string(p.Latest.Content())}
			}), err
		}
	case "aggregates":
		l := store.AggregateList{ByCreation: r.IntN(2) == 0, Ascending: r.IntN(2) == 0, Offset: offset, Limit: limit}
		l.Owners, l.Keys = some(r, v.Owners), some(r, v.Keys)
		q.name = fmt.Sprintf("%+v", l)
		q.of = func(ctx context.Context, db *store.DB) ([]string, error) {
			total, err := db.CountAggregates(ctx, l)
			if err != nil {
				return nil, err
			}
			list, err := db.ListAggregates(ctx, l)
			if err != nil {
				return nil, err
			}
			var content []byte
			if len(list) > 0 {
				content, err = db.AggregateContent(ctx, list[0].AggregateKey)
			}
			return append(answer(total, list, func(a store.AggregateRow) any { return a }), string(content)), err
		}
	case "files":
		l := store.FileList{Owner: v.Owners[r.IntN(len(v.Owners))], Ascending: r.IntN(2) == 0, Offset: offset / 4, Limit: limit}
		q.name = fmt.Sprintf("%+v", l)
		q.of = func(ctx context.Context, db *store.DB) ([]string, error) {
			totals, err := db.FileTotals(ctx, l.Owner)
			if err != nil {
				return nil, err
			}
			list, err := db.ListFiles(ctx, l)
			return answer(totals.Bytes, list, func(f store.ListedFile) any { return f }), err
		}
	case "forgotten":
		l := store.ForgottenList{Ascending: r.IntN(2) == 0, Offset: offset, Limit: limit}
		l.Owners, l.Types = some(r, v.Owners), some(r, message.Types())
		q.name = fmt.Sprintf("%+v", l)
		q.of = func(ctx context.Context, db *store.DB) ([]string, error) {
			total, err := db.CountForgotten(ctx, l)
			if err != nil {
				return nil, err
			}
			list, err := db.ListForgotten(ctx, l)
			return answer(total, list, func(f *store.ForgottenRow) any {
				slices.Sort(f.ForgottenBy)
				return []any{f.Message.ItemHash, f.Owner, f.PaymentType, f.ForgottenBy, *f.ForgottenAt}
			}), err
		}
	}
	return q
}

// answer writes a total and the rows of a list.
func answer[T any](total int64, list []T, show func(T) any) []string {
	texts := []string{fmt.Sprint(total)}
	for _, row := range list {
		text, err := json.Marshal(show(row))
		if err != nil {
			panic(err) // rows of plain values
		}
		texts = append(texts, string(text))
	}
	return texts
}

// some returns up to three of the values, and none most of the time.
func some[T any](r *rand.Rand, values []T) []T {
	if len(values) == 0 || r.IntN(4) > 0 {
		return nil
	}
	var list []T
	for range 1 + r.IntN(3) {
		list = append(list, values[r.IntN(len(values))])
	}
	return list
}

func messageFilter(r *rand.Rand, v *vocabulary) store.MessageFilter {
	f := store.MessageFilter{
		Types: some(r, message.Types()), Senders: some(r, v.Senders), Owners: some(r, v.Owners), Refs: some(r, v.Refs),
		ContentKeys: some(r, v.Keys), ContentTypes: some(r, v.ContentTypes), Channels: some(r, v.Channels), Tags: some(r, v.Tags),
		ContentHashes: some(r, v.Files), Chains: some(r, message.Chains()),
		PaymentTypes: some(r, []message.PaymentType{message.PaymentHold, message.PaymentCredit}),
	}
	if r.IntN(2) == 0 { // one filter alone finds more
		keep := r.IntN(6)
		all := f
		f = store.MessageFilter{}
		switch keep {
		case 0:
			f.Types = all.Types
		case 1:
			f.Owners = all.Owners
		case 2:
			f.Channels = all.Channels
		case 3:
			f.Tags = all.Tags
		case 4:
			f.ContentTypes = all.ContentTypes
		default:
			f.ContentKeys = all.ContentKeys
		}
	}
	f.From, f.Until = times(r, v)
	return f
}

func postFilter(r *rand.Rand, v *vocabulary) store.PostFilter {
	f := store.PostFilter{
		Owners: some(r, v.Owners), Refs: some(r, v.Refs), Types: some(r, v.ContentTypes), Tags: some(r, v.Tags), Channels: some(r, v.Channels),
	}
	f.From, f.Until = times(r, v)
	return f
}

// times bounds a list now and then.
func times(r *rand.Rand, v *vocabulary) (from, until message.Timestamp) {
	span := int64(v.Last - v.First)
	if r.IntN(4) == 0 {
		from = v.First + message.Timestamp(r.Int64N(span))
	}
	if r.IntN(4) == 0 {
		until = v.Last - message.Timestamp(r.Int64N(span))
	}
	return from, until
}
