package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"aleph/message"
)

// owner lets only those operate a machine who may. // spec crn 1.3
func (s *Server) owner(next func(w http.ResponseWriter, r *http.Request, hash message.Hash) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, err := s.authenticate(r)
		if err != nil {
			return err
		}
		ref := r.PathValue("ref")
		hash, ok := parseRef(ref)
		if !ok {
			return failf(http.StatusBadRequest, "Invalid ref: '%s'", ref)
		}
		owner, err := s.host.Owner(r.Context(), hash)
		if errors.Is(err, message.ErrNotFound) || errors.Is(err, ErrNotProgram) {
			return failf(http.StatusNotFound, "No virtual machine with ref %s", ref)
		}
		if err != nil {
			return err
		}
		if !s.host.MayOperate(r.Context(), owner, caller) {
			return plainf(http.StatusForbidden, "Unauthorized sender")
		}
		return next(w, r, hash)
	}
}

// stop ends a machine. // spec crn 1.8
func (s *Server) stop(w http.ResponseWriter, r *http.Request, hash message.Hash) error {
	if !s.host.Stop(r.Context(), hash) {
		writeText(w, http.StatusOK, "Already stopped, nothing to do")
		return nil
	}
	writeText(w, http.StatusOK, "Stopped VM with ref "+string(hash))
	return nil
}

// reboot ends a machine, so that the next call starts it anew. // spec crn 1.8
func (s *Server) reboot(w http.ResponseWriter, r *http.Request, hash message.Hash) error {
	if !s.host.Stop(r.Context(), hash) {
		writeText(w, http.StatusOK, "Starting VM (was not running) with ref "+string(hash))
		return nil
	}
	writeText(w, http.StatusOK, "Rebooted VM with ref "+string(hash))
	return nil
}

// erase ends a machine and deletes its data. // spec crn 1.8
func (s *Server) erase(w http.ResponseWriter, r *http.Request, hash message.Hash) error {
	if err := s.host.Erase(r.Context(), hash); err != nil {
		return err
	}
	writeText(w, http.StatusOK, "Erased VM with ref "+string(hash))
	return nil
}

// maxOperatorBody bounds the body of an operation. // spec crn 1.1
const maxOperatorBody = 1 << 20

// maxExpiry is the longest time after which a machine may be told to end.
const maxExpiry = 864_000 // seconds, spec crn 1.8

// expire ends a machine after a time. // spec crn 1.8
func (s *Server) expire(w http.ResponseWriter, r *http.Request, hash message.Hash) error {
	seconds, ok := s.expiry(w, r)
	if !ok || seconds <= 0 || seconds >= maxExpiry {
		return failf(http.StatusBadRequest, "Invalid timeout duration")
	}
	if !s.host.Expire(hash, time.Duration(seconds*float64(time.Second))) {
		return failf(http.StatusNotFound, "No virtual machine with ref %s", hash)
	}
	writeText(w, http.StatusOK, fmt.Sprintf("Expiring VM with ref %s in %s seconds", hash, strconv.FormatFloat(seconds, 'f', -1, 64)))
	return nil
}

// expiry reads the time from the query or from a JSON body.
func (*Server) expiry(w http.ResponseWriter, r *http.Request) (float64, bool) {
	if text := r.URL.Query().Get("timeout"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		return seconds, err == nil
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOperatorBody))
	if err != nil {
		return 0, false
	}
	var body struct {
		Timeout *float64 `json:"timeout"`
	}
	if json.Unmarshal(b, &body) != nil || body.Timeout == nil {
		return 0, false
	}
	return *body.Timeout, true
}

// update would re-read the ports of an instance; a function has none.
// // spec crn 1.8
func (s *Server) update(w http.ResponseWriter, r *http.Request) error {
	hash, ok := parseRef(r.PathValue("ref"))
	if !ok {
		return failf(http.StatusBadRequest, "Invalid ref: '%s'", r.PathValue("ref"))
	}
	for _, e := range s.host.Executions() {
		if e.Hash == hash {
			writeJSON(w, http.StatusOK, struct{}{})
			return nil
		}
	}
	return failf(http.StatusNotFound, "404: VM not found")
}
