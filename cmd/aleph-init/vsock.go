//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// hostCID is the host's address on vsock.
const hostCID = 2

// vsock is the guest's [guest.Transport] in a Firecracker VM.
type vsock struct{}

// Dial connects to a port of the host.
func (vsock) Dial(_ context.Context, port uint32) (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("vsock: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrVM{CID: hostCID, Port: port}); err != nil {
		return nil, errors.Join(fmt.Errorf("vsock: connect to port %d of the host: %w", port, err), unix.Close(fd))
	}
	return newVsockConn(fd)
}

// Listen accepts the host's connections to port.
func (vsock) Listen(port uint32) (net.Listener, error) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("vsock: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: port})
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("vsock: listen on port %d: %w", port, err), unix.Close(fd))
	}
	return &vsockListener{file: os.NewFile(uintptr(fd), "vsock listener"), port: port}, nil
}

// Close has nothing to do: connections and listeners belong to their users.
func (vsock) Close() error { return nil }

type vsockListener struct {
	file *os.File // in the runtime's poller, so that Close ends Accept
	port uint32
}

func (l *vsockListener) Accept() (net.Conn, error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var accepted error
	err = raw.Read(func(listening uintptr) bool {
		fd, _, accepted = unix.Accept4(int(listening), unix.SOCK_CLOEXEC)
		return !errors.Is(accepted, unix.EAGAIN)
	})
	if err = errors.Join(err, accepted); err != nil {
		return nil, fmt.Errorf("vsock: accept on port %d: %w", l.port, err)
	}
	return newVsockConn(fd)
}

func (l *vsockListener) Close() error   { return l.file.Close() }
func (l *vsockListener) Addr() net.Addr { return vsockAddr(l.port) }

// vsockConn is a connected socket as a file in the runtime's poller: package
// net does not know the address family.
type vsockConn struct{ *os.File }

func newVsockConn(fd int) (net.Conn, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("vsock: %w", err), unix.Close(fd))
	}
	return vsockConn{os.NewFile(uintptr(fd), "vsock")}, nil
}

func (vsockConn) LocalAddr() net.Addr  { return vsockAddr(0) }
func (vsockConn) RemoteAddr() net.Addr { return vsockAddr(hostCID) }

func (c vsockConn) SetDeadline(t time.Time) error { return c.File.SetDeadline(t) }

type vsockAddr uint32

func (vsockAddr) Network() string  { return "vsock" }
func (a vsockAddr) String() string { return strconv.FormatUint(uint64(a), 10) }
