package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/spool"
)

// queueDir makes a spool, and an archive as a node that has traced for a while has one: empty here,
// but asked for each job.
func (b *bench) queueDir(name string) (*spool.Spool, *archive.Writer, error) {
	dir, err := os.MkdirTemp(b.dir, name+"-")
	if err != nil {
		return nil, nil, err
	}
	s, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{ReserveBytes: 1 << 20, ReserveInodes: 100})
	if err != nil {
		return nil, nil, err
	}
	ar, err := archive.OpenWriter(filepath.Join(dir, "archive"), "UTC")
	return s, ar, err
}

// putJobs writes job files as a sender leaves them, but unsynced.
func putJobs(s *spool.Spool, dir string, n int, suffix string) (ids []ulid.ULID, err error) {
	at := time.Now().Add(-time.Minute)
	for i := range n {
		id := ulid.MustNew(ulid.Timestamp(at)+uint64(i/100), ulid.DefaultEntropy())
		j := spool.Job{Target: fmt.Sprintf("198.18.%d.%d", i/250%250, i%250), ID: id, Source: "cli", Accepted: at, Reason: "bench"}
		data, err := j.Encode()
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(s.Dir(), dir, id.String()+suffix), data, 0o600); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// waitingJobs claims from a spool in which 100,000 jobs wait.
func (b *bench) waitingJobs() (err error) {
	n := sized(b, 100_000, 10_000)
	s, ar, err := b.queueDir("waiting")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ar.Close()) }()
	if _, err := putJobs(s, "new", n, ".job"); err != nil {
		return err
	}
	has := func(id ulid.ULID) bool { ok, err := ar.Has(id); return ok && err == nil }
	before := heap()
	began := time.Now()
	q, err := s.Lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	if _, err := q.Recover(has); err != nil {
		return err
	}
	started := time.Since(began)
	var each []time.Duration
	claimed := 0
	began = time.Now()
	for range 500 {
		call := time.Now()
		claims, err := q.Claim(has, 4)
		if err != nil || len(claims) != 4 {
			return fmt.Errorf("claimed %d of 4: %w", len(claims), err)
		}
		each = append(each, time.Since(call)/4)
		claimed += len(claims)
	}
	mean := time.Since(began) / time.Duration(claimed)
	memory := heap() - before
	call := time.Now()
	claims, err := q.Claim(has, 5000)
	if err != nil {
		return err
	}
	many := time.Since(call) / time.Duration(len(claims))
	slices.Sort(each)
	b.printf("| %d jobs wait: lock and recovery until the first claim | %.2f s | ≤ 2 s |\n", n, started.Seconds())
	b.printf("| … a claim, durable, four at a time, each: mean, p50, p99 | %s, %s, %s | ≤ 1 ms |\n", inMS(mean), inMS(quantile(each, 0.5)), inMS(quantile(each, 0.99)))
	b.printf("| … 5,000 at a time, each | %s | |\n", inMS(many))
	b.printf("| … memory for them | %.0f MB | ≤ 200 MB |\n", float64(memory)/1e6)
	return nil
}

// recovery starts on what a runner left that died with jobs in every state.
func (b *bench) recovery() (err error) {
	s, ar, err := b.queueDir("recovery")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ar.Close()) }()
	each := sized(b, 10_000, 1_000) / 5
	reported := map[ulid.ULID]bool{}
	events := map[string]string{ // what lies beside a job in cur/
		"nothing":  "",
		"started":  "{\"e\":\"start\"}\n",
		"sent":     "{\"e\":\"start\"}\n{\"e\":\"p\",\"n\":0,\"ttl\":0,\"ms\":0.2}\n",
		"reported": "{\"e\":\"start\"}\n{\"e\":\"p\",\"n\":0,\"ttl\":0,\"ms\":0.2}\n",
	}
	if _, err := putJobs(s, "new", each, ".job"); err != nil {
		return err
	}
	for state, lines := range events {
		ids, err := putJobs(s, "cur", each, ".job")
		if err != nil {
			return err
		}
		for _, id := range ids {
			reported[id] = state == "reported"
			if lines == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(s.Dir(), "cur", id.String()+".events"), []byte(lines), 0o600); err != nil {
				return err
			}
		}
	}
	began := time.Now()
	q, err := s.Lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	r, err := q.Recover(func(id ulid.ULID) bool { ok, _ := ar.Has(id); return ok || reported[id] })
	if err != nil {
		return err
	}
	took := time.Since(began)
	if len(r.Interrupted) != each || r.Requeued != 2*each {
		return fmt.Errorf("recovery found %d interrupted and %d to queue again of %d each", len(r.Interrupted), r.Requeued, each)
	}
	b.printf("| recovery of %d jobs: a fifth each queued, claimed, begun, traced, reported | %.2f s | ≤ 1 s |\n", 5*each, took.Seconds())
	return nil
}

// manyJobs asks a node in the simulated network for 5,000 traces at once.
func (b *bench) manyJobs(ctx context.Context) (err error) {
	jobs := sized(b, 5000, 500)
	n, err := lab.Start(lab.Config{Targets: jobs, Seed: 9, HopsMin: 10, HopsMax: 15})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.start(ctx, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.stop()) }()
	asked := time.Now()
	if _, err := no.mtrq(ctx, targets(n), "enqueue", "-"); err != nil {
		return err
	}
	var peak int64
	var first, last time.Duration
	for last == 0 {
		if time.Since(asked) > 3*time.Minute {
			return errors.New("not every path was asked within 3 minutes")
		}
		time.Sleep(500 * time.Millisecond)
		u, err := no.use()
		if err != nil {
			return err
		}
		peak = max(peak, u.memory)
		first, last = onceAsked(n, asked)
	}
	hops := 0
	for i := range n.Targets() {
		hops += n.Target(i).TTL()
	}
	b.printf("| %d jobs at once, `max_pps` 5000: each target's own probe left within | %.1f s | |\n", jobs, first.Seconds())
	b.printf("| … each TTL of every path asked once within | %.1f s | ≤ %.1f s: jobs × hops ÷ budget, with the 17 probes of a path of unknown length |\n", last.Seconds(), float64(17*jobs)/5000)
	b.printf("| … the same by the %d hops that there are | %.1f s | |\n", hops, float64(hops)/5000)
	b.printf("| … memory, run and its mtr-packets, at most | %.0f MB | ≤ 400 MB |\n", float64(peak)/1e6)
	return nil
}

// onceAsked is when the last target had its own probe, and when the last path
// had each of its TTLs asked once; zero while that is not so.
func onceAsked(n *lab.Net, asked time.Time) (first, last time.Duration) {
	type state struct {
		own  time.Duration
		ttls uint64
		left int
		done time.Duration
	}
	states := make([]state, n.Targets())
	for i := range states {
		states[i].left = n.Target(i).TTL()
	}
	for r := range n.Truth().Records() {
		at := r.Arrived.Sub(asked)
		if r.Target < 0 || at < 0 {
			continue
		}
		s := &states[r.Target]
		if s.own == 0 {
			s.own = at
		}
		ttl := min(int(r.TTL), n.Target(r.Target).TTL())
		if s.ttls&(1<<ttl) == 0 {
			s.ttls |= 1 << ttl
			if s.left--; s.left == 0 {
				s.done = at
			}
		}
	}
	for i := range states {
		if states[i].done == 0 {
			return 0, 0
		}
		first, last = max(first, states[i].own), max(last, states[i].done)
	}
	return first, last
}
