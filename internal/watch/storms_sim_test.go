package watch

import (
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

const (
	simSeed = 0x6d747271
	simStep = 200 * time.Millisecond
)

// A simDog is a watchdog whose pings are drawn, at a clock of its own: targets
// behind a tree of routers, asked once a second. There are no looks.
type simDog struct {
	*yard
	rng    *rand.Rand
	paths  [][]int       // by target: routers, nearest first
	behind map[int][]int // by router: targets
	told   *tellTale
	log    *logBuffer
	began  time.Time
	faults []simFault
}

type noHost struct{}

func (noHost) Snapshot() *report.HostState { return nil }
func (noHost) Gateways() []netip.Addr      { return nil }

type noProber struct{}

func (noProber) SubmitAll([]probe.Request) []*probe.Handle           { return nil }
func (noProber) Key(netip.Addr, netip.Addr, int) (k probe.RouterKey) { return k }

// newSimDog makes a tree as a carrier has it: three routers that all paths
// share, then twice as many at each TTL, until two targets share one.
func newSimDog(t *testing.T, draw uint64, targets int) *simDog {
	t.Helper()
	s := &simDog{yard: newYard(), rng: rand.New(rand.NewPCG(simSeed, draw)), behind: map[int][]int{}, told: &tellTale{}, log: &logBuffer{}}
	sp, err := spool.Open(filepath.Join(t.TempDir(), "spool"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Spool, s.Host, s.Prober, s.Hooks = sp, noHost{}, noProber{}, s.told
	s.Log = slog.New(slog.NewTextHandler(io.Writer(s.log), nil))
	s.Rules.Lost, s.Rules.Of, s.Rules.SlowLost, s.Rules.SlowOf = 3, 12, 6, 300
	s.rounds.init()
	s.writer = newStateWriter(s.Watchdog)
	for i := range mostLooks { // no room for a look
		s.looks.put(&look{id: ulid.ULID{1, byte(i >> 8), byte(i)}})
	}
	widest := 1 << (bits.Len(uint(targets/2)) - 1)
	for i := range targets {
		branch := s.rng.IntN(widest)
		var path []int
		for stage := range 7 + s.rng.IntN(6) {
			width := 1
			if stage >= 3 {
				width = min(1<<(stage-2), widest)
			}
			r := 1 + stage*widest + branch%width
			s.behind[r] = append(s.behind[r], i)
			path = append(path, r)
		}
		s.paths = append(s.paths, path)
		w := s.plant(path...)
		w.hist.resize(historyLeast)
		w.usual = usual{sent: 300, n: 300}
	}
	t.Cleanup(s.wg.Wait)
	return s
}

// A simFault loses packets on the link to a router, or to a target, between
// two moments.
type simFault struct {
	router, target int // -1: not that
	loss           float64
	from, to       time.Duration
}

// run sends pings for so long.
func (s *simDog) run(long time.Duration, faults ...simFault) {
	s.began, s.faults = s.now, faults
	for n := 0; s.now.Sub(s.began) < long; n++ {
		s.now = s.now.Add(simStep)
		at := s.now.Sub(s.began)
		for i, w := range s.all {
			if i%5 != n%5 {
				continue
			}
			pass := 1 - 0.0002
			for _, f := range faults {
				if at >= f.from && at < f.to && (f.target == i || slices.Contains(s.paths[i], f.router)) {
					pass *= 1 - f.loss
				}
			}
			news := pingNews{pingTag: pingTag{w, w.hist.add(s.ms(s.now))}, outcome: answered, rtt: 20 * time.Millisecond}
			if s.rng.Float64() >= pass {
				news.outcome = lost
			}
			s.got(&news, s.now)
		}
		if len(s.ungrouped) > 0 && !s.now.Before(s.groupAt) {
			s.group(s.now)
			s.writeFresh(s.now)
		}
		if n%5 == 4 {
			s.tend(s.now)
		}
	}
}

// pick is a random router with so many targets behind it.
func (s *simDog) pick(low, high int) int {
	var fit []int
	for r, ts := range s.behind {
		if len(ts) >= low && len(ts) <= high {
			fit = append(fit, r)
		}
	}
	slices.Sort(fit)
	return fit[s.rng.IntN(len(fit))]
}

// has says which targets an incident has, by number.
func (s *simDog) has(inc *incident) (out []int) {
	for _, m := range s.record(inc, s.now, report.IncidentOpen).Members {
		out = append(out, slices.IndexFunc(s.all, func(w *target) bool { return w.Addr == m.Address }))
	}
	slices.Sort(out)
	return out
}

// nearly says that an incident has these targets, of which one may never have
// been confirmed.
func (s *simDog) nearly(inc *incident, want []int) bool {
	has := s.has(inc)
	return len(has) >= len(want)-1 && !slices.ContainsFunc(has, func(i int) bool { return !slices.Contains(want, i) })
}

// covers says that the place of an incident has the link to a router.
func (s *simDog) covers(inc *incident, router int) bool {
	if inc.common == nil {
		return false
	}
	path := []netip.Addr{{}}
	i := s.behind[router][0]
	for _, r := range s.paths[i] {
		path = append(path, routerAt(r))
	}
	path = append(path, s.all[i].Addr)
	at, from, to := slices.Index(path, routerAt(router)), slices.Index(path, inc.common.From), slices.Index(path, inc.common.To)
	return from >= 0 && from < at && at <= to
}

func (s *simDog) count(on string) (n int) {
	for _, m := range s.told.all() {
		if m.on == on {
			n++
		}
	}
	return n
}

// draws runs a case some times and wants so many of fifty right.
func draws(t *testing.T, want int, right func(t *testing.T, draw uint64) (bool, string)) {
	t.Helper()
	n := 0
	for i := range uint64(simDraws) {
		ok, what := right(t, i)
		if ok {
			n++
		} else {
			t.Logf("draw %d: %s", i, what)
		}
	}
	t.Logf("right %d of %d", n, simDraws)
	if wrong := simDraws - n; wrong > 50-want {
		t.Errorf("%d of %d are wrong, want at most %d", wrong, simDraws, 50-want)
	}
}

// show is a draw in a line.
func (s *simDog) show() string {
	var b strings.Builder
	for _, f := range s.faults {
		fmt.Fprintf(&b, " {%s, target %d: %.2f %s to %s, %d behind}", routerAt(max(f.router, 0)), f.target+1, f.loss, f.from, f.to, len(s.behind[f.router]))
	}
	for _, inc := range s.incidents {
		b.WriteString(" [" + inc.began.Sub(s.began).Round(100*time.Millisecond).String() + " ")
		if c := inc.common; c != nil {
			b.WriteString(c.From.String() + ">" + c.To.String() + " ")
		}
		for _, i := range s.has(inc) {
			b.WriteString(s.all[i].Addr.String()[8:] + " ")
		}
		b.WriteString("]")
	}
	return b.String()
}

// TestStormsSimulated: a storm is one incident, and what has another place
// and another beginning is another.
func TestStormsSimulated(t *testing.T) {
	const targets = 120
	between := func(s *simDog, a, b int) time.Duration {
		return time.Duration(a)*time.Second + time.Duration(s.rng.IntN((b-a)*5))*simStep
	}
	t.Run("one storm", func(t *testing.T) {
		draws(t, 49, func(t *testing.T, draw uint64) (bool, string) {
			s := newSimDog(t, draw, targets)
			r := s.pick(8, 50)
			s.run(90*time.Second, simFault{r, -1, 0.15 + 0.85*s.rng.Float64(), time.Second, time.Minute})
			ok := len(s.incidents) == 1 && s.covers(s.incidents[0], r) && s.count("incident-open") == 1 && s.count("incident-grown") <= 1
			return ok, s.show()
		})
	})
	// At 5 % two may be told of before anybody can know that they are one.
	t.Run("it grows after 30 s", func(t *testing.T) {
		draws(t, 47, func(t *testing.T, draw uint64) (bool, string) {
			s := newSimDog(t, draw, targets)
			r := s.pick(12, 50)
			worse := between(s, 40, 80)
			s.run(worse+40*time.Second, simFault{r, -1, 0.05, time.Second, worse}, simFault{r, -1, 0.7, worse, worse + 20*time.Second})
			biggest := 0
			for _, inc := range s.incidents {
				biggest = max(biggest, len(s.has(inc)))
			}
			ok := len(s.incidents) == 1 && s.covers(s.incidents[0], r) && biggest >= len(s.behind[r])-1 && s.count("incident-grown") <= 1
			return ok, s.show()
		})
	})
	t.Run("a dead host, then an outage", func(t *testing.T) {
		draws(t, 49, func(t *testing.T, draw uint64) (bool, string) {
			s := newSimDog(t, draw, targets)
			r := s.pick(8, 50)
			dead := s.rng.IntN(targets)
			if draw%2 == 0 {
				dead = s.behind[r][0]
			}
			at := between(s, 25, 120)
			s.run(at+40*time.Second, simFault{-1, dead, 1, time.Second, time.Hour}, simFault{r, -1, 0.4 + 0.6*s.rng.Float64(), at, at + 20*time.Second})
			want := slices.DeleteFunc(slices.Clone(s.behind[r]), func(i int) bool { return i == dead })
			ok := len(s.incidents) == 2 && slices.Equal(s.has(s.incidents[0]), []int{dead}) && s.nearly(s.incidents[1], want) &&
				s.covers(s.incidents[1], r) && s.count("incident-open") == 2
			return ok, s.show()
		})
	})
	t.Run("a line's own trouble, then an outage of it too", func(t *testing.T) {
		draws(t, 49, func(t *testing.T, draw uint64) (bool, string) {
			s := newSimDog(t, draw, targets)
			r := s.pick(8, 50)
			own := s.behind[r][0]
			at := between(s, 50, 80)
			s.run(at+40*time.Second, simFault{-1, own, 0.6, time.Second, 25 * time.Second}, simFault{r, -1, 1, at, at + 20*time.Second})
			ok := len(s.incidents) == 2 && slices.Equal(s.has(s.incidents[0]), []int{own}) && s.nearly(s.incidents[1], s.behind[r]) &&
				s.covers(s.incidents[1], r) && s.incidents[1].began.Sub(s.began) >= at-12*time.Second
			return ok, s.show()
		})
	})
	t.Run("two outages within minutes", func(t *testing.T) {
		draws(t, 49, func(t *testing.T, draw uint64) (bool, string) {
			s := newSimDog(t, draw, targets)
			a, b := s.pick(8, 30), s.pick(8, 30)
			for slices.ContainsFunc(s.behind[a], func(i int) bool { return slices.Contains(s.behind[b], i) }) {
				a, b = s.pick(8, 30), s.pick(8, 30)
			}
			at := between(s, 25, 150)
			s.run(at+40*time.Second, simFault{a, -1, 0.4 + 0.6*s.rng.Float64(), time.Second, 20 * time.Second}, simFault{b, -1, 0.4 + 0.6*s.rng.Float64(), at, at + 20*time.Second})
			ok := len(s.incidents) == 2 && s.covers(s.incidents[0], a) && s.covers(s.incidents[1], b) &&
				s.nearly(s.incidents[0], s.behind[a]) && s.nearly(s.incidents[1], s.behind[b])
			return ok, s.show()
		})
	})
	t.Run("an outage, then a wider one", func(t *testing.T) {
		draws(t, 49, func(t *testing.T, draw uint64) (bool, string) {
			s := newSimDog(t, draw, targets)
			a := s.pick(8, 14)
			i := s.behind[a][0]
			b := -1
			for _, r := range s.paths[i] {
				if n := len(s.behind[r]); n >= len(s.behind[a])+6 && 2*n < targets {
					b = r // the nearest to it that has more
				}
			}
			if b < 0 {
				return true, ""
			}
			at := between(s, 40, 150)
			s.run(at+40*time.Second, simFault{a, -1, 1, time.Second, 20 * time.Second}, simFault{b, -1, 1, at, at + 20*time.Second})
			ok := len(s.incidents) == 2 && s.covers(s.incidents[0], a) && s.covers(s.incidents[1], b) &&
				s.nearly(s.incidents[0], s.behind[a]) && s.nearly(s.incidents[1], s.behind[b])
			return ok, s.show()
		})
	})
}
