package watch

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/targets"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

var epoch = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

func listed(interval time.Duration) targets.Target {
	return targets.Target{Name: "a.example", Addr: netip.MustParseAddr("192.0.2.1"), Interval: interval, Protocol: "icmp"}
}

// answers lets a target answer n pings with an RTT, starting at now, as got
// does it, with what is usual worked out anew as lookThrough does it. It
// returns the time after them.
func answers(w *target, now time.Time, n int, rtt func(i int) time.Duration) time.Time {
	var scratch []time.Duration
	for i := range n {
		d := rtt(i)
		w.hist.cell(w.hist.add(uint32(now.Sub(epoch).Milliseconds()))).set(answered, d)
		w.answered = true
		w.note(d, now)
		if age := now.Sub(w.usualAt); age >= usualEvery || age >= usualEarly && w.usual.n < usualFew {
			scratch = w.refresh(now, scratch)
		}
		now = now.Add(w.interval)
	}
	return now
}

func steady(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

// around is RTTs of some size with a little noise.
func around(rnd *rand.Rand, d, noise time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d + time.Duration(rnd.Int64N(int64(noise))) }
}

// TestDeadlineOfSpikes: a line that is held up now and then gets the time for
// it, up to what a line of its interval may have; once is chance.
func TestDeadlineOfSpikes(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		interval time.Duration
		spikes   []time.Duration
		want     time.Duration
	}{
		{time.Second, nil, 200 * ms},
		{time.Second, []time.Duration{300 * ms}, 200 * ms},
		{time.Second, []time.Duration{300 * ms, 290 * ms}, 310 * ms},
		{time.Second, []time.Duration{300 * ms, 290 * ms, 900 * ms, 800 * ms}, 500 * ms},
		{200 * ms, []time.Duration{300 * ms, 290 * ms}, 100 * ms},
	} {
		w := newTarget(listed(c.interval), epoch)
		answers(w, epoch, 605, func(i int) time.Duration {
			if k := (i - 400) / 20; i >= 400 && i%20 == 0 && k < len(c.spikes) {
				return c.spikes[k]
			}
			return 10 * ms
		})
		if w.deadline != c.want {
			t.Errorf("every %s, spikes %v: got %s, want %s", c.interval, c.spikes, w.deadline, c.want)
		}
	}
}

func TestDeadline(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct{ interval, rtt, before, want time.Duration }{
		{200 * ms, 100 * time.Microsecond, 800 * ms, 100 * ms},
		{200 * ms, 20 * ms, 800 * ms, 100 * ms},
		{200 * ms, 50 * ms, 800 * ms, 100 * ms}, // just fits
		{200 * ms, 51 * ms, 800 * ms, 101 * ms}, // needs more
		{200 * ms, 600 * ms, 800 * ms, 650 * ms},
		{200 * ms, 900 * ms, 800 * ms, 950 * ms},
		{time.Second, 100 * time.Microsecond, 500 * ms, 200 * ms},
		{time.Second, 150 * ms, 500 * ms, 200 * ms},
		{time.Second, 200 * ms, 500 * ms, 250 * ms},
		{time.Second, 450 * ms, 500 * ms, 500 * ms},
		{time.Second, 451 * ms, 500 * ms, 501 * ms},
		{time.Second, 900 * ms, 500 * ms, 950 * ms},
		{time.Minute, 100 * time.Microsecond, 500 * ms, 200 * ms},
		{time.Minute, 900 * ms, 500 * ms, 950 * ms},
		{time.Minute, 990 * ms, 500 * ms, time.Second}, // mtr-packet waits no longer
	} {
		w := newTarget(listed(c.interval), epoch)
		if w.deadline != c.before {
			t.Errorf("every %s, nothing known: got %s, want %s", c.interval, w.deadline, c.before)
		}
		answers(w, epoch, 100, steady(c.rtt))
		if w.deadline != c.want {
			t.Errorf("every %s, %s away: got %s, want %s", c.interval, c.rtt, w.deadline, c.want)
		}
	}
}

// TestDeadlineFollowsJitter keeps pings of a target that varies from being
// called lost.
func TestDeadlineFollowsJitter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	w := newTarget(listed(time.Second), epoch)
	answers(w, epoch, 300, around(rnd, 100*time.Millisecond, 80*time.Millisecond))
	least := w.usual.p95 + 4*w.usual.jitter
	if w.usual.jitter < 50*time.Millisecond || w.deadline != least {
		t.Errorf("got %s at jitter %s, want %s", w.deadline, w.usual.jitter, least)
	}
}

