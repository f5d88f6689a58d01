package bench

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// pageFilter is a list and one way to restrict or order it, with values to do it
// by.
type pageFilter struct {
	name   string
	path   string
	values []map[string]string
	// pagesOnly says that the list has no cursor in this order.
	pagesOnly bool
}

// listedContent are the members of contents that lists are restricted by. A
// member of another form than the usual is not used.
type listedContent struct {
	Address  string          `json:"address"`
	Type     json.RawMessage `json:"type"`
	Ref      json.RawMessage `json:"ref"`
	Key      json.RawMessage `json:"key"`
	ItemHash string          `json:"item_hash"`
	Content  json.RawMessage `json:"content"`
	Payment  struct {
		Type string `json:"type"`
	} `json:"payment"`
}

// mostValues is how many values of a filter are tried in turn.
const mostValues = 60

// found are the values that lists can be restricted by, by parameter.
type found map[string]map[string]bool

func (f found) add(parameter, value string) {
	if value == "" || strings.Contains(value, ",") || len(f[parameter]) >= mostValues {
		return
	}
	if f[parameter] == nil {
		f[parameter] = map[string]bool{}
	}
	f[parameter][value] = true
}

func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// learn takes the values of a message.
func (f found) learn(m listedMessage) {
	f.add("hashes", m.ItemHash)
	f.add("msgTypes", m.Type)
	f.add("chains", m.Chain)
	f.add("addresses", m.Sender)
	if m.Channel != nil {
		f.add("channels", *m.Channel)
	}
	f.add("startDate", strconv.FormatFloat(m.Time, 'f', 3, 64))
	f.add("endDate", strconv.FormatFloat(m.Time, 'f', 3, 64))
	var c listedContent
	if json.Unmarshal(m.Content, &c) != nil {
		return
	}
	f.add("owners", c.Address)
	f.add("paymentTypes", c.Payment.Type)
	switch m.Type {
	case "POST":
		f.add("contentTypes", text(c.Type))
		f.add("refs", text(c.Ref))
		var inner struct {
			Tags []string `json:"tags"`
		}
		if json.Unmarshal(c.Content, &inner) == nil {
			for _, tag := range inner.Tags {
				f.add("tags", tag)
			}
		}
	case "AGGREGATE":
		f.add("contentKeys", text(c.Key))
	case "STORE":
		f.add("contentHashes", c.ItemHash)
	}
}

// messagesPath and postsPath are the lists with most filters.
const (
	messagesPath = "/api/v0/messages.json"
	postsPath    = "/api/v1/posts.json"
)

// filtersBy returns the lists without a filter and by each documented one, as far
// as there are values for it. // spec ccn-http-api 5.1, ccn-http-api 6.1
func filtersBy(values found) []pageFilter {
	list := []pageFilter{
		{"messages", messagesPath, []map[string]string{{}}, false},
		{"messages sortOrder=1", messagesPath, []map[string]string{{"sortOrder": "1"}}, false},
		{"messages sortBy=tx-time", messagesPath, []map[string]string{{"sortBy": "tx-time"}, {"sortBy": "tx-time", "sortOrder": "1"}}, true},
		{"messages startBlock", messagesPath, []map[string]string{{"startBlock": "1"}, {"startBlock": "22000000"}}, true},
		{"messages endBlock", messagesPath, []map[string]string{{"endBlock": "1"}, {"endBlock": "22000000"}}, true},
		{"messages msgStatuses", messagesPath, []map[string]string{{"msgStatuses": "processed"}, {"msgStatuses": "removing"}}, false},
		{"messages msgStatuses=forgotten", messagesPath, []map[string]string{{"msgStatuses": "forgotten"}}, true},
		{"posts", postsPath, []map[string]string{{}}, false},
		{"posts sortOrder=1", postsPath, []map[string]string{{"sortOrder": "1"}}, false},
		{"aggregates", "/api/v0/aggregates.json", []map[string]string{{}}, false},
		{"hashes", "/api/v0/messages/hashes", []map[string]string{{}}, true},
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, pageFilter{"messages " + name, messagesPath, values.single(name, name), false})
		if post, ok := map[string]string{
			"hashes": "hashes", "addresses": "addresses", "channels": "channels", "contentTypes": "types", "refs": "refs", "tags": "tags",
			"startDate": "startDate", "endDate": "endDate",
		}[name]; ok {
			list = append(list, pageFilter{"posts " + post, postsPath, values.single(name, post), false})
		}
	}
	return list
}

// filtersBySeveral returns the lists of messages by any of three values.
func filtersBySeveral(values found) []pageFilter {
	var list []pageFilter
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if several := values.several(name); several != nil {
			list = append(list, pageFilter{"messages " + name + ", three values", messagesPath, several, false})
		}
	}
	return list
}

func (f found) single(name, parameter string) []map[string]string {
	var list []map[string]string
	for _, value := range slices.Sorted(maps.Keys(f[name])) {
		list = append(list, map[string]string{parameter: value})
	}
	return list
}

// several returns requests for any of three values, for what is a list.
func (f found) several(name string) []map[string]string {
	values := slices.Sorted(maps.Keys(f[name]))
	if len(values) < 3 || strings.HasSuffix(name, "Date") {
		return nil
	}
	var list []map[string]string
	for i := range values {
		three := []string{values[i], values[(i+1)%len(values)], values[(i+2)%len(values)]}
		list = append(list, map[string]string{name: strings.Join(three, ",")})
	}
	return list
}
