package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

const singles = 200 // jobs each way

// firsts are the times from asked to the first probe of each target that
// got one, sorted.
func firsts(n *lab.Net, asked time.Time) []time.Duration {
	var out []time.Duration
	for target, at := range n.Truth().First(asked) {
		if target >= 0 {
			out = append(out, at.Sub(asked))
		}
	}
	slices.Sort(out)
	return out
}

// single measures one job after another: from the moment that the asking
// command has returned to the first packet.
func (b *bench) single(ctx context.Context) (err error) {
	n, err := lab.Start(lab.Config{Targets: 2*singles + burstTargets, Seed: 2})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.start(ctx, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.stop()) }()
	serve := n.Space().Command(ctx, b.mtrq, "serve", "--listen", "127.0.0.1:8081")
	serve.Env = no.env()
	if err := serve.Start(); err != nil {
		return err
	}
	defer func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	}()
	for range 100 {
		if n.Space().Command(ctx, "curl", "-sf", "http://127.0.0.1:8081/healthz").Run() == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}

	b.printf("## One job\n\nOne after the other, %d each; from the return of the command to the first packet in the log (0 where it was out before), and how long the command took.\n\n", singles)
	b.printf("| asked by | return to first packet p50, p99 | start to first packet p50, p99 | to reach |\n|---|---|---|---|\n")
	for k, way := range []struct {
		name string
		ask  func(target string) error
	}{
		{"`mtrq enqueue`", func(t string) error { _, err := no.mtrq(ctx, "", "enqueue", "--rounds", "1", t); return err }},
		{"`curl`", func(t string) error {
			out, err := n.Space().Command(ctx, "curl", "-sS", "--fail-with-body", "http://127.0.0.1:8081/api/mtr?rounds=1&ip="+t).CombinedOutput()
			if err != nil {
				err = fmt.Errorf("curl: %w: %s", err, out)
			}
			return err
		}},
	} {
		var after, whole []time.Duration
		for i := range singles {
			target := n.Target(k*singles + i)
			began := time.Now()
			if err := way.ask(target.Addr4.String()); err != nil {
				return err
			}
			returned := time.Now()
			wait, cancel := context.WithTimeout(ctx, 10*time.Second)
			var at time.Time
			err := n.Truth().Wait(wait, 1, func(r *lab.Record) bool {
				if r.Target != k*singles+i {
					return false
				}
				if at.IsZero() {
					at = r.Arrived
				}
				return true
			})
			cancel()
			if err != nil {
				return fmt.Errorf("no probe to %s: %w", target.Addr4, err)
			}
			after = append(after, max(0, at.Sub(returned)))
			whole = append(whole, at.Sub(began))
		}
		slices.Sort(after)
		slices.Sort(whole)
		b.printf("| %s | %.1f ms, %.1f ms | %.1f ms, %.1f ms | p50 ≤ 10 ms, p99 ≤ 50 ms |\n", way.name,
			ms(quantile(after, 0.5)), ms(quantile(after, 0.99)), ms(quantile(whole, 0.5)), ms(quantile(whole, 0.99)))
	}

	// Durable batches, into a spool that nobody empties.
	quiet := &node{b: b, dir: no.dir + "-quiet"}
	var list strings.Builder
	for i := range burstTargets {
		fmt.Fprintln(&list, n.Target(2*singles+i).Addr4)
	}
	var took []time.Duration
	for range 20 {
		began := time.Now()
		if _, err := quiet.mtrq(ctx, list.String(), "enqueue", "-"); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.printf("| `mtrq enqueue -` of %d, whole process, durable (20 runs) | | %.1f ms, at most %.1f ms | ≤ 100 ms |\n\n", burstTargets, ms(quantile(took, 0.5)), ms(took[len(took)-1]))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
