package watch

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/paths"
	"github.com/mtrq/mtrq/internal/targets"
	"github.com/mtrq/mtrq/report"
)

// yard is a watchdog that does not run: targets behind routers, whose paths
// it knows, at one moment.
type yard struct {
	*Watchdog
	now time.Time
	all []*target
}

func newYard() *yard {
	y := &yard{now: epoch.Add(10 * time.Minute)}
	y.Watchdog = &Watchdog{Now: func() time.Time { return y.now }, start: epoch, Paths: paths.New(0), targets: map[key]*target{}}
	y.Rules.defaults()
	return y
}

func routerAt(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)})
}

// plant watches a target that answers, behind these routers; none: nobody
// knows its path.
func (y *yard) plant(routers ...int) *target {
	n := len(y.all) + 1
	a := netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
	if n > 255 {
		a = netip.AddrFrom4([4]byte{203, 0, 113, byte(n)})
	}
	w := newTarget(targets.Target{Name: a.String(), Addr: a, Interval: time.Second}, epoch)
	w.answered = true
	for i, r := range routers {
		y.Paths.Note(a, uint8(i+1), paths.Expired, routerAt(r), time.Millisecond, epoch)
	}
	if len(routers) > 0 {
		y.Paths.Note(a, uint8(len(routers)+1), paths.Reply, a, time.Millisecond, epoch)
	}
	at := y.ms(y.now.Add(-60 * time.Second))
	marks(&w.hist, &at, 1000, "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr")
	y.all, y.order = append(y.all, w), append(y.order, w)
	y.targets[key{w.Name, ""}] = w
	return w
}

// fail lets a target lose its last pings.
func (y *yard) fail(w *target, trigger report.IncidentTrigger, pings int) {
	for i := range pings {
		w.hist.back(i).set(lost, 0)
	}
	w.trouble = &trouble{trigger: trigger, began: y.now.Add(-time.Duration(pings) * time.Second).Round(0)}
}

// names tells groups apart by the numbers of their targets.
func (y *yard) names(groups [][]*target) (out []string) {
	for _, g := range groups {
		var ns []int
		for _, w := range g {
			ns = append(ns, slices.Index(y.all, w))
		}
		slices.Sort(ns)
		out = append(out, fmt.Sprint(ns))
	}
	slices.Sort(out)
	return out
}

func lists(bunches []bunch) (out [][]*target) {
	for _, b := range bunches {
		out = append(out, b.ts)
	}
	return out
}