// TestFarTargetIsNotLost begins to watch targets far away with a fast rhythm:
// pings are called lost after the deadline and taken back when they are
// answered. Never may so many be lost at once that an incident opens.
func TestFarTargetIsNotLost(t *testing.T) {
	const ms = time.Millisecond
	for _, interval := range []time.Duration{200 * ms, time.Second} {
		for rtt := 50 * ms; rtt <= 950*ms; rtt += 50 * ms {
			w := newTarget(listed(interval), epoch)
			var scratch []time.Duration
			deadlines := map[uint32]time.Duration{}
			for now := time.Duration(0); now < 30*time.Second; now += 10 * ms {
				if now%interval == 0 {
					deadlines[w.hist.add(uint32(now.Milliseconds()))] = w.deadline
				}
				for i := range w.hist.len() {
					c := w.hist.back(i)
					d := deadlines[w.hist.next-1-uint32(i)]
					switch age := now - time.Duration(c.at)*ms; {
					case age == rtt && rtt <= d:
						c.set(answered, rtt)
					case age == rtt:
						c.set(late, rtt)
					case age == d && c.outcome() == pending:
						c.set(lost, 0)
					}
				}
				if n := w.hist.lostOf(12); n >= 3 {
					t.Fatalf("every %s, %s away: %d of 12 lost after %s", interval, rtt, n, now)
				}
				if now%(5*time.Second) == 0 {
					scratch = w.refresh(epoch.Add(now), scratch)
				}
			}
			if n := w.hist.lostOf(30); n != 0 || w.deadline < rtt {
				t.Errorf("every %s, %s away: %d of the last 30 lost, deadline %s", interval, rtt, n, w.deadline)
			}
		}
	}
}

func TestSlowness(t *testing.T) {
	const ms = time.Millisecond
	base := around(rand.New(rand.NewPCG(2, 3)), 20*ms, ms) // p95 about 21 ms: slow is beyond 41 ms
	after := func(n int, before, then func(int) time.Duration) func(int) time.Duration {
		return func(i int) time.Duration {
			if i < n {
				return before(i)
			}
			return then(i - n)
		}
	}
	for name, c := range map[string]struct {
		interval time.Duration
		history  int // pings of history
		then     func(int) time.Duration
		pings    int
		want     report.IncidentTrigger
		since    int // ping
	}{
		"well":                     {time.Second, 300, base, 600, "", 0},
		"slower":                   {time.Second, 300, steady(60 * ms), 30, report.TriggerLatency, 5},
		"6 slow and 10 s, not yet": {time.Second, 300, steady(60 * ms), 15, "", 0},
		"6 slow and 10 s":          {time.Second, 300, steady(60 * ms), 16, report.TriggerLatency, 5},
		"slower, fast rhythm":      {200 * ms, 300, steady(60 * ms), 57, report.TriggerLatency, 5},
		"slower, not for 10 s":     {200 * ms, 300, after(40, steady(60*ms), base), 100, "", 0},
		"slower, slow rhythm":      {time.Minute, 300, steady(60 * ms), 7, report.TriggerLatency, 5},
		"within 20 ms of usual":    {time.Second, 300, steady(39 * ms), 100, "", 0},
		"a spike":                  {time.Second, 300, after(1, steady(800*ms), base), 100, "", 0},
		"five spikes in a row":     {time.Second, 300, after(5, steady(800*ms), base), 100, "", 0},
		"half of all":              {time.Second, 300, func(i int) time.Duration { return []time.Duration{20 * ms, 39 * ms}[i%2] }, 100, "", 0},
		"too little history":       {time.Second, 200, steady(60 * ms), 30, "", 0},
		"jitter, median as usual":  {time.Second, 300, func(i int) time.Duration { return []time.Duration{20 * ms, 20 * ms, 80 * ms}[i%3] }, 60, report.TriggerJitter, 0},
		"jitter of a third, a while": {time.Second, 300, after(12, func(i int) time.Duration {
			return []time.Duration{20 * ms, 20 * ms, 80 * ms}[i%3]
		}, base), 100, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTarget(listed(c.interval), epoch)
			now := answers(w, epoch, c.history, base)
			if c.history >= 300 {
				w.refresh(now, nil)
			}
			begin := now
			var got report.IncidentTrigger
			var at time.Time
			for i := 0; i < c.pings && got == ""; i++ {
				now = answers(w, now, 1, func(int) time.Duration { return c.then(i) })
				got, at = w.slowness(now.Add(-c.interval)) // right with the answer
				if got == "" && c.interval == time.Minute {
					got, at = w.slowness(now.Add(-time.Second)) // lookThrough asks between answers too
				}
			}
			if got != c.want {
				t.Fatalf("got %q at %s, want %q", got, now.Sub(begin), c.want)
			}
			if want := begin.Add(time.Duration(c.since) * c.interval); c.want == report.TriggerLatency && !at.Equal(want) {
				t.Errorf("since %s, want %s", at.Sub(begin), want.Sub(begin))
			}
		})
	}
}

