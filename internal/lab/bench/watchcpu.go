package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

const (
	cpuFor = 30 * time.Second
	// 1,000 paths are learnt in 100 s; learning 20,000 takes half an hour, and its cost is part of what is measured there.
	cpuWarm = 3 * time.Minute
)

// watchCPU compares the cost of the rhythm with fping's, in turns.
func (b *bench) watchCPU(ctx context.Context) error {
	lasts := sized(b, cpuFor, cpuFor/6)
	b.printf("## The cost of watching\n\nNothing is lost. %.0f s each, warm, on the same network: fping (`-l -p 1000 -t 500`), mtrq with its mtr-packets, which also learns paths, fping again. CPU in shares of a core; fping's is the mean of both. One fping can ping at most %d a second (it has too few sequence numbers), so larger lists are shared by several.\n\n", lasts.Seconds(), mostOfFping)
	b.printf("| targets | fping, processes, pings sent of those due | mtrq | ratio | to reach | pings lost, by mtrq, by the log, of | to reach | memory | paths known |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range []struct {
		targets int
		ratio   string
	}{{1000, "≤ 1.5"}, {4000, "≤ 1.2"}, {9000, "≤ 1.2"}, {20_000, ""}} {
		if err := b.costOf(ctx, c.targets, c.ratio, lasts); err != nil {
			return fmt.Errorf("%d targets: %w", c.targets, err)
		}
	}
	b.printf("\n")
	return nil
}

func (b *bench) costOf(ctx context.Context, count int, ratio string, lasts time.Duration) (err error) {
	fmt.Fprintf(os.Stderr, "bench: %d targets\n", count)
	n, err := lab.Start(lab.Config{Targets: count, Seed: 41, TruthRecords: 24_000_000})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	first, err := b.fping(ctx, n, lasts)
	if err != nil {
		return err
	}
	m, paths, err := b.watching(ctx, n, lasts)
	if err != nil {
		return err
	}
	second, err := b.fping(ctx, n, lasts)
	if err != nil {
		return err
	}
	theirs := (first.cpu + second.cpu) / 2
	b.printf("| %d | %.3f, %d, %.0f %% | %.3f | %.2f | %s | %d, %d, %d | 0, 0 | %.0f MB | %d |\n", count, theirs, first.processes, 50*(first.kept+second.kept), m.cpu, m.cpu/theirs, ratio, m.lost, m.truly, m.sent, float64(m.memory)/1e6, paths)
	b.mend(n)
	return nil
}

// watching measures a node for a while.
func (b *bench) watching(ctx context.Context, n *lab.Net, lasts time.Duration) (m measured, paths int, err error) {
	no, err := b.watch(ctx, n, watchSpec{})
	if err != nil {
		return m, 0, err
	}
	defer func() { err = errors.Join(err, no.halt()) }()
	if paths, err = no.warm(ctx, n.Targets(), cpuWarm); err != nil {
		return m, 0, err
	}
	m, err = no.measure(ctx, lasts)
	return m, paths, err
}

// mostOfFping is how many targets one fping can ping each second. It has
// 65,000 sequence numbers, uses none again for 10 s, and ends when they are
// used up: at 9,000 targets after 7 s.
const mostOfFping = 6000

// fpings is what fping did for a while.
type fpings struct {
	processes int
	cpu       float64 // of a core
	kept      float64 // share of the pings asked for that were sent: a fping that does not keep up is cheap
}

// fping pings all targets each second, with as many processes as that
// needs.
func (b *bench) fping(ctx context.Context, n *lab.Net, lasts time.Duration) (f fpings, err error) {
	dir, err := os.MkdirTemp(b.dir, "fping-")
	if err != nil {
		return f, err
	}
	f.processes = (n.Targets() + mostOfFping - 1) / mostOfFping
	each := (n.Targets() + f.processes - 1) / f.processes
	// Its own least time between two packets (10 ms) is too long for so many; half leaves it time at each second's end.
	between := fmt.Sprintf("%.2f", max(0.05, 500/float64(each)))
	var all []*exec.Cmd
	defer func() {
		for _, cmd := range all {
			err = errors.Join(err, endFping(cmd))
		}
	}()
	lines := strings.SplitAfter(targets(n), "\n")
	for i := range f.processes {
		list := filepath.Join(dir, fmt.Sprint("list-", i))
		mine := lines[i*each : min((i+1)*each, n.Targets())]
		if err := os.WriteFile(list, []byte(strings.Join(mine, "")), 0o644); err != nil {
			return f, err
		}
		cmd := n.Space().Command(ctx, "fping", "-l", "-p", "1000", "-t", "500", "-i", between, "-Q", "3600", "-f", list)
		if err := cmd.Start(); err != nil {
			return f, err
		}
		all = append(all, cmd)
	}
	if err := pause(ctx, 3*time.Second); err != nil { // all are in its table and were asked twice
		return f, err
	}
	before, err := cpuOf(all)
	if err != nil {
		return f, err
	}
	from := time.Now()
	if err := pause(ctx, lasts); err != nil {
		return f, err
	}
	after, err := cpuOf(all)
	if err != nil {
		return f, err
	}
	took := time.Since(from).Seconds()
	sent := n.Truth().Count(lab.Window{From: from}, isPing).Probes
	f.kept = float64(sent) / (float64(n.Targets()) * took)
	f.cpu = (after - before).Seconds() / took
	return f, nil
}

func cpuOf(all []*exec.Cmd) (sum time.Duration, err error) {
	for _, cmd := range all {
		u, err := usageOf(cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		sum += u.cpu
	}
	return sum, nil
}

// endFping interrupts fping, which exits with 1 where an answer is missing:
// those of the last pings always are.
func endFping(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("fping had ended: %w", err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 1) {
		return fmt.Errorf("fping: %w", err)
	}
	return nil
}
