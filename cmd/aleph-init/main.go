//go:build linux

// Command aleph-init is the first process inside a function VM. It receives
// the program from the host, starts it and passes calls on to it. It also does
// what any first process must: it reaps children and ends when told to.
//
// Under gVisor its standard input is a Unix socket to the host, and the driver
// has made the file systems and the network. Under Firecracker standard input
// is something else; aleph-init then speaks over vsock and does that work
// itself.
//
// See [aleph/internal/compute/guest] for the protocol.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"aleph/internal/compute/guest"
)

func main() { os.Exit(run()) }

// run returns the exit code: 0 after a halt, 1 after a failure.
func run() int {
	root := flag.String("root", "/", "folder that holds opt, data, tmp and etc; for tests")
	port := flag.String("port", "8080", "port on which executable programs serve HTTP; for tests")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, *root, *port, log); err != nil {
		log.Error("aleph-init", "error", err)
		return 1
	}
	return 0
}

// serve runs the guest until the host halts it, the program ends, or ctx does.
func serve(ctx context.Context, root, port string, log *slog.Logger) error {
	transport, m, err := open(root)
	if err != nil {
		return err
	}
	defer func() { _ = transport.Close() }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	children := newChildren()
	defer children.Close()
	p := &program{root: root, port: port, machine: m, transport: transport, children: children, log: log, ended: cancel}
	defer p.Close()

	listener, err := transport.Listen(guest.ControlPort)
	if err != nil {
		return err
	}
	if err := guest.SendReady(ctx, transport, guest.Version3); err != nil {
		return err
	}
	err = guest.NewServer(p, log).Serve(ctx, listener)
	if errors.Is(err, net.ErrClosed) {
		return errors.New("the host closed the connection")
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return m.powerOff()
}

// open finds out where aleph-init runs.
func open(root string) (guest.Transport, machine, error) {
	if conn, ok := stdinSocket(); ok {
		mux, err := guest.NewMux(conn, guest.GuestSide)
		return mux, sandbox{}, err
	}
	vm := microVM{root: root}
	if err := vm.boot(); err != nil {
		return nil, nil, fmt.Errorf("boot: %w", err)
	}
	return vsock{}, vm, nil
}

// machine is what differs between the places where aleph-init runs.
type machine interface {
	// prepare does what the configuration asks of the system: name, network, mounts.
	prepare(c *guest.Config, hostname string) error
	// powerOff ends the machine after a halt.
	powerOff() error
}

// sandbox is a container: its driver has prepared everything.
type sandbox struct{}

func (sandbox) prepare(*guest.Config, string) error { return nil }
func (sandbox) powerOff() error                     { return nil }

// stdinSocket takes standard input if it is a socket, and puts /dev/null in
// its place so that no child inherits it.
func stdinSocket() (net.Conn, bool) {
	var st syscall.Stat_t
	if err := syscall.Fstat(0, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFSOCK {
		return nil, false
	}
	file := os.NewFile(0, "stdin")
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, false
	}
	_ = file.Close()
	// The lowest free number is 0. Should there be no /dev/null, children
	// still get none of ours: files of Go close on exec.
	_, _ = syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	return conn, true
}
