package local

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"aleph/message"
)

// listen binds an address; port 0 takes a free one. The flag is what a user
// gives to choose another port.
func listen(address, what, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen for the %s: %w: choose another port with %s", what, err, flag)
	}
	by := "another process"
	_, text, _ := net.SplitHostPort(address) // it was possible to listen there
	port, _ := strconv.Atoi(text)
	if owner, ok := FindPortOwner(port); ok {
		by = owner.String()
	}
	return nil, fmt.Errorf("%w: port %d for the %s is in use by %s: stop it, or choose another port with %s", message.ErrConflict, port, what, by, flag)
}

// PortOwner is the process that listens on a port.
type PortOwner struct {
	PID  int
	Name string
}

// String names the process for a person.
func (o PortOwner) String() string { return fmt.Sprintf("%s (pid %d)", o.Name, o.PID) }

// FindPortOwner looks for the process that listens on a TCP port of this host.
// It finds processes of other users only when it runs as root.
func FindPortOwner(port int) (PortOwner, bool) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if inode, ok := listeningInode(table, port); ok {
			return inodeOwner(inode)
		}
	}
	return PortOwner{}, false
}

// listeningInode reads one of the kernel's socket tables: the second column is
// the local address, the fourth the state (0A listens), the tenth the inode.
func listeningInode(table string, port int) (string, bool) {
	f, err := os.Open(table)
	if err != nil {
		return "", false
	}
	defer func() { _ = f.Close() }()
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		columns := strings.Fields(lines.Text())
		if len(columns) > 9 && strings.HasSuffix(columns[1], suffix) && columns[3] == "0A" {
			return columns[9], true
		}
	}
	return "", false
}

func inodeOwner(inode string) (PortOwner, bool) {
	sockets, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is valid
	for _, fd := range sockets {
		target, err := os.Readlink(fd)
		if err != nil || target != "socket:["+inode+"]" {
			continue
		}
		dir := filepath.Dir(filepath.Dir(fd))
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue
		}
		return PortOwner{PID: pid, Name: strings.TrimSpace(string(name))}, true
	}
	return PortOwner{}, false
}

// PortFree reports whether a local cloud could listen on a port now.
func PortFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