// TestSpikesOpenNothing simulates a million pings of which 1 % take 300 ms
// longer. The median of ten needs six of them: 210 × 10⁻¹² a ping. Each is
// two differences of neighbours, so that jitter, with 11 of 30 for ten
// pings, needs six within twenty: about 4 × 10⁻⁸ a ping.
func TestSpikesOpenNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	rtt := around(rnd, 20*time.Millisecond, 2*time.Millisecond)
	spiky := func(i int) time.Duration {
		d := rtt(i)
		if rnd.IntN(100) == 0 {
			d += 300 * time.Millisecond
		}
		return d
	}
	w := newTarget(listed(time.Second), epoch)
	now := answers(w, epoch, 400, spiky)
	slowest := 0
	for i := range 1_000_000 {
		now = answers(w, now, 1, spiky)
		if trigger, at := w.slowness(now); trigger != "" {
			t.Fatalf("ping %d: %s since %s", i, trigger, now.Sub(at))
		}
		if w.slow&1 != 0 {
			slowest++
		}
	}
	if slowest < 9000 || slowest > 11_000 {
		t.Errorf("%d of a million pings were slow, want about 10,000", slowest)
	}
}

// TestUsualStaysInTrouble: what a fault does to answers must not become usual.
func TestUsualStaysInTrouble(t *testing.T) {
	for name, in := range map[string]func(*target){
		"suspect": func(w *target) { w.suspect = &suspect{} },
		"trouble": func(w *target) { w.trouble = &trouble{} },
		"slow":    func(w *target) { w.slowAt = epoch },
		"jitter":  func(w *target) { w.jittAt = epoch },
	} {
		w := newTarget(listed(time.Second), epoch)
		now := answers(w, epoch, 300, steady(20*time.Millisecond))
		w.refresh(now, nil)
		in(w)
		for range 300 {
			w.hist.cell(w.hist.add(uint32(now.Sub(epoch).Milliseconds()))).set(answered, 400*time.Millisecond)
			now = now.Add(time.Second)
		}
		w.refresh(now, nil)
		if w.usual.p50 != 20*time.Millisecond || w.usualAt != now {
			t.Errorf("%s: median %s looked at %s, want 20ms at %s", name, w.usual.p50, w.usualAt, now)
		}
	}
}

func TestAdopt(t *testing.T) {
	fresh := func() (*target, time.Time) {
		w := newTarget(listed(time.Second), epoch)
		now := answers(w, epoch, 300, steady(20*time.Millisecond))
		w.refresh(now, nil)
		return w, now
	}
	t.Run("nothing new", func(t *testing.T) {
		w, _ := fresh()
		before := w.usual
		w.adopt(listed(time.Second))
		if w.usual != before || w.hist.len() != 300 || w.deadline != 200*time.Millisecond {
			t.Errorf("got %+v, %d pings, deadline %s", w.usual, w.hist.len(), w.deadline)
		}
	})
	t.Run("another interval", func(t *testing.T) {
		w, _ := fresh()
		w.hist.add(300_000)
		w.calm = w.hist.next
		w.adopt(listed(200 * time.Millisecond))
		if w.hist.next != 301 || w.hist.len() != 300 || w.hist.limit != 1500 || w.every() != 200*time.Millisecond {
			t.Errorf("got number %d, %d pings of %d, every %s; want 301, 300 of 1500, every 200ms", w.hist.next, w.hist.len(), w.hist.limit, w.every())
		}
		// A ping under way finds its cell, and the loss makes a suspect.
		c := w.hist.cell(300)
		if c == nil || c.at != 300_000 {
			t.Fatalf("got %v for the ping under way", c)
		}
		c.set(lost, 0)
		win := window{size: 12}
		if win.fill(&w.hist, w.calm); win.lost() != 1 {
			t.Errorf("%d lost in the window, want 1", win.lost())
		}
	})
	t.Run("another machine", func(t *testing.T) {
		w, now := fresh()
		w.slowAt, w.jittAt = now, now
		other := listed(time.Second)
		other.Addr = netip.MustParseAddr("198.51.100.1")
		w.adopt(other)
		// What the old one did is none of the new one's usual.
		now = answers(w, now, 60, steady(120*time.Millisecond))
		if trigger, _ := w.slowness(now); trigger != "" {
			t.Errorf("got %q of a machine that is 120 ms away, unlike the one before", trigger)
		}
		if w.usual.p50 != 120*time.Millisecond || w.hist.next != 360 {
			t.Errorf("usual %+v at number %d, want a median of 120ms at 360", w.usual, w.hist.next)
		}
	})
}

