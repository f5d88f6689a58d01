package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Bounds of the guest API.
const (
	maxPublish      = 1 << 20
	apiTimeout      = 60 * time.Second
	maxAPIHeaders   = 64 << 10
	maxProxiedReply = 1 << 30
)

// API is what a program may ask of its host on port 53. // spec crn 3.8
type API struct {
	// VM is the item hash of the program.
	VM    string
	Cache *Cache
	// Fetch sends GET, HEAD and OPTIONS to the node: r's URL holds path and
	// query only. It must go to the configured node and nowhere else.
	Fetch func(r *http.Request) (*http.Response, error)
	// Publish sends {topic, data} for the two pubsub routes, whose path it is
	// given, and returns the JSON reply. nil when the host has no account to
	// publish with: the routes then answer 503.
	Publish func(r *http.Request, path string, body json.RawMessage) (json.RawMessage, error)
	Log     *slog.Logger
}

// Server returns the HTTP server of the API. Serve it on the [Transport]'s
// listener for [APIPort] and shut it down with the VM.
func (a *API) Server() *http.Server {
	return &http.Server{
		Handler:           a.Handler(),
		ReadHeaderTimeout: apiTimeout,
		ReadTimeout:       apiTimeout,
		WriteTimeout:      2 * apiTimeout,
		IdleTimeout:       2 * apiTimeout,
		MaxHeaderBytes:    maxAPIHeaders,
		ErrorLog:          slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
}

// Handler returns the routes of the API.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /properties", a.noSigner)
	mux.HandleFunc("POST /sign", a.noSigner)
	mux.HandleFunc("GET /cache/{$}", a.listKeys)
	mux.HandleFunc("GET /cache/{key}", a.getKey)
	mux.HandleFunc("PUT /cache/{key}", a.putKey)
	mux.HandleFunc("DELETE /cache/{key}", a.deleteKey)
	mux.HandleFunc("POST /api/v0/ipfs/pubsub/pub", a.publish)
	mux.HandleFunc("POST /api/v0/p2p/pubsub/pub", a.publish)
	mux.HandleFunc("GET /", a.proxy) // HEAD too
	mux.HandleFunc("OPTIONS /", a.proxy)
	return mux
}

// noSigner answers the routes that need a signing connector.
func (a *API) noSigner(w http.ResponseWriter, _ *http.Request) {
	apiError(w, http.StatusServiceUnavailable, "this host has no signing connector configured")
}

func (a *API) listKeys(w http.ResponseWriter, r *http.Request) {
	pattern := "*"
	if r.URL.Query().Has("pattern") {
		pattern = r.URL.Query().Get("pattern")
	}
	if !validKey(pattern, "?*^-") {
		apiError(w, http.StatusBadRequest, "Invalid key")
		return
	}
	writeJSON(w, a.Cache.Keys(a.VM, pattern))
}

func (a *API) getKey(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if !validKey(key, "") {
		apiError(w, http.StatusBadRequest, "Invalid key")
		return
	}
	value, ok := a.Cache.Get(a.VM, key)
	if !ok {
		http.Error(w, "No such key in cache", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(value) //nolint:gosec // a program reads what it wrote, as plain bytes
}

func (a *API) putKey(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if !validKey(key, "") {
		apiError(w, http.StatusBadRequest, "Invalid key")
		return
	}
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCacheValue))
	if err != nil || !a.Cache.Set(a.VM, key, value) {
		apiError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a value has at most %d bytes", maxCacheValue))
		return
	}
	writeJSON(w, true)
}

func (a *API) deleteKey(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if !validKey(key, "") {
		apiError(w, http.StatusBadRequest, "Invalid key")
		return
	}
	deleted := 0
	if a.Cache.Delete(a.VM, key) {
		deleted = 1
	}
	writeJSON(w, deleted)
}

// proxy passes a read on to the node.
func (a *API) proxy(w http.ResponseWriter, r *http.Request) {
	reply, err := a.Fetch(r)
	if err != nil {
		a.Log.WarnContext(r.Context(), "guest API: read from the node", "vm_hash", a.VM, "path", r.URL.Path, "error", err)
		apiError(w, http.StatusBadGateway, "the node did not answer")
		return
	}
	defer reply.Body.Close()
	for _, name := range []string{"Content-Type", "Content-Range", "Accept-Ranges", "Etag", "Last-Modified", "Cache-Control", "Allow", "Location"} {
		if v := reply.Header.Values(name); len(v) > 0 {
			w.Header()[name] = v
		}
	}
	w.WriteHeader(reply.StatusCode)
	if r.Method != http.MethodHead {
		// A broken copy shows to the program as a short body.
		_, _ = io.Copy(w, io.LimitReader(reply.Body, maxProxiedReply))
	}
}

// publish takes {topic, data}, where data is a message as JSON text, and makes
// the message come from this VM. // spec crn 3.8
func (a *API) publish(w http.ResponseWriter, r *http.Request) {
	if a.Publish == nil {
		apiError(w, http.StatusServiceUnavailable, "this host has no account configured to publish for programs")
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPublish))
	if err != nil {
		apiError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a message has at most %d bytes", maxPublish))
		return
	}
	body, err := fromVM(raw)
	if err != nil {
		apiError(w, http.StatusBadRequest, err.Error())
		return
	}
	reply, err := a.Publish(r, r.URL.Path, body)
	if err != nil {
		a.Log.WarnContext(r.Context(), "guest API: publish", "vm_hash", a.VM, "error", err)
		apiError(w, http.StatusBadGateway, "the message could not be published")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(reply)
}

// fromVM returns the body of a publish request with the address in the item
// content replaced. Other members stay as they are.
func fromVM(raw []byte) (json.RawMessage, error) {
	var outer struct {
		Topic string          `json:"topic"`
		Data  json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &outer); err != nil {
		return nil, errors.New("the body is not a JSON object with topic and data")
	}
	data := []byte(outer.Data)
	var text string
	asText := json.Unmarshal(data, &text) == nil
	if asText {
		data = []byte(text)
	}
	var message map[string]json.RawMessage
	if err := json.Unmarshal(data, &message); err != nil || message == nil {
		return nil, errors.New("data is not a message")
	}
	var content string
	var item map[string]json.RawMessage
	if json.Unmarshal(message["item_content"], &content) != nil ||
		json.Unmarshal([]byte(content), &item) != nil || item == nil {
		return nil, errors.New("data.item_content is not a JSON object as text")
	}
	item["address"] = json.RawMessage(`"VM on executor"`)
	itemText, err := json.Marshal(item)
	if err != nil {
		return nil, err
	}
	if message["item_content"], err = json.Marshal(string(itemText)); err != nil {
		return nil, err
	}
	if data, err = json.Marshal(message); err != nil {
		return nil, err
	}
	if asText {
		if data, err = json.Marshal(string(data)); err != nil {
			return nil, err
		}
	}
	return json.Marshal(map[string]any{"topic": outer.Topic, "data": json.RawMessage(data)})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// Values here always encode, and a broken connection has nobody to tell.
	_ = json.NewEncoder(w).Encode(v)
}

func apiError(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}
