package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

func TestMain(m *testing.M) { os.Exit(lab.TestMain(m)) }

func tree(t *testing.T, targets, least, most int) *lab.Topology {
	t.Helper()
	top, err := lab.Tree(targets, least, most, 11)
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func TestPlan(t *testing.T) {
	top := tree(t, 1000, 8, 15)
	spec := planSpec{pairs: 3000, least: 2 * time.Second, most: 10 * time.Second, percents: []float64{100}, pace: 9, apart: apart, widest: 50}
	events := plan(top, rand.New(rand.NewPCG(11, 100)), spec)
	all := lines(top)
	free := map[int]time.Duration{}
	count, wide, own := 0, 0, 0
	for i, e := range events {
		if i > 0 && e.at < events[i-1].at {
			t.Errorf("event %d at %s stands after one at %s", i, e.at, events[i-1].at)
		}
		if n := len(e.targets); n < 1 || n > 50 {
			t.Errorf("event %d has %d targets", i, n)
		}
		if e.length < spec.least || e.length > spec.most {
			t.Errorf("event %d lasts %s", i, e.length)
		}
		if !slices.Equal(e.targets, all[e.link].targets) || e.ttl != all[e.link].ttl {
			t.Errorf("event %d does not have what is behind its link", i)
		}
		for _, target := range e.targets {
			if at, ok := free[target]; ok && e.at < at {
				t.Errorf("target %d again at %s, free at %s", target, e.at, at)
			}
			free[target] = e.at + e.length + apart
			if i := slices.Index(links(top.Targets[target]), e.link); i+1 != e.ttl {
				t.Errorf("link %d stands at ttl %d of target %d, want %d", e.link, i+1, target, e.ttl)
			}
		}
		count += len(e.targets)
		if len(e.targets) >= 10 {
			wide++
		}
		if len(e.targets) == 1 {
			own++
		}
	}
	last := events[len(events)-1]
	t.Logf("%d events, %d of 10 and more targets, %d of one, %d pairs, in %s", len(events), wide, own, count, last.at+last.length)
	if count < 3000 || count >= 3050 {
		t.Errorf("%d pairs, want 3000 and the rest of the last event", count)
	}
	if wide < 50 || own < 50 {
		t.Errorf("%d events with many targets, %d with one: want both kinds", wide, own)
	}
	if end := last.at + last.length; end > 6*time.Minute {
		t.Errorf("it takes %s, want at most 6 min", end)
	}
	if again := plan(top, rand.New(rand.NewPCG(11, 100)), spec); len(again) != len(events) || again[len(again)-1].link != last.link {
		t.Error("the same seed draws other events")
	}
}

func TestBesidePlan(t *testing.T) {
	top, err := lab.Tree(besideTargets, 8, 15, 12)
	if err != nil {
		t.Fatal(err)
	}
	events := besidePlan(top, 20)
	count, total := 0, map[float64]int{}
	for _, e := range events {
		count += len(e.targets)
		total[e.percent]++
	}
	if last := events[len(events)-1]; len(events) != 20 || count < 90 || last.at > 6*time.Minute {
		t.Errorf("%d events, %d pairs, the last at %s; want 20, 90 and more, within 6 min", len(events), count, last.at)
	}
	if total[100] != 10 || total[30] != 10 {
		t.Errorf("events by loss: %v, want half of 100 %% and half of 30 %%", total)
	}
}

func TestPlanDraws(t *testing.T) {
	top := tree(t, drawTargets, 10, 15)
	events, err := planDraws(top, rand.New(rand.NewPCG(1, 1)), 100, 25, 60)
	if err != nil {
		t.Fatal(err)
	}
	free := map[int]time.Duration{}
	for i, e := range events {
		if n := len(e.targets); n < 25 || n > 60 || e.percent < 20 || e.percent > 100 {
			t.Errorf("draw %d: %d targets lose %g %%", i, n, e.percent)
		}
		for _, target := range e.targets {
			if e.at < free[target] {
				t.Errorf("draw %d: target %d again at %s, free at %s", i, target, e.at, free[target])
			}
			free[target] = e.at + e.length + drawApart
		}
	}
	if _, err := planDraws(top, rand.New(rand.NewPCG(1, 1)), 1, 2000, 3000); err == nil {
		t.Error("draws of links that are not there: no error")
	}
}

func TestPairs(t *testing.T) {
	began := time.Unix(1_700_000_000, 0)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	trace := func(ms, target, ttl int) lab.Record {
		return lab.Record{Arrived: at(ms), Target: target, Protocol: lab.ICMP, Size: 64, TTL: uint8(ttl)}
	}
	other := func(r lab.Record, change func(*lab.Record)) lab.Record { change(&r); return r }
	// Two events of target 7, whose path has three TTLs.
	events := []played{
		{lossEvent: lossEvent{targets: []int{7}}, start: at(1000), end: at(2000)},
		{lossEvent: lossEvent{targets: []int{7}}, start: at(5000), end: at(6000)},
	}
	tests := map[string]struct {
		log                       []lab.Record
		lost                      int
		first, whole, wholeSecond time.Time
	}{
		"nothing":                            {},
		"whole path":                         {log: []lab.Record{trace(1100, 7, 1), trace(1200, 7, 2), trace(1300, 7, 3)}, first: at(1100), whole: at(1300)},
		"a TTL beyond the target reaches it": {log: []lab.Record{trace(1100, 7, 1), trace(1200, 7, 2), trace(1300, 7, 5)}, first: at(1100), whole: at(1300)},
		"at the very begin, in any order":    {log: []lab.Record{trace(1000, 7, 3), trace(1000, 7, 2), trace(1999, 7, 1)}, first: at(1000), whole: at(1999)},
		"the last TTL at the end is outside": {log: []lab.Record{trace(1100, 7, 1), trace(1200, 7, 2), trace(2000, 7, 3)}, first: at(1100)},
		"one before the begin is outside":    {log: []lab.Record{trace(999, 7, 1), trace(1200, 7, 2), trace(1300, 7, 3)}, first: at(1200)},
		"a TTL twice is not two":             {log: []lab.Record{trace(1100, 7, 1), trace(1200, 7, 1), trace(1300, 7, 3)}, first: at(1100)},
		"another target":                     {log: []lab.Record{trace(1100, 8, 1), trace(1200, 8, 2), trace(1300, 8, 3), trace(1300, -1, 3)}},
		"rounds that learn do not count":     {log: []lab.Record{other(trace(1100, 7, 1), func(r *lab.Record) { r.Size = 60 })}},
		"pings are no trace, lost ones count": {log: []lab.Record{trace(900, 7, 64), trace(1100, 7, 64),
			other(trace(1500, 7, 64), func(r *lab.Record) { r.Fate = lab.LostForward }), trace(1200, 7, 1)}, lost: 1, first: at(1200)},
		"the second event": {log: []lab.Record{trace(3000, 7, 1), trace(5000, 7, 1), trace(5100, 7, 2), trace(5200, 7, 3)}, wholeSecond: at(5200)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ps := pairs(slices.Values(tt.log), events, func(int) int { return 3 })
			if len(ps) != 2 {
				t.Fatalf("%d pairs, want 2", len(ps))
			}
			if p := ps[0]; p.lost != tt.lost || !p.first.Equal(tt.first) || !p.whole.Equal(tt.whole) {
				t.Errorf("lost %d, first %v, whole %v; want %d, %v, %v", p.lost, p.first, p.whole, tt.lost, tt.first, tt.whole)
			}
			if !ps[1].whole.Equal(tt.wholeSecond) {
				t.Errorf("second event: whole %v, want %v", ps[1].whole, tt.wholeSecond)
			}
		})
	}
}

