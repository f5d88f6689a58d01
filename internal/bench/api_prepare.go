package bench

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
)

const (
	// mostPaths is how many different paths of a row are asked for in turn.
	mostPaths = 30
	// laterPages is how many pages after the first are asked for of each value.
	laterPages = 3
	// mostAnswer is the most bytes of what is asked for, where it is no list: more
	// would measure the network instead of the node.
	mostAnswer = 1 << 20
)

// prepare asks once for what the row will ask for, and keeps what is there.
// Without anything it says why.
func (r apiRow) prepare(ctx context.Context, ask *asker) (paths []string, reason string) {
	reason = "the newest and the oldest messages of the node have no value for it"
	if r.later && len(r.paths) > 0 {
		reason = "no value has a second page"
	}
	for _, path := range r.paths {
		if len(paths) >= mostPaths || ctx.Err() != nil {
			break
		}
		more, err := r.ways(ctx, ask, path)
		if err != nil {
			reason = err.Error()
			continue
		}
		paths = append(paths, more...)
	}
	return paths, reason
}

// ways returns the path itself, or those of the pages after it.
func (r apiRow) ways(ctx context.Context, ask *asker, path string) ([]string, error) {
	switch {
	case !r.later:
		body, err := ask.body(ctx, path)
		if err != nil || len(body) > mostAnswer && r.kind != KindList {
			return nil, err
		}
		return []string{path}, nil
	case r.numbered:
		return r.numberedPages(ctx, ask, path)
	}
	var pages []string
	at := path + "&cursor="
	for range laterPages {
		var page listPage
		if err := ask.read(ctx, at, &page); err != nil || page.Next == nil {
			return pages, err
		}
		at = path + "&cursor=" + url.QueryEscape(*page.Next)
		pages = append(pages, at)
	}
	return pages, nil
}

// numberedPages returns the paths of pages after the first that hold something.
func (r apiRow) numberedPages(ctx context.Context, ask *asker, path string) ([]string, error) {
	var pages []string
	for number := 2; number < 2+laterPages; number++ {
		at := path + "&page=" + strconv.Itoa(number)
		var page map[string]json.RawMessage
		if err := ask.read(ctx, at, &page); err != nil {
			return pages, err
		}
		if !slices.ContainsFunc([]string{"messages", "hashes", "resources", "authorizations"}, func(name string) bool { return len(page[name]) > len("null") }) {
			return pages, nil
		}
		pages = append(pages, at)
	}
	return pages, nil
}
