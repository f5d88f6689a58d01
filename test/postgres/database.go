package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Databases hands out fresh databases of one server. Start comes first. It is
// safe for concurrent use.
type Databases struct {
	options Options
	// prepare fills the database that all others are copies of.
	prepare func(ctx context.Context, url string) error

	mu     sync.Mutex
	server *Server
	count  int
}

// NewDatabases returns databases that begin as prepare has left the first one;
// nil leaves them empty. It starts nothing.
func NewDatabases(o Options, prepare func(ctx context.Context, url string) error) *Databases {
	return &Databases{options: o, prepare: prepare}
}

// template is the database that the others are copies of.
const template = "prepared"

// Start starts the server and prepares the first database.
func (d *Databases) Start(ctx context.Context) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server, err = Start(ctx, d.options); err != nil {
		return err
	}
	if err = d.server.Exec(ctx, "postgres", "CREATE DATABASE "+template); err == nil && d.prepare != nil {
		err = d.prepare(ctx, d.server.SocketURL(template))
	}
	return err
}

// Server returns the server, nil before Start.
func (d *Databases) Server() *Server {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.server
}

// New returns the URL of a fresh database, which goes when the test ends.
func (d *Databases) New(t testing.TB) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.server
	d.count++
	name := fmt.Sprintf("test_%d", d.count)
	if err := s.Exec(t.Context(), "postgres", "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Exec(context.WithoutCancel(t.Context()), "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return s.SocketURL(name)
}

// Close ends the server, if there is one.
func (d *Databases) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server == nil {
		return nil
	}
	return d.server.Close()
}

// Exec runs statements in a database, each on its own.
func (s *Server) Exec(ctx context.Context, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.SocketURL(database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, text := range statements {
		if _, err := conn.Exec(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", strings.Fields(text)[0], err)
		}
	}
	return nil
}
