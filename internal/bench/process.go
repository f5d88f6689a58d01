package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// The targets of the project for a machine with two cores.
const (
	targetHelp  = 50 * time.Millisecond
	targetStart = 2 * time.Second
	targetIdle  = 120 << 20 // bytes
)

// measureHelp times the shortest use of the program.
func measureHelp(ctx context.Context, s *Suite) ([]Row, error) {
	took := make([]time.Duration, 0, s.Samples)
	for range min(s.Samples, 50) {
		cmd := exec.CommandContext(ctx, s.Binary, "--help") //nolint:gosec // the program itself
		cmd.Stdout = io.Discard
		begin := time.Now()
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("aleph --help: %w", err)
		}
		took = append(took, time.Since(begin))
	}
	p := PercentilesOf(took)
	return []Row{durationRow("`aleph --help`, p50", p.P50, targetHelp, fmt.Sprintf("max %s of %d", round(p.Max), len(took)))}, nil
}

// measureStart times a first start, on an empty data folder, and later ones.
func measureStart(ctx context.Context, s *Suite) ([]Row, error) {
	const rounds = 5
	var fresh, again []time.Duration
	for i := range rounds {
		s.Progress("start %d of %d", i+1, rounds)
		dir, err := os.MkdirTemp("", "aleph-bench-")
		if err != nil {
			return nil, fmt.Errorf("make a data folder: %w", err)
		}
		for _, list := range []*[]time.Duration{&fresh, &again} {
			took, err := s.startOnce(ctx, dir)
			if err != nil {
				return nil, first(err, os.RemoveAll(dir))
			}
			*list = append(*list, took)
		}
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("remove a data folder: %w", err)
		}
	}
	first, later := PercentilesOf(fresh), PercentilesOf(again)
	return []Row{
		durationRow("process start to ready, new data folder, worst", first.Max, targetStart, fmt.Sprintf("p50 %s of %d", round(first.P50), rounds)),
		durationRow("process start to ready, again, worst", later.Max, targetStart, fmt.Sprintf("p50 %s of %d", round(later.P50), rounds)),
	}, nil
}

func (s *Suite) startOnce(ctx context.Context, dir string) (time.Duration, error) {
	c, err := s.spawn(ctx, []string{"--data-dir", dir, "--port", "0", "--compute-port", "0"})
	if err != nil {
		return 0, err
	}
	return c.StartTime, c.Stop(stopTimeout)
}

// measureIdle reads the memory of a cloud that nobody uses.
func measureIdle(ctx context.Context, s *Suite) (rows []Row, err error) {
	c, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = first(err, c.stop()) }()
	s.Progress("waiting for the cloud to settle")
	m, err := settle(ctx, c.process.PID())
	if err != nil {
		return nil, err
	}
	return []Row{bytesRow("idle memory of `aleph local`", m.Now, targetIdle, fmt.Sprintf("peak since start %s", mebibytes(m.Peak)))}, nil
}

// first returns the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