func TestWilson(t *testing.T) {
	// Values of R's binom.confint(method = "wilson").
	for _, tt := range []struct {
		k, n      int
		low, high string
	}{{95, 95, "96.1", "100.0"}, {0, 10, "0.0", "27.8"}, {5, 10, "23.7", "76.3"}, {2990, 3000, "99.4", "99.8"}, {0, 0, "0.0", "100.0"}} {
		low, high := wilson(tt.k, tt.n)
		if got := fmt.Sprintf("%.1f %.1f", low, high); got != tt.low+" "+tt.high {
			t.Errorf("%d of %d: got %s, want %s %s", tt.k, tt.n, got, tt.low, tt.high)
		}
	}
}

func TestNamesLink(t *testing.T) {
	var hops [][]netip.Addr
	for i := range 5 {
		hops = append(hops, []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})})
	}
	addr := func(ttl int) netip.Addr {
		if ttl == 0 {
			return netip.Addr{}
		}
		return hops[ttl-1][0]
	}
	foreign := netip.MustParseAddr("198.51.100.1")
	for _, tt := range []struct {
		name     string
		from, to netip.Addr
		ttl      int
		want     bool
		width    int
	}{
		{"the one link", addr(2), addr(3), 3, true, 1},
		{"one too near", addr(1), addr(2), 3, false, 1},
		{"one too far", addr(3), addr(4), 3, false, 1},
		{"at the end of a longer one", addr(1), addr(3), 3, true, 2},
		{"the machine's own", addr(0), addr(1), 1, true, 1},
		{"the target's own, To left out", addr(4), addr(0), 5, true, 1},
		{"the wrong way round", addr(3), addr(2), 3, false, -1},
		{"a router of another path", foreign, addr(3), 3, false, 3},
		{"to a router of another path", addr(2), foreign, 3, false, -2},
	} {
		got, width := namesLink(&report.Incident{Common: &report.Common{From: tt.from, To: tt.to}}, hops, tt.ttl)
		if got != tt.want || width != tt.width {
			t.Errorf("%s: got %t, %d links, want %t, %d", tt.name, got, width, tt.want, tt.width)
		}
	}
	if got, _ := namesLink(&report.Incident{}, hops, 3); got {
		t.Error("an incident that names nothing names the link")
	}
}

