//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// children starts processes and reaps every child, those included that lost
// their parent and were given to the first process.
type children struct {
	signals chan os.Signal
	wait    sync.WaitGroup

	mu   sync.Mutex // guards live, and keeps the reaper out while a child starts
	live map[int]*child
}

// child is a process that was started here.
type child struct {
	process *os.Process
	done    chan struct{}
	status  syscall.WaitStatus // valid once done is closed
}

func newChildren() *children {
	c := &children{signals: make(chan os.Signal, 1), live: make(map[int]*child)}
	signal.Notify(c.signals, syscall.SIGCHLD)
	c.wait.Go(c.reap)
	return c
}

// Close stops reaping. The children live on.
func (c *children) Close() {
	signal.Stop(c.signals)
	close(c.signals)
	c.wait.Wait()
}

// start runs path with its standard output and error on ours, extra files from
// number 3 on, in a process group of its own.
func (c *children) start(path string, args, env []string, dir string, extra ...*os.File) (*child, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	process, err := os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{
		Dir: dir, Env: env, Files: append([]*os.File{null, os.Stdout, os.Stderr}, extra...),
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return nil, err
	}
	ch := &child{process: process, done: make(chan struct{})}
	c.live[process.Pid] = ch
	return ch, nil
}

// reap collects ended children, each time the kernel says that there are some.
func (c *children) reap() {
	for range c.signals {
		for c.reapOne() {
		}
	}
}

func (c *children) reapOne() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if errors.Is(err, syscall.EINTR) {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if ch := c.live[pid]; ch != nil {
		delete(c.live, pid)
		ch.status = status
		close(ch.done)
	}
	return true
}

// signal sends sig to the child's process group, if the child still runs.
func (ch *child) signal(sig syscall.Signal) {
	select {
	case <-ch.done:
	default:
		_ = syscall.Kill(-ch.process.Pid, sig)
	}
}

// reason says how the child ended. Call it after done is closed.
func (ch *child) reason() string {
	if ch.status.Signaled() {
		if ch.status.Signal() == syscall.SIGKILL {
			return "the program was killed (out of memory?)"
		}
		return fmt.Sprintf("the program was ended by the signal %q", ch.status.Signal())
	}
	return fmt.Sprintf("the program exited with status %d", ch.status.ExitStatus())
}
