package gvisor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"aleph/internal/compute/vm"
)

// errProcessDone is what os returns for a process that has ended.
var errProcessDone = os.ErrProcessDone

// clockTick is the unit of processor time in /proc, fixed on Linux.
const clockTick = 10 * time.Millisecond

// maxProcesses bounds the walk below one sandbox.
const maxProcesses = 4096

// processStats adds up a process and its descendants.
func processStats(pid int) (vm.Stats, error) {
	var sum vm.Stats
	todo := []int{pid}
	for seen := 0; len(todo) > 0 && seen < maxProcesses; seen++ {
		pid, todo = todo[0], todo[1:]
		one, err := statOf(pid)
		if err != nil {
			if seen == 0 {
				return vm.Stats{}, errors.Join(vm.ErrEnded, err)
			}
			continue // it ended meanwhile
		}
		sum.MemoryBytes += one.MemoryBytes
		sum.CPU += one.CPU
		todo = append(todo, childrenOf(pid)...)
	}
	return sum, nil
}

// statOf reads /proc/PID/stat, whose second field may hold anything between
// parentheses.
func statOf(pid int) (vm.Stats, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return vm.Stats{}, err
	}
	_, after, ok := strings.Cut(string(b), ") ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 22 {
		return vm.Stats{}, fmt.Errorf("unexpected text in /proc/%d/stat", pid)
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(fields[i], 10, 64); return n }
	return vm.Stats{
		CPU:         time.Duration(number(11)+number(12)) * clockTick,
		MemoryBytes: number(21) * int64(os.Getpagesize()),
	}, nil
}

// childrenOf lists the children of every thread of a process.
func childrenOf(pid int) []int {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	var all []int
	for _, t := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		if err != nil {
			continue
		}
		for f := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}
