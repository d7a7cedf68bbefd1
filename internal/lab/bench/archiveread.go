package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

func hashOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:1])
}

// archiveRead measures what the pages ask of an archive of 10 million
// requests over 360 days.
func (b *bench) archiveRead(ctx context.Context) (err error) {
	dir := filepath.Join(b.dir, "archive")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	began := time.Now()
	g, err := generate(ctx, dir, sized(b, 360, 36), 27_778, 2000, sized(b, 300, 30), b.seed)
	if err != nil {
		return err
	}
	took := time.Since(began)
	n, size, err := weigh(dir)
	if err != nil {
		return err
	}
	b.printf("## Reading the archive\n\n%d requests over %d days, %d targets, %d incidents: %d files, %.1f GB, without reports, generated in %.0f s; in the memory of the kernel, but not of mtrq (\"cold\"). Single calls, in ms; CPU is what this process used meanwhile, which other work on the machine disturbs less.\n\n",
		g.lines, g.days, len(g.targets), g.incidents, n, float64(size)/1e9, took.Seconds())
	b.printf("| | calls | p50 | p95 | greatest | to reach | CPU p50 |\n|---|---|---|---|---|---|---|\n")
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // the greatest begins anew
		return err
	}
	base, _, err := memory(os.Getpid())
	if err != nil {
		return err
	}
	if err := g.measure(ctx, b); err != nil {
		return err
	}
	_, most, err := memory(os.Getpid())
	if err != nil {
		return err
	}
	b.printf("\nMemory of the process meanwhile, at most: %.1f MB, of which %.1f MB were there before (to reach, for the whole of `mtrq serve`: ≤ 64 MB).\n\n", float64(most)/1e6, float64(base)/1e6)
	return nil
}

// measure prints a row for each kind of view.
func (g *bigArchive) measure(ctx context.Context, b *bench) error {
	day := func(i int) archive.Date { return g.last.Add(-i * 7 % g.days) }
	var a *archive.Archive
	var err error
	// cold opens the archive anew before each call.
	cold := func(do func(i int) error) func(int) (call, error) {
		return func(i int) (call, error) {
			if a != nil {
				a.Close() // only read from
			}
			if a, err = archive.Open(g.dir); err != nil {
				return call{}, err
			}
			return timed(func() error { return do(i) })
		}
	}
	warm := func(do func(i int) error) func(int) (call, error) {
		return func(i int) (call, error) {
			if err := do(i); err != nil {
				return call{}, err
			}
			return timed(func() error { return do(i) })
		}
	}
	loss := 10.0
	filters := []archive.View{
		{Filter: archive.Filter{LossAbove: &loss}, Limit: 100}, {Sort: archive.SortLoss, Limit: 100}, {Sort: archive.SortTarget, Limit: 100},
		{Filter: archive.Filter{Reason: "ZABBIX"}, Limit: 100}, {Filter: archive.Filter{Tags: map[string]string{"circuit": "GZ-0042"}}, Limit: 100},
		{Filter: archive.Filter{Verdicts: []report.Class{report.RealLoss}, Node: "gz2"}, Sort: archive.SortVerdict, Limit: 100},
		{Filter: archive.Filter{Target: "edge10.example.net"}, Limit: 100},
	}
	view := func(d func(i int) archive.Date, v func(i int) archive.View) func(int) error {
		return func(i int) error {
			got, err := a.ViewDay(d(i), v(i))
			if err == nil && got.Total != g.perDay {
				err = fmt.Errorf("%s has %d requests, not %d", d(i), got.Total, g.perDay)
			}
			return err
		}
	}
	plain := func(int) archive.View { return archive.View{Limit: 100} }
	filtered := func(i int) archive.View { return filters[i%len(filters)] }
	target := func(n func(i int) int) func(int) error {
		return func(i int) error {
			t := &g.targets[n(i)]
			got, err := a.ViewTarget(t.addr.String(), time.Time{}, time.Time{}, 360, archive.View{Limit: 100})
			if err == nil && got.Total != t.lines {
				err = fmt.Errorf("%s has %d requests, not %d", t.addr, got.Total, t.lines)
			}
			return err
		}
	}
	spread := func(i int) int { return i * 37 % len(g.targets) }
	search := func(q func(i int) string) func(int) error {
		return func(i int) error {
			hits, err := a.Search(q(i), 20)
			if err == nil && len(hits) == 0 {
				err = fmt.Errorf("nothing is found for %q", q(i))
			}
			return err
		}
	}
	for _, m := range []struct {
		name, reach string
		calls       int
		do          func(int) (call, error)
	}{
		{"a day, its newest 100, cold", "≤ 50", 40, cold(view(day, plain))},
		{"the same, another page, from the cache", "≤ 50", 40, warm(view(day, func(i int) archive.View { return archive.View{Limit: 100, Offset: 100 * i} }))},
		{"a day filtered or sorted, cold", "≤ 250", 42, cold(view(day, filtered))},
		{"the same, from the cache", "≤ 50", 42, warm(view(day, filtered))},
		{"a target, all its history in 360 buckets, cold", "≤ 50", 40, cold(target(spread))},
		{"the same, from the cache", "≤ 50", 40, warm(target(spread))},
		{fmt.Sprintf("the busiest target (%d requests), cold", g.targets[0].lines), "≤ 50", 10, cold(target(func(int) int { return 0 }))},
		{"search by target, cold", "≤ 50", 40, cold(search(func(i int) string { return g.targets[spread(i)].addr.String() }))},
		{"search by prefix, cold", "≤ 50", 40, cold(search(func(i int) string { return fmt.Sprintf("198.18.%d.0/24", i%8) }))},
		{"search by part of an address, from the cache", "≤ 50", 40, warm(search(func(i int) string { return fmt.Sprintf("18.%d.1", i%8) }))},
		{"search by a tag's value, cold", "", 10, cold(search(func(i int) string { return g.targets[spread(i)].circuit }))},
		{"the 20 worst of a week, cold", "", 10, cold(func(int) error { _, err := a.Worst(g.last.Add(-6).Start(g.loc), 20); return err })},
		{"the same of a day, from the cache", "", 20, warm(func(int) error { _, err := a.Worst(g.last.Start(g.loc), 20); return err })},
	} {
		var list, cpu []time.Duration
		for i := range m.calls {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c, err := m.do(i)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			list, cpu = append(list, c.took), append(cpu, c.cpu)
		}
		slices.Sort(list)
		slices.Sort(cpu)
		ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }
		b.printf("| %s | %d | %s | %s | %s | %s | %s |\n", m.name, len(list), ms(quantile(list, 0.5)), ms(quantile(list, 0.95)), ms(list[len(list)-1]), m.reach, ms(quantile(cpu, 0.5)))
	}
	return g.countAll(ctx, b)
}

