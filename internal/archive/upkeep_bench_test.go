package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

// bigDay is how many reports a day has in an archive of 10 million a year.
const bigDay = 27_777

// BenchmarkUpkeep is what prune, reindex and verify take for a day of 27,777
// reports of 2,000 targets: go test -run - -bench Upkeep -benchtime 1x
func BenchmarkUpkeep(b *testing.B) {
	if testing.Short() {
		b.Skip("writes 27,777 reports, which takes some 20 s")
	}
	dir := b.TempDir()
	w := newWriter(b, dir, "UTC")
	last := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var all []*report.Report
	for i := range bigDay {
		all = append(all, makeReport(b, last.Add(-dayLong+time.Duration(i)*3*time.Second), uint64(i), fmt.Sprintf("198.18.%d.%d", i%2000/250, i%250)))
	}
	var wg sync.WaitGroup
	for i := range 512 {
		wg.Go(func() {
			for j := i; j < len(all); j += 512 {
				if err := w.Write(all[j]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	write(b, w, makeReport(b, last.Add(time.Hour), 1, "198.18.0.1"))
	day := DateOf(last.Add(-time.Hour), time.UTC)
	step := func(name string, fn func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	verify := func() error {
		_, err := w.Verify(b.Context(), Date{}, func(f Finding) { b.Errorf("%+v", f) })
		return err
	}
	prune := func(l Limits) error {
		l.Now = last.Add(10 * dayLong)
		_, err := w.Prune(b.Context(), l, nil)
		return err
	}
	step("verify", verify)
	step("reindex, nothing to write", func() error { _, err := w.Reindex(b.Context(), nil, nil); return err })
	step("reindex, everything to write", func() error {
		if err := os.RemoveAll(filepath.Join(dir, "target")); err != nil {
			return err
		}
		clear(w.synced)
		if err := os.Remove(filepath.Join(dir, day.Path(), indexName)); err != nil {
			return err
		}
		_, err := w.Reindex(b.Context(), nil, nil)
		return err
	})
	step("compress", func() error { return prune(Limits{CompressAfter: dayLong}) })
	step("verify, compressed", verify)
	step("prune", func() error { return prune(Limits{Keep: dayLong, Force: true}) })
}

// BenchmarkListSince is mtrq list over 10 million reports: of 360 days, the
// newest of which have 27,777 lines; no other is opened.
func BenchmarkListSince(b *testing.B) {
	dir := b.TempDir()
	w := newWriter(b, dir, "UTC")
	last := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for d := range 360 {
		day := DateOf(last.AddDate(0, 0, -d), time.UTC)
		n := bigDay
		if d > 4 {
			n = 1
		}
		head, err := headLine(header{Day: day.String()})
		if err != nil {
			b.Fatal(err)
		}
		for i := range n {
			at := last.AddDate(0, 0, -d).Add(time.Duration(i) * 3110 * time.Millisecond)
			id := makeID(b, at, uint64(i))
			target := fmt.Sprintf("198.18.%d.%d", i%2000/250, i%250)
			lost, sent, us := i%3, 120, int64(9050)
			e := Entry{ID: id, At: at, Node: "hk1", Target: addressOf(target), Asked: target, Protocol: "icmp", Source: "watchdog", Reason: "3 of 12 pings lost",
				State: report.Reached, Ended: report.EndedComplete, Lost: &lost, Sent: &sent, AvgUS: &us, MinUS: &us, MedianUS: &us, MaxUS: &us,
				Verdict: "real-loss", Grade: "likely", Freshness: report.InEvent, File: fileName(at, target, id)}
			if head, err = appendLine(head, e, ""); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, day.Path()), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, day.Path(), indexName), head, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	five := 5.0
	for name, q := range map[string]Query{
		"the newest 50":        {Limit: 50},
		"since 1h":             {Since: last.Add(22 * time.Hour), Limit: 50},
		"since 1h, all":        {Since: last.Add(22 * time.Hour)},
		"since 1d, loss above": {Since: last, LossAbove: &five, Limit: 50},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := w.List(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
