package store

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"aleph/message"
)

// TestListPlans looks at how the lists that clients ask for are read: through
// an index, and where one gives the order, without sorting all that matches.
func TestListPlans(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "node.db")
	db, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	after := &After{Time: 5, Hash: "a"}
	const limit = 20
	messages := func(change func(*MessageList)) func() (string, []any) {
		l := MessageList{Limit: limit}
		change(&l)
		return l.statement
	}
	posts := func(change func(*PostList)) func() (string, []any) {
		l := PostList{Limit: limit}
		change(&l)
		return l.statement
	}
	for name, c := range map[string]struct {
		statement func() (string, []any)
		index     string
		sorts     bool
	}{
		"messages":                {messages(func(*MessageList) {}), "messages_time", false},
		"messages after":          {messages(func(l *MessageList) { l.After = after }), "messages_time", false},
		"messages ascending":      {messages(func(l *MessageList) { l.Ascending, l.After = true, after }), "messages_time", false},
		"messages by dates":       {messages(func(l *MessageList) { l.From, l.Until = 1, 2 }), "messages_time", false},
		"messages by type":        {messages(func(l *MessageList) { l.Types = []message.Type{"POST"} }), "messages_type_time", false},
		"messages by type, after": {messages(func(l *MessageList) { l.Types, l.After = []message.Type{"POST"}, after }), "messages_type_time", false},
		"messages by sender":      {messages(func(l *MessageList) { l.Senders = []message.Address{"a"} }), "messages_sender_time", false},
		"messages by channel":     {messages(func(l *MessageList) { l.Channels = []string{"a"} }), "messages_channel", false},
		"messages by ref":         {messages(func(l *MessageList) { l.Refs = []string{"a"} }), "messages_content_ref", true},
		"messages by key":         {messages(func(l *MessageList) { l.ContentKeys = []string{"a"} }), "messages_content_key", true},
		"messages by hashes":      {messages(func(l *MessageList) { l.Hashes = []message.Hash{"a", "b"} }), "sqlite_autoindex_messages_1", true},
		"messages by file":        {messages(func(l *MessageList) { l.ContentHashes = []message.Hash{"a"} }), "messages_content_item_hash", true},
		"messages by tag":         {messages(func(l *MessageList) { l.Tags = []string{"a"} }), "message_tags_tag", true},
		"messages by owner":       {messages(func(l *MessageList) { l.Owners = []message.Address{"a"} }), "messages_owner_time", false},
		"messages by chain":       {messages(func(l *MessageList) { l.Chains = []message.Chain{"ETH"} }), "messages_time", false},
		"messages by status":      {messages(func(l *MessageList) { l.Statuses = []message.Status{"processed"} }), "messages_time", false},
		"messages by kind":        {messages(func(l *MessageList) { l.ContentTypes = []string{"a"} }), "messages_content_type", true},
		"messages by payment":     {messages(func(l *MessageList) { l.PaymentTypes = []message.PaymentType{"hold"} }), "messages_payment_type", true},
		"messages by two filters": {messages(func(l *MessageList) { l.Types, l.Senders = []message.Type{"POST"}, []message.Address{"a"} }), "messages_sender_time", false},
		"messages that update": {messages(func(l *MessageList) {
			l.Types, l.Refs, l.Owners = []message.Type{"STORE"}, []string{"a"}, []message.Address{"a"}
		}), "messages_content_ref", true},
		"messages of a file": {messages(func(l *MessageList) {
			l.Types, l.ContentHashes, l.Owners = []message.Type{"STORE"}, []message.Hash{"a"}, []message.Address{"a"}
		}), "messages_content_item_hash", true},
		"messages of a kind":  {messages(func(l *MessageList) { l.Types, l.ContentTypes = []message.Type{"POST"}, []string{"a"} }), "messages_content_type", true},
		"messages of a key":   {messages(func(l *MessageList) { l.Types, l.ContentKeys = []message.Type{"AGGREGATE"}, []string{"a"} }), "messages_content_key", true},
		"messages with a tag": {messages(func(l *MessageList) { l.Types, l.Tags = []message.Type{"POST"}, []string{"a"} }), "message_tags_tag", true},
		"messages, many filters": {messages(func(l *MessageList) {
			l.Senders, l.Channels, l.Tags, l.ContentKeys = []message.Address{"a"}, []string{"a"}, []string{"a"}, []string{"a"}
		}), "messages_sender_time", false},
		"posts of an owner": {posts(func(l *PostList) {
			l.Owners, l.Types, l.Channels = []message.Address{"a"}, []string{"a"}, []string{"a"}
		}), "posts_owner", false},
		"posts to a reference":   {posts(func(l *PostList) { l.Refs, l.Types, l.Tags = []string{"a"}, []string{"a"}, []string{"a"} }), "posts_ref", false},
		"posts with a tag":       {posts(func(l *PostList) { l.Types, l.Tags = []string{"a"}, []string{"a"} }), "posts_tags_from", true},
		"posts":                  {posts(func(*PostList) {}), "posts_updated", false},
		"posts after":            {posts(func(l *PostList) { l.After = after }), "posts_updated", false},
		"posts by owner":         {posts(func(l *PostList) { l.Owners = []message.Address{"a"} }), "posts_owner", true},
		"posts by type":          {posts(func(l *PostList) { l.Types = []string{"a"} }), "posts_type", true},
		"posts by ref":           {posts(func(l *PostList) { l.Refs = []string{"a"} }), "posts_ref", true},
		"posts by hash":          {posts(func(l *PostList) { l.Hashes = []message.Hash{"a"} }), "sqlite_autoindex_posts_1", true},
		"posts by tag":           {posts(func(l *PostList) { l.Tags = []string{"a"} }), "posts_tags_from", true},
		"aggregates ascending":   {AggregateList{Limit: limit, Ascending: true}.statement, "aggregates_last_updated", false},
		"aggregates of an owner": {AggregateList{Owners: []message.Address{"a"}, Keys: []string{"k"}}.statement, "PRIMARY KEY", true},
		"hashes":                 {HashList{Limit: limit}.statement, "messages_reception", false},
		"hashes after":           {HashList{Limit: limit, After: after}.statement, "messages_reception", false},
		"hashes ascending":       {HashList{Limit: limit, Ascending: true, After: after}.statement, "messages_reception", false},
		"forgotten":              {ForgottenList{Limit: limit}.statement, "forgotten_at", false},
		"forgotten ascending":    {ForgottenList{Limit: limit, Ascending: true}.statement, "forgotten_at", false},
		"files of an owner":      {FileList{Owner: "a", Limit: limit}.statement, "file_pins_owner", false},
	} {
		text, args := c.statement()
		rows, err := db.pool.query(t.Context(), "", "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		steps, err := all(rows, err, func(row scanner) (string, error) {
			var id, parent, unused int
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			return detail, err
		})
		if err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(steps, "\n")
		if !strings.Contains(plan, c.index) {
			t.Errorf("%s: not by %s:\n%s", name, c.index, plan)
		}
		if sorts := strings.Contains(plan, "USE TEMP B-TREE FOR ORDER BY"); sorts && !c.sorts {
			t.Errorf("%s: sorts all that matches:\n%s", name, plan)
		}
	}
}
