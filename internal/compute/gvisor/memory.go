package gvisor

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// memoryInterval is how often the memory of a sandbox without a control group
// is looked at.
const memoryInterval = 250 * time.Millisecond

// memoryFile is part of the name of the file that holds a sandbox's memory.
const memoryFile = "memfd:runsc-memory"

// watchMemory ends a sandbox without a control group when its memory exceeds
// limit. The kernel would be quicker; without root nothing else is there.
func (i *instance) watchMemory(limit int64) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	path := ""
	for {
		select {
		case <-i.done:
			return
		case <-tick.C:
		}
		if path == "" {
			path = findMemory(i.cmd.Process.Pid)
		}
		var st unix.Stat_t
		if path == "" || unix.Stat(path, &st) != nil {
			path = "" // not there yet, or its process has ended
			continue
		}
		const block = 512 // the unit of st_blocks
		if st.Blocks*block > limit {
			i.exhausted.Store(true)
			_ = i.Kill() // the undo of the launch repeats it
			return
		}
	}
}

// findMemory returns a path to the memory file of the sandbox below a process,
// "" when there is none.
func findMemory(pid int) string {
	todo := childrenOf(pid)
	for seen := 0; len(todo) > 0 && seen < maxProcesses; seen++ {
		pid, todo = todo[0], append(todo[1:], childrenOf(todo[0])...)
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			path := dir + "/" + fd.Name()
			if target, err := os.Readlink(path); err == nil && strings.Contains(target, memoryFile) {
				return path
			}
		}
	}
	return ""
}