func TestSettle(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*target)
		want spool.TargetState
	}{
		"new":                             {func(*target) {}, spool.TargetNew},
		"ok":                              {func(w *target) { w.answered = true }, spool.TargetOK},
		"19 pings tell nothing":           {func(w *target) { w.hist.next = 19 }, spool.TargetNew},
		"20 unanswered pings":             {func(w *target) { w.hist.next = 20 }, spool.TargetSilent},
		"suspect":                         {func(w *target) { w.answered, w.suspect = true, &suspect{} }, spool.TargetSuspect},
		"lossy":                           {func(w *target) { w.trouble = &trouble{trigger: report.TriggerLoss} }, spool.TargetLossy},
		"slow loss is loss":               {func(w *target) { w.trouble = &trouble{trigger: report.TriggerSlow} }, spool.TargetLossy},
		"latency":                         {func(w *target) { w.trouble = &trouble{trigger: report.TriggerLatency} }, spool.TargetSlow},
		"path":                            {func(w *target) { w.trouble = &trouble{trigger: report.TriggerPath} }, spool.TargetSlow},
		"no address":                      {func(w *target) { w.Addr = netip.Addr{} }, spool.TargetUnresolved},
		"no address, in trouble":          {func(w *target) { w.Addr, w.trouble = netip.Addr{}, &trouble{trigger: report.TriggerLoss} }, spool.TargetLossy},
		"paused, whatever it does":        {func(w *target) { w.paused, w.trouble = epoch.Add(time.Second), &trouble{} }, spool.TargetPaused},
		"recovered, its incident is open": {func(w *target) { w.answered, w.trouble = true, &trouble{trigger: report.TriggerLoss, cleared: true} }, spool.TargetOK},
		"recovered, and a ping missed":    {func(w *target) { w.trouble, w.suspect = &trouble{cleared: true}, &suspect{} }, spool.TargetSuspect},
		"recovered, and paused":           {func(w *target) { w.paused, w.trouble = epoch.Add(time.Second), &trouble{cleared: true} }, spool.TargetPaused},
		"the pause is over":               {func(w *target) { w.paused, w.answered = epoch, true }, spool.TargetOK},
	} {
		w := newTarget(listed(time.Second), epoch.Add(-time.Hour))
		c.make(w)
		w.settle(epoch)
		since := epoch
		if c.want == spool.TargetNew {
			since = epoch.Add(-time.Hour)
		}
		if w.state != c.want || w.since != since {
			t.Errorf("%s: got %s since %s, want %s since %s", name, w.state, w.since, c.want, since)
		}
		w.settle(epoch.Add(time.Minute))
		if w.state == c.want && w.since != since && c.want != spool.TargetPaused {
			t.Errorf("%s: since %s when nothing had changed, want %s", name, w.since, since)
		}
	}
}

// TestSecond: what is done each second leaves a state alone that is as it was,
// canaries have one, too, and a pause is shown whatever else there is.
func TestSecond(t *testing.T) {
	for name, c := range map[string]struct {
		canary report.CanaryKind
		pings  string
		make   func(*target)
		want   spool.TargetState
	}{
		"a canary that answers":          {report.CanaryGateway, "rrrrrrrrrrrrrrrr", func(*target) {}, spool.TargetOK},
		"a canary that lost two":         {report.CanaryGateway, "rrrrrrrr-rrr-rrr", func(*target) {}, spool.TargetOK},
		"a canary that loses":            {report.CanaryGateway, "rrrrrrrrrr-r-r-r", func(*target) {}, spool.TargetLossy},
		"a canary that never answered":   {report.CanaryAnchor, "--------------------", func(w *target) { w.answered = false }, spool.TargetSilent},
		"recovered, incident still open": {"", "rrrrrrrr", func(w *target) { w.trouble = &trouble{trigger: report.TriggerLoss, cleared: true} }, spool.TargetOK},
		"recovered, and paused":          {"", "rrrrrrrr", func(w *target) { w.paused, w.trouble = epoch.Add(time.Hour), &trouble{cleared: true} }, spool.TargetPaused},
		"paused in an incident":          {"", "--------", func(w *target) { w.paused, w.trouble = epoch.Add(time.Hour), &trouble{} }, spool.TargetPaused},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard()
			y.Rules.Lost, y.Rules.Of = 3, 12
			y.rounds.init()
			w := newTarget(listed(time.Second), epoch)
			w.canary, w.answered, w.baseline = c.canary, true, epoch.Add(24*time.Hour)
			at := uint32(0)
			marks(&w.hist, &at, 1000, c.pings)
			c.make(w)
			y.order = []*target{w}
			for range 3 {
				y.now = y.now.Add(time.Second)
				y.lookThrough(y.now)
				if got := y.targetState(w, y.now); got.State != c.want || !got.Since.Equal(epoch.Add(10*time.Minute+time.Second)) {
					t.Fatalf("%s since %s, want %s since the first second", got.State, got.Since, c.want)
				}
			}
		})
	}
}
