package api

import (
	"fmt"
	"regexp"
	"time"
)

// Config says what the HTTP interface allows.
type Config struct {
	// MaxFileSize is the most bytes of an upload with signed metadata, and of a
	// file that is served inside JSON. // spec ccn-http-api 10.1
	MaxFileSize int64 `yaml:"max_file_size" doc:"bytes of an upload with signed metadata"`
	// MaxAnonymousFileSize is the most bytes of an upload without metadata.
	MaxAnonymousFileSize int64 `yaml:"max_unauthenticated_upload_file_size" doc:"bytes of an upload without signed metadata"`
	// IPFS says which uploads to IPFS are taken.
	IPFS IPFSUploads `yaml:"ipfs"`
	// MaxUploads is how many uploads are taken at once.
	MaxUploads int `yaml:"max_uploads" doc:"uploads at once; more have to wait"`
	// MaxBody is the most bytes of a body that is not a file.
	MaxBody int64 `yaml:"max_body" doc:"bytes of a request that is not an upload"`
	// SyncTimeout is how long a publisher waits for its message to be processed.
	SyncTimeout time.Duration `yaml:"sync_timeout" doc:"how long a synchronous publish waits for the outcome"`

	// MaxSockets is how many message WebSockets are open at once.
	MaxSockets int `yaml:"max_message_connections" doc:"open message WebSockets"`
	// MaxStatusSockets is how many status WebSockets are open at once.
	MaxStatusSockets int `yaml:"max_status_connections" doc:"open status WebSockets"`
	// StatusInterval is the time between two looks at what status WebSockets show.
	StatusInterval time.Duration `yaml:"status_interval" doc:"time between looks at what status WebSockets show"`
	// SocketQueue is how many messages wait for a slow WebSocket before it is dropped.
	SocketQueue int `yaml:"socket_queue" doc:"messages that wait for one slow WebSocket"`
	// Heartbeat is the time between two pings of a WebSocket.
	Heartbeat time.Duration `yaml:"heartbeat" doc:"time between pings of a WebSocket; half of it to answer"`

	// HeaderTimeout bounds the time to send the headers of a request.
	HeaderTimeout time.Duration `yaml:"header_timeout" doc:"time to send the headers of a request"`
	// ReadTimeout bounds the time between two parts of a request's body.
	ReadTimeout time.Duration `yaml:"read_timeout" doc:"time without progress while a body is read"`
	// WriteTimeout bounds the time between two parts of an answer.
	WriteTimeout time.Duration `yaml:"write_timeout" doc:"time without progress while an answer is written"`
	// IdleTimeout bounds the time between two requests of a connection.
	IdleTimeout time.Duration `yaml:"idle_timeout" doc:"time a connection may wait for its next request"`
	// StopTimeout bounds the time that running requests have when the node stops.
	StopTimeout time.Duration `yaml:"stop_timeout" doc:"time for running requests to end when the node stops"`
	// Auth says who may use the administrative routes.
	Auth Auth `yaml:"auth"`
	// Limits says how much callers may ask for.
	Limits Limits `yaml:"limits"`
	// Repository is where releases of this program are published.
	Repository string `yaml:"repository" doc:"owner/name of this program's repository on GitHub, which the status page links to and looks into for a newer release; empty: neither"`
	// MultiAddresses are the peer-to-peer addresses that the node announces.
	MultiAddresses []string `yaml:"node_multi_addresses" doc:"peer-to-peer addresses told to clients"`
}

// IPFSUploads says which uploads to IPFS are taken.
type IPFSUploads struct {
	Enabled              bool  `yaml:"enabled" doc:"whether uploads to IPFS are taken"`
	MaxFileSize          int64 `yaml:"max_upload_file_size" doc:"bytes of an IPFS upload with signed metadata"`
	MaxCARSize           int64 `yaml:"max_upload_car_size" doc:"bytes of a CAR upload"`
	MaxAnonymousFileSize int64 `yaml:"max_unauthenticated_upload_file_size" doc:"bytes of an IPFS upload without signed metadata"`
}

// DefaultConfig returns the limits of the public network. // spec ccn-http-api 10.1
func DefaultConfig() Config {
	return Config{
		MaxFileSize:          100 << 20,
		MaxAnonymousFileSize: 25 << 20,
		IPFS:                 IPFSUploads{Enabled: true, MaxFileSize: 1 << 30, MaxCARSize: 4 << 30, MaxAnonymousFileSize: 25 << 20},
		MaxUploads:           64,
		MaxBody:              1 << 20, // 1048576 bytes, spec ccn-http-api 2.4
		SyncTimeout:          30 * time.Second,
		MaxSockets:           10_000,
		MaxStatusSockets:     1000,
		StatusInterval:       10 * time.Second,
		SocketQueue:          256,
		Heartbeat:            30 * time.Second,
		HeaderTimeout:        15 * time.Second,
		ReadTimeout:          30 * time.Second,
		WriteTimeout:         60 * time.Second,
		IdleTimeout:          120 * time.Second,
		StopTimeout:          10 * time.Second,
		Limits:               defaultLimits(),
		Auth: Auth{
			PublicKey: "0209fe82e08ec3c5c3ee4904fa147a11d49c7130579066c8a452d279d539959389", MaxTokenAge: 300 * time.Second,
		},
	}
}

// repositoryName is how GitHub names a repository.
var repositoryName = regexp.MustCompile(`^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$`)

// validate refuses settings that would make every request fail.
func (c Config) validate() error {
	for name, value := range map[string]int64{
		"max_file_size": c.MaxFileSize, "max_unauthenticated_upload_file_size": c.MaxAnonymousFileSize,
		"ipfs.max_upload_file_size": c.IPFS.MaxFileSize, "ipfs.max_upload_car_size": c.IPFS.MaxCARSize,
		"ipfs.max_unauthenticated_upload_file_size": c.IPFS.MaxAnonymousFileSize,
		"max_body": c.MaxBody, "max_uploads": int64(c.MaxUploads), "max_message_connections": int64(c.MaxSockets),
		"max_status_connections": int64(c.MaxStatusSockets), "status_interval": int64(c.StatusInterval),
		"socket_queue": int64(c.SocketQueue), "heartbeat": int64(c.Heartbeat),
		"sync_timeout": int64(c.SyncTimeout), "header_timeout": int64(c.HeaderTimeout), "read_timeout": int64(c.ReadTimeout),
		"write_timeout": int64(c.WriteTimeout), "idle_timeout": int64(c.IdleTimeout), "stop_timeout": int64(c.StopTimeout),
		"auth.max_token_age": int64(c.Auth.MaxTokenAge),
	} {
		if value < 1 {
			return fmt.Errorf("node API: %s must be more than zero", name)
		}
	}
	if err := c.Limits.validate(); err != nil {
		return err
	}
	if c.Repository != "" && !repositoryName.MatchString(c.Repository) {
		return fmt.Errorf("node API: repository %q is not of the form owner/name", c.Repository)
	}
	return nil
}
