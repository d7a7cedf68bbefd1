package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

const (
	besideRounds = 300
	besideLoss   = 10.0 // percent, there
)

// beside runs mtr and mtrq on the same paths at the same time.
func (b *bench) beside(ctx context.Context) (err error) {
	n, err := lab.Start(lab.Config{Targets: 5, Seed: 4})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.start(ctx, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.stop()) }()
	for i := range n.Targets() {
		n.Loss(n.Target(i).Link(n.Target(i).TTL()), lab.Forward, besideLoss)
	}
	if _, err := no.mtrq(ctx, targets(n), "enqueue", "-", "--rounds", fmt.Sprint(besideRounds), "--interval", "200ms"); err != nil {
		return err
	}
	var outs []func() ([]byte, error)
	for i := range n.Targets() {
		cmd := n.Space().Command(ctx, "mtr", "-n", "--json", "-c", fmt.Sprint(besideRounds), "-i", "0.2", "-G", "1", n.Target(i).Addr4.String())
		out := make(chan result, 1)
		go func() { data, err := cmd.Output(); out <- result{data, err} }()
		outs = append(outs, func() ([]byte, error) { r := <-out; return r.data, r.err })
	}
	entries, err := no.waitReports(ctx, n.Targets(), 3*time.Minute)
	if err != nil {
		return err
	}
	b.printf("## Beside mtr on the same paths, at the same time\n\n%d rounds each 200 ms, %g %% loss on the link into each target. Interval: 95 %% binomial around the configured loss for what was sent. RTT: mean per hop, mtrq less mtr.\n\n", besideRounds, besideLoss)
	b.printf("| target | mtrq lost of sent | mtr lost of sent | interval | in it | RTT difference, median of hops |\n|---|---|---|---|---|---|\n")
	for i, out := range outs {
		data, err := out()
		if err != nil {
			return fmt.Errorf("mtr: %w", err)
		}
		var doc struct {
			Report struct {
				Hubs []struct {
					Loss float64 `json:"Loss%"`
					Snt  int
					Avg  float64
				}
			}
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			return err
		}
		target := n.Target(i).Addr4.String()
		at := slices.IndexFunc(entries, func(e entry) bool { return e.Target == target })
		if at < 0 {
			return fmt.Errorf("no report for %s", target)
		}
		r, err := no.load(entries[at])
		if err != nil {
			return err
		}
		hubs := doc.Report.Hubs
		var diffs []float64
		for k := range min(len(hubs), len(r.MTR.Hubs)) {
			diffs = append(diffs, math.Abs(float64(r.MTR.Hubs[k].Avg)-hubs[k].Avg))
		}
		slices.Sort(diffs)
		last := hubs[len(hubs)-1]
		sent, lost := *entries[at].Sent, *entries[at].Lost
		low, high := binomial(sent, besideLoss/100)
		in := "yes"
		if lost < low || lost > high {
			in = "no"
		}
		b.printf("| %s | %d of %d | %.0f of %d | %d to %d | %s | %.2f ms |\n", target, lost, sent, last.Loss*float64(last.Snt)/100, last.Snt, low, high, in, diffs[len(diffs)/2])
	}
	b.printf("\n")
	return nil
}

type result struct {
	data []byte
	err  error
}

// binomial is the central 95 % of Binomial(n, p).
func binomial(n int, p float64) (low, high int) {
	var sum float64
	low = -1
	for k := 0; k <= n; k++ {
		lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
		sum += math.Exp(lg(n) - lg(k) - lg(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log(1-p))
		if low < 0 && sum > 0.025 {
			low = k
		}
		if sum >= 0.975 {
			return low, k
		}
	}
	return low, n
}
