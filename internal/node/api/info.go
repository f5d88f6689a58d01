package api

import (
	"net/http"
)

// version answers GET /version. // spec ccn-http-api 4.4
func (a *API) version(w http.ResponseWriter, _ *http.Request) error {
	version := a.Version
	if version == "" {
		version = "version-unavailable"
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{{"version", version}})
}

// info answers GET /api/v0/info/public.json. // spec ccn-http-api 4.8
func (a *API) info(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, spacedJSON, object{{"node_multi_addresses", append([]string{}, a.cfg.MultiAddresses...)}})
}

// channels answers GET /api/v0/channels/list.json. // spec ccn-http-api 5.10
func (a *API) channels(w http.ResponseWriter, r *http.Request) error {
	channels, err := a.Store.Channels(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{{"channels", channels}})
}
