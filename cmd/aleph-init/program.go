//go:build linux

package main

import (
	"context"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"aleph/internal/compute/guest"
)

// program is the [guest.Program] of this VM: what the host configured.
type program struct {
	root      string
	port      string // of executable programs
	machine   machine
	transport guest.Transport
	children  *children
	log       *slog.Logger
	ended     context.CancelCauseFunc // ends aleph-init

	wait  sync.WaitGroup
	relay net.Listener

	mu     sync.Mutex // guards what follows; halt may come while Configure runs
	app    app
	halted bool
}

// app is a program that has been started.
type app interface {
	http(ctx context.Context, r *guest.Request, w guest.ResponseWriter) error
	event(ctx context.Context, body string) error
	// halt asks the program to end and returns when it has or ctx ends.
	halt(ctx context.Context) error
	process() *child
}

// apiSocket is where programs find the guest API. // spec crn 3.7
const apiSocket = "tmp/socat-socket"

func (p *program) path(elem ...string) string {
	return filepath.Join(append([]string{p.root}, elem...)...)
}

// Configure makes the program ready. // spec crn 3.7
func (p *program) Configure(ctx context.Context, c *guest.Config) error {
	hostname, err := hostnameOf(c.VMHash)
	if err != nil {
		return err
	}
	if err := p.machine.prepare(c, hostname); err != nil {
		return err
	}
	if err := p.writeResolver(c.DNSServers); err != nil {
		return err
	}
	if len(c.InputData) > 0 {
		if err := unzip(c.InputData, p.path("data")); err != nil {
			return fmt.Errorf("data: %w", err)
		}
	}
	if err := p.serveAPI(ctx); err != nil {
		return err
	}
	env, err := p.environment(c.Variables, hostname)
	if err != nil {
		return err
	}
	started, err := p.start(ctx, c, env)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.app = started
	p.mu.Unlock()
	p.wait.Go(func() { p.watch(started.process()) })
	return nil
}

func (p *program) start(ctx context.Context, c *guest.Config, env []string) (app, error) {
	switch c.Interface {
	case guest.ASGI:
		return startASGI(ctx, p, c, env)
	case guest.Executable:
		return startExecutable(ctx, p, c, env)
	}
	return nil, fmt.Errorf("unknown interface %q", c.Interface)
}

// watch ends aleph-init when the program's process does: a VM without its
// program is of no use, and the host starts another one.
func (p *program) watch(process *child) {
	<-process.done
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.halted {
		p.ended(&guest.CrashError{Reason: process.reason()})
	}
}

// running returns the app, or nil when none has been started.
func (p *program) running() app {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.app
}

// HTTP passes one call on.
func (p *program) HTTP(ctx context.Context, r *guest.Request, w guest.ResponseWriter) error {
	return p.running().http(ctx, r, w)
}

// Event passes a message of the network on.
func (p *program) Event(ctx context.Context, body string) error { return p.running().event(ctx, body) }

// Halt ends the program in order.
func (p *program) Halt(ctx context.Context) error {
	p.mu.Lock()
	p.halted = true
	a := p.app
	p.mu.Unlock()
	if a == nil {
		return nil
	}
	return a.halt(ctx)
}

// Close ends what Configure has started.
func (p *program) Close() {
	if a := p.running(); a != nil {
		a.process().signal(syscall.SIGKILL)
	}
	if p.relay != nil {
		_ = p.relay.Close()
	}
	_ = p.transport.Close() // ends the relayed connections
	p.wait.Wait()
}

// hostnameOf is the VM's name in the network: its hash in base32. // spec crn 1.13, 3.7
func hostnameOf(vmHash string) (string, error) {
	raw, err := hex.DecodeString(vmHash)
	if err != nil || len(raw) == 0 {
		return "", fmt.Errorf("the VM's hash %q is not hexadecimal", vmHash)
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)), nil
}

// environment is what the program finds. Its own variables come last, so that
// they win. // spec crn 3.7
func (p *program) environment(variables map[string]string, hostname string) ([]string, error) {
	env := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": "/root",
		"LANG": "C.UTF-8",
	}
	for _, kv := range os.Environ() {
		if key, val, ok := strings.Cut(kv, "="); ok {
			env[key] = val
		}
	}
	env["ALEPH_INIT_VERSION"] = guest.Version3
	env["ALEPH_API_HOST"] = "http://localhost"
	env["ALEPH_API_UNIX_SOCKET"] = p.path(apiSocket)
	env["ALEPH_REMOTE_CRYPTO_HOST"] = "http://localhost"
	env["ALEPH_REMOTE_CRYPTO_UNIX_SOCKET"] = p.path(apiSocket)
	env["ALEPH_ADDRESS_TO_USE"] = hostname
	for key, val := range variables {
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsRune(val, 0) {
			return nil, fmt.Errorf("variable %q cannot be an environment variable", key)
		}
		env[key] = val
	}
	list := make([]string, 0, len(env))
	for key, val := range env {
		list = append(list, key+"="+val)
	}
	return list, nil
}

// writeResolver names the DNS servers. Without any, what is there stays.
func (p *program) writeResolver(servers []string) error {
	if len(servers) == 0 {
		return nil
	}
	var text strings.Builder
	for _, server := range servers {
		if net.ParseIP(server) == nil {
			return fmt.Errorf("DNS server %q is not an address", server)
		}
		fmt.Fprintf(&text, "nameserver %s\n", server)
	}
	if err := os.WriteFile(p.path("etc", "resolv.conf"), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("set the DNS servers: %w", err)
	}
	return nil
}
