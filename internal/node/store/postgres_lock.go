package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"aleph/message"
)

// writerLock is the key of the advisory lock that the writing node holds on its
// connection. The server drops it with the connection. It spells "aleph".
const writerLock = 0x61_6c65_7068

// lockInterval is the time between two attempts to get the lock.
const lockInterval = 50 * time.Millisecond

// dial makes a connection, looks at the server, and takes the database for this
// process alone.
func (s *postgresSession) dial(ctx context.Context) (err error) {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.engine.writerConfig())
	if err != nil {
		return s.engine.wrap("connect", err)
	}
	defer func() {
		if err != nil {
			_ = conn.Close(ctx)
		}
	}()
	if err := checkServer(ctx, conn); err != nil {
		return s.engine.wrap("connect", err)
	}
	wait, locking := s.engine.cfg.Wait && s.pid == 0, ctx
	if wait {
		locking = whole
	}
	if err := s.lock(locking, conn, wait); err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(whole, s.engine.cfg.Timeout)
	defer cancel()
	if err := conn.QueryRow(ctx, pgBackend).Scan(&s.pid, &s.born); err != nil {
		return s.engine.wrap("connect", err)
	}
	s.conn, s.used, s.begun, s.prepared = conn, time.Now(), false, map[string]bool{}
	return nil
}

const (
	pgServer = `SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version'),
current_setting('server_encoding'), current_setting('synchronous_commit'), pg_is_in_recovery()`
	pgDurable = `SET synchronous_commit = on`
	pgLock    = `SELECT pg_try_advisory_lock($1)`
	pgBackend = `SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()`
	pgHolder  = `SELECT pid, backend_start::text, application_name, COALESCE(host(client_addr), 'this machine') FROM pg_stat_activity
WHERE pid = (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND classid = ($1::bigint >> 32)::oid AND objid = ($1::bigint & 4294967295)::oid LIMIT 1)`
	pgTerminate = `SELECT pg_terminate_backend($1)`
)

// checkServer refuses a server on which the node would not do what it promises.
func checkServer(ctx context.Context, conn *pgx.Conn) error {
	var major int
	var version, encoding, commit string
	var standby bool
	if err := conn.QueryRow(ctx, pgServer).Scan(&major, &version, &encoding, &commit, &standby); err != nil {
		return err
	}
	switch {
	case major < oldestPostgres:
		return fmt.Errorf("the server is PostgreSQL %s: version %d or newer is needed", version, oldestPostgres)
	case encoding != "UTF8":
		return fmt.Errorf("the database has the encoding %s: create one with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0", encoding)
	case standby:
		return fmt.Errorf("%w: the server is a standby, which cannot be written", message.ErrUnavailable)
	}
	if commit == "off" { // acknowledged means on the disk
		_, err := conn.Exec(ctx, pgDurable)
		return err
	}
	return nil
}

// lock waits a moment for the lock: a node that was killed just now keeps it
// until the server notices. The own connection that was lost before is ended.
// Who waits does so as long as ctx lasts: the process that has the lock may be alive
// for months.
func (s *postgresSession) lock(ctx context.Context, conn *pgx.Conn, wait bool) error {
	deadline := time.Now().Add(time.Duration(s.engine.cfg.BusyTimeout) * time.Millisecond)
	ticker := time.NewTicker(lockInterval)
	defer ticker.Stop()
	for {
		got, err := s.tryLock(ctx, conn)
		if err != nil || got {
			return err
		}
		held := ErrInUse
		if !wait {
			if held = s.holder(ctx, conn); time.Now().After(deadline) {
				return held
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return held
		}
	}
}

func (s *postgresSession) tryLock(ctx context.Context, conn *pgx.Conn) (got bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	defer cancel()
	err = conn.QueryRow(ctx, pgLock, int64(writerLock)).Scan(&got)
	return got, s.engine.wrap("lock", err)
}

// holder says who has the lock.
func (s *postgresSession) holder(ctx context.Context, conn *pgx.Conn) error {
	var pid uint32
	var born, name, from string
	err := conn.QueryRow(ctx, pgHolder, int64(writerLock)).Scan(&pid, &born, &name, &from)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrInUse // gone by now
	}
	if err != nil {
		return s.engine.wrap("lock", err)
	}
	if pid == s.pid && born == s.born {
		_, err := conn.Exec(ctx, pgTerminate, pid)
		return errors.Join(ErrInUse, s.engine.wrap("lock", err))
	}
	return fmt.Errorf("%w (%q from %s, server process %d): stop it, or configure another database", ErrInUse, name, from, pid)
}
