package api

import (
	"net/http"
	"strings"
)

// Route is one line of the table of routes.
type Route struct {
	Method string
	// Path is the path as the specification writes it.
	Path string
	// Name stands in metrics and logs.
	Name string
	// Doc says in one line what the route is for.
	Doc string

	handle func(*API, http.ResponseWriter, *http.Request) error
}

// changes reports whether the route may change something.
func (r *Route) changes() bool {
	return r.Method == http.MethodPost && r.Name != "price_estimate" && r.Name != "price_estimate_instance"
}

// Routes is the table of everything the node answers. Every GET answers HEAD,
// and every path answers OPTIONS. // spec ccn-http-api 19
func Routes() []Route {
	const get, post = http.MethodGet, http.MethodPost
	return []Route{
		{get, "/", "home", "status page for people", (*API).home},
		{get, "/static/{path}", "static", "a file of the status page", (*API).static},
		{get, "/version", "version", "version of the node", (*API).version},
		{get, "/api/v0/version", "version", "version of the node", (*API).version},
		{get, "/health", "health", "which part of the node is unwell, and why", (*API).health},
		{get, "/metrics", "metrics", "metrics in the Prometheus text format", (*API).prometheus},
		{get, "/metrics.json", "metrics_json", "the metrics that the network's scoring reads", (*API).metricsJSON},
		{get, "/api/v0/info/public.json", "info", "peer-to-peer addresses of the node", (*API).info},
		{get, "/api/v0/core/{node_id}/metrics", "core_metrics", "measurements of a core channel node", (*API).coreMetrics},
		{get, "/api/v0/compute/{node_id}/metrics", "compute_metrics", "measurements of a compute resource node", (*API).computeMetrics},

		{get, "/api/v0/messages.json", "messages", "messages by filters", (*API).messages},
		{get, "/api/v0/messages/page/{page}.json", "messages", "messages by filters, page in the path", (*API).messages},
		{get, "/api/v0/messages/hashes", "message_hashes", "hashes by time of reception", (*API).messageHashes},
		{get, "/api/v0/messages/{item_hash}", "message", "one message in any status", (*API).message},
		{get, "/api/v0/messages/{item_hash}/content", "message_content", "content of a processed message", (*API).messageContent},
		{get, "/api/v0/messages/{item_hash}/consumed_credits", "consumed_credits", "credits that were spent for a resource", (*API).consumedCredits},
		{get, "/api/v0/messages/{item_hash}/status", "message_status", "where a message stands", (*API).messageStatus},
		{post, "/api/v0/messages", "publish", "publish a message", (*API).publishMessage},
		{post, "/api/v0/ipfs/pubsub/pub", "pubsub", "publish a message, legacy", (*API).pubsub},
		{post, "/api/v0/p2p/pubsub/pub", "pubsub", "publish a message, legacy", (*API).pubsub},
		{get, "/api/v0/programs/on/message", "programs_on_message", "programs with message triggers", (*API).programsOnMessage},
		{get, "/api/v0/channels/list.json", "channels", "channels of live messages", (*API).channels},
		{get, "/api/ws0/messages", "socket_messages", "messages as they are processed, over a WebSocket", (*API).socketMessages},
		{get, "/api/ws0/status", "socket_status", "the figures of metrics.json as they change, over a WebSocket", (*API).socketStatus},

		{get, "/api/v0/posts.json", "posts_v0", "posts with their latest amend", (*API).postsV0},
		{get, "/api/v0/posts/page/{page}.json", "posts_v0", "posts, page in the path", (*API).postsV0},
		{get, "/api/v1/posts.json", "posts_v1", "posts with their latest amend, short form", (*API).postsV1},
		{get, "/api/v1/posts/page/{page}.json", "posts_v1", "posts, short form, page in the path", (*API).postsV1},

		{get, "/api/v0/aggregates/{address}.json", "aggregates_of", "aggregates of one owner", (*API).aggregatesOf},
		{get, "/api/v0/aggregates", "aggregates", "aggregates by filters", (*API).aggregates},
		{get, "/api/v0/aggregates.json", "aggregates", "aggregates by filters", (*API).aggregates},

		{get, "/api/v0/authorizations/granted/{address}.json", "authorizations_granted", "whom an address lets act for it", (*API).granted},
		{get, "/api/v0/authorizations/received/{address}.json", "authorizations_received", "for whom an address may act", (*API).received},

		{get, "/api/v0/addresses/{address}/balance", "balance", "tokens and credits of an address", (*API).balance},
		{get, "/api/v0/addresses/{address}/credit_history", "credit_history", "entries of the ledger of an address", (*API).creditHistory},
		{get, "/api/v0/addresses/{address}/credit_history/summary", "credit_history_summary", "sums of the ledger of an address", (*API).creditSummary},
		{get, "/api/v0/balances", "balances", "tokens of all addresses", (*API).balances},
		{get, "/api/v0/credit_balances", "credit_balances", "credits of all addresses", (*API).creditBalances},
		{get, "/api/v0/addresses/stats.json", "address_stats_v0", "how many messages addresses sent", (*API).addressStatsV0},
		{get, "/api/v1/addresses/stats.json", "address_stats_v1", "senders by how many messages they sent", (*API).addressStatsV1},
		{get, "/api/v0/addresses/{address}/post_types", "address_post_types", "types of an address's posts", (*API).addressPostTypes},
		{get, "/api/v0/addresses/{address}/channels", "address_channels", "channels that an address used", (*API).addressChannels},
		{get, "/api/v0/addresses/{address}/files", "address_files", "files that an owner stores", (*API).addressFiles},

		{get, "/api/v0/price/{item_hash}", "price", "what a message costs", (*API).price},
		{post, "/api/v0/price/estimate", "price_estimate", "what a message would cost", (*API).estimate},
		{post, "/api/v0/price/estimate/instance", "price_estimate_instance", "what an instance would cost, by its content", (*API).estimateInstance},
		{post, "/api/v0/price/recalculate", "price_recalculate", "prices of all messages anew, for administrators", (*API).recalculate},
		{post, "/api/v0/price/{item_hash}/recalculate", "price_recalculate_one", "price of one message anew, for administrators", (*API).recalculateOne},
		{get, "/api/v0/costs", "costs", "what resources cost and have used", (*API).costs},

		{post, "/api/v0/storage/add_file", "add_file", "upload a file", (*API).addFile},
		{post, "/api/v0/storage/add_json", "add_json", "upload a JSON value", (*API).addJSON},
		{post, "/api/v0/ipfs/add_file", "ipfs_add_file", "upload a file to IPFS", (*API).addIPFSFile},
		{post, "/api/v0/ipfs/add_json", "ipfs_add_json", "upload a JSON value to IPFS", (*API).addIPFSJSON},
		{post, "/api/v0/ipfs/add_car", "ipfs_add_car", "upload a directory to IPFS as an archive of blocks", (*API).addCAR},
		{get, "/api/v0/storage/limits.json", "storage_limits", "largest uploads", (*API).limits},
		{get, "/api/v0/storage/{file_hash}", "storage_json", "a file inside JSON", (*API).storageJSON},
		{get, "/api/v0/storage/raw/{file_hash}", "storage_raw", "a file, byte ranges too", (*API).storageRaw},
		{get, "/api/v0/storage/by-message-hash/{message_hash}", "storage_by_message", "file of a STORE message", (*API).storageByMessage},
		{get, "/api/v0/storage/by-ref/{ref}", "storage_by_ref", "latest version of a file", (*API).storageByRef},
		{get, "/api/v0/storage/by-ref/{address}/{ref}", "storage_by_ref", "latest version of a file that its owner named", (*API).storageByRef},
		{get, "/api/v0/storage/metadata/{file_hash}", "storage_metadata", "size and type of a file", (*API).storageMetadata},
		{get, "/api/v0/storage/count/{hash}", "storage_count", "how many pins keep a file", (*API).storageCount},

		{get, "/api/docs", "docs_moved", "where the documentation is", (*API).docsMoved},
		{get, "/api/docs/", "docs_page", "documentation of this interface for people", (*API).docsPage},
		{get, "/api/docs/swagger.json", "docs_json", "documentation of this interface as JSON", (*API).docsJSON},
		{get, "/openapi.yaml", "docs_yaml", "documentation of this interface as YAML", (*API).docsYAML},
	}
}

