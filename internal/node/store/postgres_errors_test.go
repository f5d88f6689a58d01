package store

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A server that does not answer in time is away, and somebody who has left is
// no reason to say so.
func TestSlowServerIsAway(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	mute, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	config, err := pgconn.ParseConfig("postgres://aleph@" + mute.Addr().String() + "/cloud?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.ConnectTimeout = 20 * time.Millisecond
	if _, err = pgconn.ConnectConfig(t.Context(), config); postgresCause(err) != causeUnavailable {
		t.Errorf("%v: cause %v", err, postgresCause(err))
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = pgconn.ConnectConfig(gone, config); postgresCause(err) != causeOther {
		t.Errorf("%v: cause %v", err, postgresCause(err))
	}
}
