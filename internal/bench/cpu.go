package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// ticksPerSecond is the unit of processor times in /proc, which Linux fixes for
// user space.
const ticksPerSecond = 100

// cpuOf reads the processor time that a process has used. On a machine that
// does other work too it says more than the clock.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time of process %d: %w", pid, err)
	}
	// The name in parentheses may hold blanks; after it, fields 14 and 15 of
	// proc(5) are the twelfth and thirteenth.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("read processor time of process %d: %q is not a stat line", pid, text)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time of process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// cpuMeter measures the processor time of a node and of this process. For a
// node at a given URL both stay zero.
type cpuMeter struct {
	used, own time.Duration
}

func (m *cpuMeter) start(c *cloud) error {
	used, own, err := read(c)
	m.used, m.own = -used, -own
	return err
}

func (m *cpuMeter) stop(c *cloud) error {
	used, own, err := read(c)
	m.used += used
	m.own += own
	return err
}

func read(c *cloud) (used, own time.Duration, err error) {
	if c.process == nil {
		return 0, 0, nil
	}
	if used, err = cpuOf(c.process.PID()); err != nil {
		return 0, 0, err
	}
	own, err = cpuOf(os.Getpid())
	return used, own, err
}