// boundRoute is a route as the mux sees it. net/http refuses two patterns of
// which neither is more specific, such as messages/page/{page}.json and
// messages/{item_hash}/content; so a literal that follows a parameter, and what
// follows a parameter inside its segment, are compared here.
type boundRoute struct {
	Route
	pattern string
	// literal is the last segment when it is compared here.
	literal string
	// parameter and suffix are the last segment's when it is like {page}.json.
	parameter, suffix string
	handler           handler
}

// anyPath is the pattern of what no route takes.
const anyPath = "/"

// finalLiteral is the wildcard that stands for a literal compared here.
const finalLiteral = "{literal}"

func (a *API) bind(r Route) *boundRoute {
	b := &boundRoute{Route: r, handler: func(w http.ResponseWriter, req *http.Request) error { return r.handle(a, w, req) }}
	if r.changes() {
		b.handler = a.leading(b.handler)
	}
	path := r.Path
	cut := strings.LastIndexByte(path, '/')
	last := path[cut+1:]
	switch end := strings.IndexByte(last, '}'); {
	case last == "":
		path += "{$}"
	case end > 0 && end < len(last)-1:
		b.parameter, b.suffix = last[1:end], last[end+1:]
		path = path[:cut+1] + last[:end+1]
	case end < 0 && strings.HasSuffix(path[:cut], "}"):
		b.literal = last
		path = path[:cut+1] + finalLiteral
	}
	b.pattern = r.Method + " " + path
	return b
}

// takes reports whether the route takes a path that its pattern matches.
func (b *boundRoute) takes(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case b.literal != "":
		return last == b.literal
	case b.suffix != "":
		return len(last) > len(b.suffix) && strings.HasSuffix(last, b.suffix)
	}
	return true
}

// register fills the mux from the table.
func (a *API) register(routes []Route) {
	a.bound = make(map[string][]*boundRoute)
	for _, r := range routes {
		a.add(r)
	}
	a.mux.HandleFunc(anyPath, a.serveUnrouted)
}

func (a *API) add(r Route) {
	b := a.bind(r)
	if a.bound[b.pattern] == nil {
		a.mux.HandleFunc(b.pattern, func(w http.ResponseWriter, req *http.Request) { a.dispatch(b.pattern, w, req) })
	}
	a.bound[b.pattern] = append(a.bound[b.pattern], b)
}

// dispatch serves the route of a pattern that takes the request.
func (a *API) dispatch(pattern string, w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	for _, b := range a.bound[pattern] {
		if !b.takes(path) {
			continue
		}
		if b.suffix != "" {
			r.SetPathValue(b.parameter, strings.TrimSuffix(r.PathValue(b.parameter), b.suffix))
		}
		a.serve(w.(*response), r, b.Route, b.handler)
		return
	}
	a.serveUnrouted(w, r)
}

// takes reports whether any route of a pattern takes a path.
func (a *API) takes(pattern, path string) bool {
	for _, b := range a.bound[pattern] {
		if b.takes(path) {
			return true
		}
	}
	return false
}