func TestDuring(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(1_700_000_000+s), 0) }
	in := &report.Incident{
		Members:  []report.Member{{Target: "192.0.2.7", Began: at(10)}},
		Episodes: []report.Episode{{From: at(10)}, {From: at(110)}},
	}
	for _, tt := range []struct {
		name, target string
		from, to     int
		want         bool
	}{
		{"began in it", "192.0.2.7", 9, 19, true},
		{"came back in it", "192.0.2.7", 109, 119, true},
		{"between the two", "192.0.2.7", 50, 60, false},
		{"another target", "192.0.2.8", 9, 19, false},
	} {
		if got := during(in, tt.target, at(tt.from), at(tt.to)); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestMessages reads what a hook has left: an incident's two messages once
// each, one twice, one not at all.
func TestMessages(t *testing.T) {
	a, b := ulid.ULID{1}, ulid.ULID{2}
	file := t.TempDir() + "/told"
	lines := fmt.Sprintf("incident-open %s\nincident-open %s\nincident-close %s\nincident-open %s\n", a, b, a, b)
	if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // what is missing will not come: do not wait for it
	if _, _, err := messages(ended, file, []report.Incident{{ID: a}, {ID: b}}); err == nil {
		t.Error("a message is missing, and it was not waited for")
	}
	missing, twice, err := messages(ended, file, []report.Incident{{ID: a}})
	if missing != 0 || twice != 1 || err != nil {
		t.Errorf("got %d missing, %d twice, %v; want 0, 1", missing, twice, err)
	}
}

// TestRivalCatchesAnOutage runs the script for real: it must be a worthy
// rival, or the comparison says nothing.
func TestRivalCatchesAnOutage(t *testing.T) {
	lab.Need(t, "fping", "mtr", "mtr-packet")
	top := tree(t, 10, 8, 12)
	n, err := lab.Start(lab.Config{Topology: top, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	b := &bench{dir: t.TempDir()}
	r, err := b.rival(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	memory := sample(r.pid())
	last := top.Targets[4].Path.Last
	been, err := play(t.Context(), n, []lossEvent{{length: 6 * time.Second, link: last, ttl: n.Target(4).TTL(), toward: lab.Forward, percent: 100, targets: []int{4}}})
	if err != nil {
		t.Fatal(err)
	}
	ps := pairs(n.Truth().Records(), been, func(i int) int { return n.Target(i).TTL() })
	if p := ps[0]; p.lost == 0 || p.whole.IsZero() {
		t.Errorf("lost pings %d, first trace packet %v, whole path %v: it did not catch the outage", p.lost, p.first, p.whole)
	}
	if got := memory.end(); got < 1<<20 {
		t.Errorf("script, fping and mtr used %d bytes", got)
	}
	traces, err := r.traces()
	if err != nil || traces != 1 {
		t.Errorf("%d traces, %v; want 1 of the one target", traces, err)
	}
	members := family(r.pid())
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	// The shell is waited for, its children are not: they end with their group, at once or soon.
	for _, pid := range members {
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err != nil || slices.Contains([]byte("ZX"), state[slices.Index(state, ')')+2]) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("process %d of the script goes on", pid)
			}
		}
	}
}
