// Package spawn starts `aleph local`, or `aleph node`, as a process of its own and
// waits until it answers. The benchmark and the whole-system tests use it: they measure and
// break the real program, not a copy of its composition.
package spawn

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"aleph/internal/local"
)

// Options says which process to start.
type Options struct {
	// Binary is the path of the aleph program.
	Binary string
	// Command is what the process is to be, "local" when empty.
	Command string
	// Args follow the command and --json.
	Args []string
	// Env is added to the environment of this process.
	Env []string
	// Stderr receives the log; nil throws it away.
	Stderr io.Writer
	// Timeout limits the wait for the ready line; 30 s when zero.
	Timeout time.Duration
}

// Cloud is a running `aleph local`, or a node of which only the API and the data
// folder are known. One goroutine owns it.
type Cloud struct {
	local.Endpoints
	// StartTime is how long it took from the start of the process to its line.
	StartTime time.Duration
	cmd       *exec.Cmd
	exited    chan struct{} // closed when the process has ended
	waitErr   error
}

// Start starts the process and returns when it has printed its ready line. The
// process ends when ctx does.
func Start(ctx context.Context, opts Options) (*Cloud, error) {
	cmd := exec.CommandContext(ctx, opts.Binary, append([]string{cmp.Or(opts.Command, "local"), "--json"}, opts.Args...)...) //nolint:gosec // the caller names the program
	cmd.Env = append(cmd.Environ(), opts.Env...)
	cmd.Stderr = opts.Stderr
	// A signal to the group of the caller (Ctrl-C) must not reach the cloud
	// before the caller has decided how to end it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start aleph: %w", err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start aleph: %w", err)
	}
	c := &Cloud{cmd: cmd, exited: make(chan struct{})}

	type line struct {
		text []byte
		at   time.Time
		err  error
	}
	first := make(chan line, 1)
	go func() { // ends when the process closes its standard output
		r := bufio.NewReader(out)
		text, err := r.ReadBytes('\n')
		first <- line{text, time.Now(), err}
		_, _ = io.Copy(io.Discard, r)
		c.waitErr = cmd.Wait()
		close(c.exited)
	}()

	timeout := opts.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case l := <-first:
		if l.err != nil {
			<-c.exited
			return nil, fmt.Errorf("aleph ended before it was ready: %w", errors.Join(c.waitErr, nilIfEOF(l.err)))
		}
		if err := json.Unmarshal(l.text, &c.Endpoints); err != nil || c.API == "" {
			c.Kill()
			return nil, fmt.Errorf("aleph ended before it was ready: %q: %w", l.text, errors.Join(err, c.waitErr))
		}
		c.StartTime = l.at.Sub(begin)
		return c, nil
	case <-timer.C:
		c.Kill()
		return nil, fmt.Errorf("aleph was not ready after %s", timeout)
	}
}

func nilIfEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// PID is the process id.
func (c *Cloud) PID() int { return c.cmd.Process.Pid }

// Signal sends sig to the process.
func (c *Cloud) Signal(sig os.Signal) error { return c.cmd.Process.Signal(sig) }

// Kill ends the process at once, as a power cut would, and waits for its end.
func (c *Cloud) Kill() {
	_ = c.cmd.Process.Kill() // it may be gone already
	<-c.exited
}

// Stop asks the process to end and waits for it, see [Cloud.Wait].
func (c *Cloud) Stop(wait time.Duration) error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	return c.Wait(wait)
}

// Wait waits for the end of the process, at most the given time: then it is
// killed. The error says that, or that the exit code was not 0.
func (c *Cloud) Wait(wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
		c.Kill()
		return fmt.Errorf("aleph (pid %d) did not stop within %s and was killed", c.PID(), wait)
	}
	if c.waitErr != nil {
		return fmt.Errorf("aleph (pid %d) stopped: %w", c.PID(), c.waitErr)
	}
	return nil
}