func TestPlaces(t *testing.T) {
	const loss, slow, path, latency = report.TriggerLoss, report.TriggerSlow, report.TriggerPath, report.TriggerLatency
	for name, c := range map[string]struct {
		trouble map[int]report.IncidentTrigger // targets 0 to 4 behind router 3, 5 to 79 behind 4, all behind 1 and 2
		want    []string
	}{
		"nobody":                           {nil, nil},
		"one":                              {map[int]report.IncidentTrigger{3: loss}, []string{"[3]"}},
		"all behind one router":            {map[int]report.IncidentTrigger{0: loss, 1: loss, 2: loss, 3: loss, 4: loss}, []string{"[0 1 2 3 4]"}},
		"slow loss is loss":                {map[int]report.IncidentTrigger{0: loss, 1: loss, 2: slow, 3: slow, 4: loss}, []string{"[0 1 2 3 4]"}},
		"one behind each":                  {map[int]report.IncidentTrigger{0: loss, 5: loss}, []string{"[0]", "[5]"}},
		"all behind one, one behind other": {map[int]report.IncidentTrigger{0: loss, 1: loss, 2: loss, 3: loss, 4: loss, 7: loss}, []string{"[0 1 2 3 4]", "[7]"}},
		"latency is another thing":         {map[int]report.IncidentTrigger{0: loss, 5: latency}, []string{"[0]", "[5]"}},
		"changes of path are each its own": {map[int]report.IncidentTrigger{0: path, 1: path}, []string{"[0]", "[1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard()
			for i := range 80 {
				y.plant(1, 2, 3+min(i/5, 1), 100+i)
			}
			var pool []*target
			for i, w := range y.all {
				if trigger, ok := c.trouble[i]; ok {
					y.fail(w, trigger, 10)
					pool = append(pool, w)
				}
			}
			if got := y.names(lists(y.places(pool, y.now))); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestPlacesOfKnownPathChanges: a change of path that has its incident is in
// no group any more.
func TestPlacesOfKnownPathChanges(t *testing.T) {
	y := newYard()
	w := y.plant(1, 2)
	y.fail(w, report.TriggerPath, 0)
	w.trouble.incident = &incident{}
	if got := y.places([]*target{w}, y.now); len(got) != 0 {
		t.Errorf("got %v, want none", y.names(lists(got)))
	}
}

// TestEvidence: what is known of targets in trouble comes first, then of all
// that are well; canaries, silent ones and other troubles are none.
func TestEvidence(t *testing.T) {
	y := newYard()
	for range 6 {
		y.plant(1, 2)
	}
	bad, worse, well := y.all[4], y.all[2], y.all[0]
	y.fail(bad, report.TriggerLoss, 5)
	y.fail(worse, report.TriggerLoss, 10)
	y.fail(y.all[1], report.TriggerLoss, 10) // another's
	y.all[3].answered = false
	y.all[5].canary = report.CanaryGateway
	l := newLook([16]byte{1}, bad)
	l.event(startEvent)
	for n, e := range []report.Event{
		probeEvent(0, 0, report.KindLost, ""), probeEvent(0, 0, report.KindReply, bad.Name),
		probeEvent(0, 1, report.KindExpired, routerAt(1).String()), probeEvent(0, 2, report.KindLost, ""),
	} {
		e.N = n
		l.event(e)
	}
	bad.trouble.looks = []*look{l}
	ev, index := y.evidence([]*target{worse, bad}, worse.trouble.began, y.now)
	if want := []*target{worse, bad, well}; !slices.Equal(index, want) {
		t.Fatalf("got %v, want %v", y.names([][]*target{index}), y.names([][]*target{want}))
	}
	for i, want := range [][2]int{{10, 10}, {5 + 1, 10 + 2}, {0, 10}} {
		if got := [2]int{ev[i].Lost, ev[i].Sent}; got != want {
			t.Errorf("evidence %d: got %d of %d, want %d of %d", i, got[0], got[1], want[0], want[1])
		}
		if want := []netip.Addr{routerAt(1), routerAt(2)}; !slices.Equal(ev[i].Path, want) {
			t.Errorf("evidence %d: path %v, want %v", i, ev[i].Path, want)
		}
	}
	if h := ev[1].Hops; len(h) != 2 || h[0].Addr != routerAt(1) || h[0].Lost != 0 || h[1].Addr != routerAt(2) || h[1].Lost != 1 || h[1].UsualAsked != 1 {
		t.Errorf("hops %+v, want router 1 that answered and router 2, which was silent and is known", h)
	}
}

// TestEvidenceOfAnUnknownPath: where nobody knew the way before, the look
// does, and a trouble that began long ago has the pings that are kept.
func TestEvidenceOfAnUnknownPath(t *testing.T) {
	y := newYard()
	w := y.plant()
	y.fail(w, report.TriggerLoss, 10)
	l := newLook([16]byte{1}, w)
	l.event(startEvent)
	l.event(probeEvent(0, 1, report.KindExpired, routerAt(7).String()))
	l.event(probeEvent(1, 2, report.KindLost, ""))
	l.event(probeEvent(2, 3, report.KindReply, w.Name))
	w.trouble.looks = []*look{l}
	ev, _ := y.evidence([]*target{w}, y.now.Add(-60*24*time.Hour), y.now)
	if want := []netip.Addr{routerAt(7), {}}; !slices.Equal(ev[0].Path, want) || ev[0].Lost != 10 || ev[0].Sent != 60 {
		t.Errorf("got path %v, %d of %d lost; want %v, 10 of 60", ev[0].Path, ev[0].Lost, ev[0].Sent, want)
	}
}

func TestChooseLong(t *testing.T) {
	for name, c := range map[string]struct {
		targets, branches int // behind so many routers two hops away
		members           int // that the incident has
		known             bool
		want, cover       int
	}{
		"few: all":                     {sampleLooks, 3, 0, true, sampleLooks, 3},
		"few beside others":            {5, 3, sampleLooks - 5, true, 5, 3},
		"many: a sample of each":       {200, 15, 0, true, sampleLooks, 15},
		"more branches than looks":     {200, 50, 0, true, sampleLooks, sampleLooks},
		"room for three":               {200, 3, sampleLooks - 3, true, 3, 3},
		"no room":                      {30, 3, sampleLooks, true, 0, 0},
		"more members than looks":      {30, 3, 10 * sampleLooks, true, 0, 0},
		"nobody knows their paths":     {100, 3, 0, false, sampleLooks, 0},
		"nobody at all":                {0, 1, 0, true, 0, 0},
		"one too many, all behind one": {sampleLooks + 1, 1, 0, true, sampleLooks, 1},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard()
			branch := map[*target]int{}
			for i := range c.targets {
				// Neighbours in the list share a branch, as in a list by site.
				b := i * c.branches / c.targets
				if !c.known {
					y.plant()
					continue
				}
				branch[y.plant(1, 10+b, 100+b, 1000+i)] = b
			}
			inc := &incident{members: make([]*target, c.members)}
			long := y.chooseLong(inc, y.all)
			seen := map[int]bool{}
			for w, on := range long {
				if !on || !slices.Contains(y.all, w) {
					t.Errorf("%s is chosen: %v", w.Name, on)
				}
				if b, ok := branch[w]; ok {
					seen[b] = true
				}
			}
			if len(long) != c.want || len(seen) != c.cover {
				t.Errorf("got %d looks of %d branches, want %d of %d", len(long), len(seen), c.want, c.cover)
			}
		})
	}
}
