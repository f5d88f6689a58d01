// Package postgres runs a real PostgreSQL server for tests: a cluster of its own
// in a temporary folder, on a free port, which ends with the test program,
// however that ends.
//
// The server refuses to run as root; then it runs as the user postgres, or
// nobody. Its language orders text otherwise than by bytes, so that a query
// that forgot to say which order it means is found.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"aleph/internal/lock"
)

// superuser is the role that the tests connect as.
const superuser = "aleph"

// startTimeout bounds the start of a server on a busy machine.
const startTimeout = 2 * time.Minute

// Options say what kind of server a test needs.
type Options struct {
	// Volatile lets the server forget what it has committed when the machine
	// stops. That is enough for tests of logic, and several times faster.
	Volatile bool
}

// Server is a running PostgreSQL server.
type Server struct {
	bin      string // folder of the programs
	dir      string
	lock     *lock.File
	account  *account // nil: as this process
	options  Options
	port     int
	password string

	process *process // nil while it is stopped
}

// process is the server's process and its end.
type process struct {
	pid  int
	done chan struct{} // closed after err is set
	err  error
}

// Start makes a cluster and starts a server on it. Close stops it and removes the
// cluster. When this program is killed the server ends too; its folder is
// removed by the next one.
func Start(ctx context.Context, o Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s := &Server{options: o, password: rand.Text()}
	var err error
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if s.account, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.dir, s.lock, err = makeFolder(s.account); err != nil {
		return nil, err
	}
	if err := s.initialize(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Resume(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// programs finds the newest PostgreSQL of the machine.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	best, newest := "", 0
	for _, path := range found {
		dir := filepath.Dir(path)
		if version, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && version > newest {
			best, newest = dir, version
		}
	}
	if best != "" {
		return best, nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("tests need PostgreSQL 15 or newer and there is none on this machine: run scripts/parts.sh")
	}
	return filepath.Dir(path), nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// initialize makes the cluster.
func (s *Server) initialize(ctx context.Context) error {
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o600); err != nil {
		return err
	}
	if err := s.account.own(secret); err != nil {
		return err
	}
	cmd := s.command(ctx, "initdb", "--pgdata", s.data(), "--username", superuser, "--pwfile", secret,
		"--auth-local", "trust", "--auth-host", "scram-sha-256", "--no-sync", "--no-instructions",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en-US")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// command returns a program of PostgreSQL that runs as the server's user.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account.credential()}
	return cmd
}

// Resume starts the server again after Stop or Crash, at the same place.
func (s *Server) Resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		first := s.port == 0
		if first {
			var err error
			if s.port, err = freePort(ctx); err != nil {
				return err
			}
		}
		err := s.start(ctx)
		if err == nil {
			return nil
		}
		if !first || ctx.Err() != nil || !strings.Contains(s.log(), "could not bind") {
			return fmt.Errorf("start PostgreSQL: %w\n%s", err, s.log())
		}
		s.port = 0 // somebody else took it meanwhile
	}
}

func (s *Server) start(ctx context.Context) error {
	args := []string{
		"-D", s.data(), "-c", "port=" + strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=" + s.dir, "-c", "max_connections=300", "-c", "shared_buffers=64MB",
	}
	if s.options.Volatile {
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_wal_size=4GB")
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command(context.WithoutCancel(ctx), "postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	// The server ends, at once, when this process ends.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// The signal comes when the thread ends that started the server.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process = p
	if err := s.await(ctx); err != nil {
		return errors.Join(err, s.halt(syscall.SIGQUIT))
	}
	return nil
}

// await returns when the server answers.
func (s *Server) await(ctx context.Context) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ticker.C:
		case <-s.process.done:
			return fmt.Errorf("the server ended: %w", s.process.err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// URL returns the address of a database, with the password, over TCP.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SocketURL returns the address of a database over the Unix socket, which needs
// no password.
func (s *Server) SocketURL(database string) string {
	query := url.Values{"host": {s.dir}, "port": {strconv.Itoa(s.port)}}
	return (&url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database, RawQuery: query.Encode()}).String()
}

// Password returns the password of the URL.
func (s *Server) Password() string { return s.password }

// Stop stops the server as an operator would; it can be resumed.
func (s *Server) Stop() error { return s.halt(syscall.SIGINT) }

// Crash ends the server at once, without a word to its clients and without
// writing anything; it can be resumed and then recovers.
func (s *Server) Crash() error { return s.halt(syscall.SIGQUIT) }

func (s *Server) halt(sig syscall.Signal) error {
	p := s.process
	if p == nil {
		return nil
	}
	s.process = nil
	if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(startTimeout):
		return fmt.Errorf("PostgreSQL (process %d) does not stop", p.pid)
	}
}

// Close ends the server and removes its cluster. It may be called twice.
func (s *Server) Close() error {
	err := s.halt(syscall.SIGQUIT)
	if s.lock == nil {
		return err
	}
	err = errors.Join(err, os.RemoveAll(s.dir), os.Remove(s.dir+lockSuffix), s.lock.Close())
	s.lock = nil
	return err
}

// log returns the end of what the server said.
func (s *Server) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}