// call is how long something took, and how much processor time.
type call struct{ took, cpu time.Duration }

func timed(do func() error) (call, error) {
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		return call{}, err
	}
	began := time.Now()
	err := do()
	took := time.Since(began)
	if e := syscall.Getrusage(syscall.RUSAGE_SELF, &after); e != nil {
		err = errors.Join(err, e)
	}
	return call{took, time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())}, err
}

// countAll counts all days in the background.
func (g *bigArchive) countAll(ctx context.Context, b *bench) error {
	a, err := archive.Open(g.dir)
	if err != nil {
		return err
	}
	defer a.Close() // only read from
	before, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	began := time.Now()
	go func() { a.CountDays(ctx); close(ended) }()
	defer func() { stop(); <-ended }()
	for known := 0; known < g.days; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		days, err := a.Calendar(g.last.Add(1-g.days), g.last)
		if err != nil {
			return err
		}
		known = 0
		for _, d := range days {
			if d.Known {
				known++
			}
		}
	}
	took := time.Since(began)
	after, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	again := time.Now()
	if _, err := a.Calendar(g.last.Add(1-g.days), g.last); err != nil {
		return err
	}
	b.printf("\nAll %d days counted for the calendar after %.0f s in the background, with %.1f s of CPU; the calendar itself takes %.1f ms.\n",
		g.days, took.Seconds(), (after.cpu - before.cpu).Seconds(), time.Since(again).Seconds()*1000)
	return nil
}

// memory is what a process has in memory now, and what it had at most.
func memory(pid int) (now, most int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		if name == "VmHWM" || name == "VmRSS" {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0, 0, err
			}
			if name == "VmHWM" {
				most = kb << 10
			} else {
				now = kb << 10
			}
		}
	}
	return now, most, nil
}

// weigh counts files and bytes.
func weigh(dir string) (files int, size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			files, size = files+1, size+st.Size()
		}
		return err
	})
	return files, size, err
}
