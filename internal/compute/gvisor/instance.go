package gvisor

import (
	"context"
	"errors"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"aleph/internal/compute/guest"
	"aleph/internal/compute/vm"
)

// instance is one running sandbox.
type instance struct {
	driver *Driver
	id     string
	binary string
	mux    *guest.Mux
	cmd    *exec.Cmd
	group  cgroup
	killed atomic.Bool
	// exhausted is set when the host ended the sandbox for its memory.
	exhausted atomic.Bool

	owner sync.WaitGroup // the goroutine that waits for runsc
	done  chan struct{}
	exit  vm.Exit // set before done is closed
}

// killedCode is the exit code of what was ended by SIGKILL.
const killedCode = 128 + int(syscall.SIGKILL)

// watch waits for the sandbox, then removes what it leaves behind.
func (i *instance) watch(drains *sync.WaitGroup) {
	drains.Wait() // before Wait, which closes the pipes
	err := i.cmd.Wait()
	exit := vm.Exit{Code: i.cmd.ProcessState.ExitCode(), At: time.Now()}
	if exit.Code < 0 {
		exit.Code = killedCode // runsc itself was ended by a signal
	}
	killed := err != nil && exit.Code == killedCode && !i.killed.Load()
	exit.OutOfMemory = i.exhausted.Load() || (killed && i.group.outOfMemory())
	_ = i.mux.Close() // the other end has gone
	i.exit = exit
	close(i.done)
}

// Transport returns the channel to the guest.
func (i *instance) Transport() guest.Transport { return i.mux }

// Kill ends the sandbox: its processes end with runsc, their parent.
func (i *instance) Kill() error {
	select {
	case <-i.done:
		return nil
	default:
	}
	i.killed.Store(true)
	err := i.cmd.Process.Kill()
	if i.group.enabled {
		// Also what does not notice that runsc has gone.
		for _, dir := range i.group.folders() {
			_ = removeGroup(dir) // Clean repeats it until it succeeds
		}
	}
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, errProcessDone) {
		return nil
	}
	return err
}

// Stop closes the channel, which tells the guest to end, and kills the
// sandbox when it is still there when ctx ends.
func (i *instance) Stop(ctx context.Context) error {
	i.killed.Store(true)
	_ = i.mux.Close()
	select {
	case <-i.done:
	case <-ctx.Done():
		if err := i.Kill(); err != nil {
			return err
		}
		<-i.done
	}
	i.owner.Wait()
	return nil
}

// Wait waits for the end of the sandbox.
func (i *instance) Wait(ctx context.Context) (vm.Exit, error) {
	select {
	case <-i.done:
		return i.exit, nil
	case <-ctx.Done():
		return vm.Exit{}, context.Cause(ctx)
	}
}

// Stats measures the sandbox by its control group, or without one by the
// processes below runsc.
func (i *instance) Stats() (vm.Stats, error) {
	select {
	case <-i.done:
		return vm.Stats{}, vm.ErrEnded
	default:
	}
	if i.group.enabled {
		return vm.Stats{MemoryBytes: i.group.memory(), CPU: i.group.cpu()}, nil
	}
	return processStats(i.cmd.Process.Pid)
}
