package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// spool measures the way of jobs onto the disk, out of new/ and, after a
// crash, back. No network is needed, but for the last part.
func (b *bench) spool(ctx context.Context) error {
	b.printf("## The spool\n\nA real `mtrq enqueue` on %s; each time ends when the last ID is printed, and a job whose ID is printed survives a power cut.\n\n", filesystem(b.dir))
	b.printf("| | measured | to reach |\n|---|---|---|\n")
	for _, list := range []struct {
		targets int
		reach   string
	}{{500, "≤ 100 ms"}, {10_000, "≤ 1 s"}} {
		took, err := b.enqueueList(ctx, list.targets, sized(b, 20, 5))
		if err != nil {
			return err
		}
		b.printf("| `enqueue -` of %d targets, from exec to exit: median, slowest of %d | %s, %s | %s |\n",
			list.targets, len(took), inMS(quantile(took, 0.5)), inMS(took[len(took)-1]), list.reach)
	}
	if err := b.streams(ctx); err != nil {
		return err
	}
	if err := b.waitingJobs(); err != nil {
		return err
	}
	if err := b.recovery(); err != nil {
		return err
	}
	if err := b.manyJobs(ctx); err != nil {
		return err
	}
	b.printf("\n")
	return nil
}

func inMS(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

// list is n targets, one a line.
func list(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "198.18.%d.%d\n", i/250%250, i%250)
	}
	return s.String()
}

// enqueueList times mtrq enqueue - of so many targets.
func (b *bench) enqueueList(ctx context.Context, targets, times int) (took []time.Duration, err error) {
	dir, err := os.MkdirTemp(b.dir, "enqueue-")
	if err != nil {
		return nil, err
	}
	for range times {
		cmd := exec.CommandContext(ctx, b.mtrq, "--spool", dir, "enqueue", "-")
		cmd.Env = append(os.Environ(), "MTRQ_CONFIG=")
		cmd.Stdin = strings.NewReader(list(targets))
		began := time.Now()
		out, err := cmd.Output()
		took = append(took, time.Since(began))
		if err != nil {
			return nil, err
		}
		if n := strings.Count(string(out), "\n"); n != targets {
			return nil, fmt.Errorf("enqueue printed %d IDs of %d", n, targets)
		}
	}
	slices.Sort(took)
	return took, nil
}

const streamsAtOnce = 16

// streams has 16 senders that stay, beside 16 that do what a careful script
// does: write, sync, rename, sync the directory, for each job. Both take
// turns, so that a disk that becomes slow is slow for both.
func (b *bench) streams(ctx context.Context) error {
	length := sized(b, 5*time.Second, time.Second)
	var piped, asked, naive []float64
	for range 3 {
		for _, m := range []struct {
			rates *[]float64
			run   func(context.Context, time.Duration) (int64, time.Duration, error)
		}{{&naive, b.naiveSenders}, {&asked, b.askingSenders}, {&piped, b.pipedSenders}} {
			n, took, err := m.run(ctx, length)
			if err != nil {
				return err
			}
			*m.rates = append(*m.rates, float64(n)/took.Seconds())
		}
	}
	for _, r := range [][]float64{piped, asked, naive} {
		slices.Sort(r)
	}
	b.printf("| %d `enqueue -` that are fed all the time, jobs/s: least, median of 3 | %.0f, %.0f | ≥ 2,500 |\n", streamsAtOnce, piped[0], piped[1])
	b.printf("| … beside %d senders that write, fsync, rename and fsync each job, jobs/s: least, median | %.0f, %.0f | |\n", streamsAtOnce, naive[0], naive[1])
	b.printf("| … ratio of the medians | %.1f | ≥ 2 |\n", piped[1]/naive[1])
	b.printf("| %d `enqueue -` of which each waits for the ID before it sends the next target, jobs/s | %.0f, %.0f | |\n", streamsAtOnce, asked[0], asked[1])
	return nil
}

// naiveSenders is the recipe of a careful script, without the cost of a shell.
func (b *bench) naiveSenders(_ context.Context, length time.Duration) (n int64, took time.Duration, err error) {
	dir, err := os.MkdirTemp(b.dir, "naive-")
	if err != nil {
		return 0, 0, err
	}
	err = errors.Join(os.Mkdir(filepath.Join(dir, "tmp"), 0o755), os.Mkdir(filepath.Join(dir, "new"), 0o755))
	if err != nil {
		return 0, 0, err
	}
	return atOnce(length, func(who int, until time.Time, count *atomic.Int64) error {
		for i := 0; time.Now().Before(until); i++ {
			name := fmt.Sprintf("%d-%d.job", who, i)
			if err := naiveJob(dir, name); err != nil {
				return err
			}
			count.Add(1)
		}
		return nil
	})
}

func naiveJob(dir, name string) error {
	tmp := filepath.Join(dir, "tmp", name)
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.WriteString("target = \"203.0.113.7\"\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, "new", name)); err != nil {
		return err
	}
	d, err := os.Open(filepath.Join(dir, "new"))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// pipedSenders feeds long-lived mtrq enqueue - as fast as they read.
func (b *bench) pipedSenders(ctx context.Context, length time.Duration) (int64, time.Duration, error) {
	return b.longSenders(ctx, length, func(in io.Writer, out *bufio.Scanner, until time.Time, count *atomic.Int64) error {
		fed := make(chan error, 1)
		go func() {
			var err error
			for err == nil && time.Now().Before(until) {
				_, err = io.WriteString(in, strings.Repeat("203.0.113.7\n", 64))
			}
			fed <- err
		}()
		for time.Now().Before(until) && out.Scan() {
			count.Add(1)
		}
		go func() { // what is still printed counts for nothing
			for out.Scan() {
			}
		}()
		return <-fed
	})
}

// askingSenders waits for each ID before it sends the next target.
func (b *bench) askingSenders(ctx context.Context, length time.Duration) (int64, time.Duration, error) {
	return b.longSenders(ctx, length, func(in io.Writer, out *bufio.Scanner, until time.Time, count *atomic.Int64) error {
		for time.Now().Before(until) {
			if _, err := io.WriteString(in, "203.0.113.7\n"); err != nil {
				return err
			}
			if !out.Scan() {
				return errors.New("enqueue ended")
			}
			count.Add(1)
		}
		return nil
	})
}

func (b *bench) longSenders(ctx context.Context, length time.Duration, send func(io.Writer, *bufio.Scanner, time.Time, *atomic.Int64) error) (int64, time.Duration, error) {
	dir, err := os.MkdirTemp(b.dir, "streams-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir) // millions of jobs
	return atOnce(length, func(_ int, until time.Time, count *atomic.Int64) error {
		cmd := exec.CommandContext(ctx, b.mtrq, "--spool", dir, "enqueue", "-")
		cmd.Env = append(os.Environ(), "MTRQ_CONFIG=")
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		err = send(in, bufio.NewScanner(out), until, count)
		return errors.Join(err, in.Close(), cmd.Wait())
	})
}

// atOnce runs the senders together and gives how many jobs they had accepted
// in the time.
func atOnce(length time.Duration, send func(who int, until time.Time, count *atomic.Int64) error) (int64, time.Duration, error) {
	var count atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, streamsAtOnce)
	began := time.Now()
	until := began.Add(length)
	for who := range streamsAtOnce {
		wg.Go(func() { errs[who] = send(who, until, &count) })
	}
	wg.Wait()
	return count.Load(), length, errors.Join(errs...)
}
