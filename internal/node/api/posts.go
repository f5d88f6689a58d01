package api

import (
	"context"
	"encoding/json"
	"net/http"

	"aleph/internal/node/store"
	"aleph/message"
)

// postShape makes the form in which a version of the interface shows a post.
type postShape func(store.ListedPost) object

// postsV0 answers GET /api/v0/posts.json and its alias. // spec ccn-http-api 6.2
func (a *API) postsV0(w http.ResponseWriter, r *http.Request) error { return a.posts(w, r, postV0) }

// postsV1 answers GET /api/v1/posts.json and its alias. // spec ccn-http-api 6.3
func (a *API) postsV1(w http.ResponseWriter, r *http.Request) error { return a.posts(w, r, postV1) }

// postV0 has exactly these members: clients refuse others. // spec ccn-http-api 6.2
func postV0(p store.ListedPost) object {
	latest := &p.Latest.Message
	shownType := p.Type
	if p.LatestAmend != "" {
		shownType = message.AmendType
	}
	return object{
		{"chain", latest.Chain},
		{"item_hash", latest.ItemHash},
		{"sender", p.Owner},
		{"type", shownType},
		{"channel", p.Channel},
		{"confirmed", len(p.Latest.Confirmations) > 0},
		{"content", postContent(p.Latest)},
		{"item_content", inlineContent(latest)},
		{"item_type", latest.ItemType},
		{"signature", orNull(latest.Signature)},
		{"size", p.Latest.Size},
		{"time", latest.Time},
		{"confirmations", confirmationObjects(p.Latest.Confirmations)},
		{"original_item_hash", p.ItemHash},
		{"original_signature", orNull(p.Original.Message.Signature)},
		{"original_type", p.Type},
		{"hash", p.ItemHash},
		{"address", p.Owner},
		{"ref", p.Ref},
	}
}

func postV1(p store.ListedPost) object {
	return object{
		{"item_hash", p.Latest.Message.ItemHash},
		{"content", postContent(p.Latest)},
		{"original_item_hash", p.ItemHash},
		{"original_type", p.Type},
		{"address", p.Owner},
		{"ref", p.Ref},
		{"channel", p.Channel},
		{"created", isoOffset(p.Created)},
		{"last_updated", isoOffset(p.LastUpdated)},
	}
}

// postContent returns what the user published: the inner content of a POST.
func postContent(m *store.MessageRow) json.RawMessage {
	var content struct {
		Content json.RawMessage `json:"content"`
	}
	raw := m.Content()
	if parsed, err := message.ParseContent(message.TypePost, raw); err == nil {
		if post, ok := parsed.(*message.Post); ok {
			return post.Content
		}
	}
	// An old content that does not satisfy the schema any more.
	if err := json.Unmarshal(raw, &content); err != nil {
		return nil
	}
	return content.Content
}

// posts answers a list of posts in either form. // spec ccn-http-api 6.1
func (a *API) posts(w http.ResponseWriter, r *http.Request, shape postShape) error {
	q := newQuery(r)
	list := q.postList()
	p, err := q.paging(20, r.PathValue("page"))
	if err != nil {
		return err
	}
	if p.cursor && list.ByConfirmation {
		q.fail("Cursor pagination is not supported with tx-time sort order.")
	}
	if err := q.err(); err != nil {
		return err
	}
	if p.cursor {
		return a.listPostsAfter(w, r, list, p, shape)
	}
	return a.listPosts(w, r, list, p, shape)
}

func (q *query) postList() store.PostList {
	l := store.PostList{
		ByConfirmation: q.choice(sortChoices, "sortBy", "sort_by") == "tx-time",
		Ascending:      q.ascending("sortOrder", "sort_order"),
	}
	l.Owners = q.addresses("addresses")
	l.Hashes = q.hashes("hashes")
	l.Refs = q.list("refs")
	l.Types = q.list("types", "post_types")
	l.Tags = q.list("tags")
	l.Channels = q.list("channels")
	l.Chains = q.chains()
	l.From, l.Until = q.dates()
	return l
}

func (a *API) listPosts(w http.ResponseWriter, r *http.Request, list store.PostList, p paging, shape postShape) error {
	list.Offset = p.offset()
	out := newListWriter(w, r, spacedJSON, "posts")
	defer out.release()
	count, err := pages(r.Context(), p.size, func(ctx context.Context, limit int64) ([]store.ListedPost, error) {
		list.Limit = limit
		rows, err := a.confirmedPosts(ctx, list)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		last := rows[len(rows)-1]
		if list.ByConfirmation {
			list.Offset += int64(len(rows))
		} else {
			list.After, list.Offset = &store.After{Time: last.LastUpdated, Hash: last.ItemHash}, 0
		}
		return rows, nil
	}, func(post store.ListedPost) error { return addPost(out, shape, post) })
	if err != nil {
		return err
	}
	total, known := p.total(count)
	if !known {
		total, err = a.totals.of(r.Context(), "posts", list.PostFilter, func(ctx context.Context) (int64, error) {
			return a.Store.CountPosts(ctx, list.PostFilter)
		})
		if err != nil {
			return err
		}
	}
	return out.end(object{
		{"pagination_page", p.number}, {"pagination_total", total}, {"pagination_per_page", p.size}, {"pagination_item", "posts"},
	})
}

func (a *API) listPostsAfter(w http.ResponseWriter, r *http.Request, list store.PostList, p paging, shape postShape) error {
	list.Limit = p.size + 1
	if p.token != "" {
		at, h, err := decodeTimeCursor(p.token)
		if err != nil {
			return err
		}
		list.After = &store.After{Time: at, Hash: message.Hash(h)}
	}
	rows, err := a.confirmedPosts(r.Context(), list)
	if err != nil {
		return err
	}
	rows, last := cutPage(rows, p.size)
	var next any
	if last != nil {
		next = encodeTimeCursor(last.LastUpdated, last.ItemHash)
	}
	out := newListWriter(w, r, spacedJSON, "posts")
	defer out.release()
	for _, post := range rows {
		if err := addPost(out, shape, post); err != nil {
			return err
		}
	}
	return out.end(object{{"pagination_per_page", p.size}, {"next_cursor", next}})
}

// confirmedPosts returns a page of posts with what confirms the messages that
// they show.
func (a *API) confirmedPosts(ctx context.Context, list store.PostList) ([]store.ListedPost, error) {
	posts, err := a.Store.ListPosts(ctx, list)
	if err != nil {
		return nil, err
	}
	shown := make([]*store.MessageRow, 0, len(posts))
	for _, p := range posts {
		if p.Latest != nil {
			shown = append(shown, p.Latest)
		}
	}
	return posts, a.Store.AddConfirmations(ctx, shown...)
}

// addPost writes a post unless it was forgotten a moment ago.
func addPost(out *listWriter, shape postShape, post store.ListedPost) error {
	if post.Original == nil {
		return nil
	}
	return out.add(shape(post))
}
