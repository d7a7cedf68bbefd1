package report

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// TestRules is one case for each rule that needs more than counts: loops,
// steps of round-trip time, several routers, what disturbs the measurement,
// the own network, path memory, the watchdog's pings.
func TestRules(t *testing.T) {
	other := netip.MustParseAddr("198.18.9.9")
	// From a TTL on, hops 3 and 4 answer in turn.
	looping := func(from float64) func(*Event, int, *rand.Rand) {
		return func(e *Event, at int, _ *rand.Rand) {
			if e.MS < from || at < 3 {
				return
			}
			us := int64(at) * 900
			ttl := e.TTL
			if ttl == 0 {
				ttl = 64
			}
			e.Kind, e.Addr, e.US = KindExpired, router(3+(ttl-3)%2), &us
		}
	}
	moved := func(ttl int, from float64) func(*Event, int, *rand.Rand) {
		return func(e *Event, at int, _ *rand.Rand) {
			if at == ttl && e.MS >= from && e.Kind == KindExpired {
				e.Addr = other
			}
		}
	}
	slow := func(ttl int, from, to, ms float64) func(*Event, int, *rand.Rand) {
		return func(e *Event, at int, _ *rand.Rand) {
			if at >= ttl && e.MS >= from && e.MS < to && e.US != nil {
				us := *e.US + int64(ms*1000)
				e.US = &us
			}
		}
	}
	bump := func(e *Event, at int, _ *rand.Rand) {
		if at == 3 && e.US != nil && e.MS > 4000 {
			us := *e.US + 90000
			e.US = &us
		}
	}
	share := func(e *Event, at int, r *rand.Rand) { // hop 4 is two routers; nothing else
		if at == 4 && e.Kind == KindExpired && r.IntN(2) == 0 {
			e.Addr = other
		}
	}
	usual := func(change func(*Path)) []Event {
		p := pathOf(6, 0)
		us := int64(6150)
		p.Hops = append(p.Hops, PathHop{TTL: 6, Addrs: []netip.Addr{testTarget}, RTTUS: &us, Answered: 12, Asked: 12})
		change(p)
		return []Event{{E: EventUsual, Path: p}}
	}
	watch := func(answers string) []Event {
		p := &Pings{From: testStart.Add(-10 * time.Second), Answer: answers}
		us := int64(6100)
		for i := range answers {
			p.TxMS = append(p.TxMS, int64(i)*1000)
			p.RTTUS = append(p.RTTUS, nil)
			if answers[i] == AnswerReply {
				p.RTTUS[i] = &us
			}
		}
		return []Event{{E: EventWatch, Pings: p}}
	}
	stall := func(events []Event) []Event {
		var out []Event
		for _, e := range events {
			if e.E == EventProbe && e.MS > 8000 && e.MS < 12000 {
				continue
			}
			if e.E == EventProbe && e.MS > 7100 && e.MS < 8000 {
				e.Kind, e.US, e.Addr = KindLost, nil, netip.Addr{}
			}
			out = append(out, e)
		}
		return out
	}
	for _, c := range []struct {
		name    string
		net     network
		seconds int
		edit    func(*Target)
		more    []Event
		change  func([]Event) []Event
		class   Class
		grade   Grade
		rules   string
		link    string
		says    []string
	}{
		{name: "a loop from the beginning", net: network{length: 9, rewrite: looping(0)}, seconds: 20, class: RoutingLoop, grade: Certain, rules: "R7", link: "3-4",
			says: []string{"answer in turn from hop 3 on, 198.18.0.13 → 198.18.0.17,", "ran out there, too"}},
		{name: "a loop that begins meanwhile", net: network{length: 9, rewrite: looping(9000)}, seconds: 20, class: RoutingLoop, grade: Certain, rules: "R7", link: "3-4"},
		{name: "other routers meanwhile", net: network{length: 6, rewrite: moved(3, 9000)}, seconds: 20, class: PathChanged, grade: Likely, rules: "R1 R12", link: "none",
			says: []string{"The path changed at 14:05:4", "hop 3 was 198.18.0.13, is 198.18.9.9"}},
		{name: "equal-cost routers are no change", net: network{length: 6, rewrite: share}, seconds: 20, class: Clean, grade: Certain, rules: "R1", link: "none"},
		{name: "other routers than in memory", net: network{length: 6}, seconds: 20, more: usual(func(p *Path) { p.Hops[2].Addrs = []netip.Addr{other} }),
			class: PathChanged, grade: Likely, rules: "R1 R12 R15", link: "none", says: []string{"The path is another than usual: hop 3 was 198.18.9.9, is 198.18.0.13"}},
		{name: "a path as usual", net: network{length: 6}, seconds: 20, more: usual(func(*Path) {}), class: Clean, grade: Certain, rules: "R1", link: "none"},
		{name: "a queue from hop 4 on", net: network{length: 6, rewrite: slow(4, 8000, 99000, 60)}, seconds: 20, class: Latency, grade: Certain, rules: "R1 R8", link: "3-4",
			says: []string{"since 14:05:40", "The time is lost between hop 3 (198.18.0.13) and hop 4 (198.18.0.17)"}},
		{name: "a queue for a while", net: network{length: 6, rewrite: slow(4, 5000, 11000, 60)}, seconds: 20, class: Latency, grade: Certain, rules: "R1 R8", link: "3-4",
			says: []string{"from 14:05:37", "to 14:05:4"}},
		{name: "a queue all the time, which memory shows", net: network{length: 6, rewrite: slow(5, 0, 99000, 50)}, seconds: 20, more: usual(func(*Path) {}),
			class: Latency, grade: Likely, rules: "R1 R8", link: "4-5", says: []string{"usually 6.2 ms"}},
		{name: "a slow processor is no latency", net: network{length: 6, rewrite: bump}, seconds: 20, class: Clean, grade: Certain, rules: "R1", link: "none"},
		{name: "nobody listened", net: network{length: 6}, seconds: 20, change: stall, class: MeasurementFault, grade: Certain, rules: "R12", link: "none", says: []string{"this program stood still"}},
		{name: "no route on this machine for a while", net: network{length: 6, rewrite: func(e *Event, _ int, _ *rand.Rand) {
			if e.MS > 5000 && e.MS < 8000 {
				e.Kind, e.US, e.Addr = KindNoRoute, nil, netip.Addr{}
			}
		}}, seconds: 20, class: OwnNetwork, grade: Certain, rules: "R14", link: "0-1", says: []string{"This machine itself had no route for 17 of 17 lost probes"}},
		{name: "a router sends packets back for a while", net: network{length: 6, rewrite: func(e *Event, at int, _ *rand.Rand) {
			if us := int64(900); e.MS > 5000 && e.MS < 8000 && at > 3 {
				e.Kind, e.US, e.Addr = KindUnreachable, &us, router(3)
			}
		}}, seconds: 20, class: RealLoss, grade: Certain, rules: "R2", link: "3-4", says: []string{"did not know the way on"}},
		{name: "silent routers in the midst", net: network{length: 9, lossAt: 4, loss: during(0.6, 5000, 25000), limits: map[int]func(float64) float64{4: always(1), 5: always(1), 6: always(1), 7: always(1)}},
			seconds: 40, class: RealLoss, grade: Certain, rules: "R2 R9", link: "3-8", says: []string{"That there is loss is certain; on which of these 5 links, these probes do not tell."}},
		{name: "over when the trace began", net: network{length: 6}, seconds: 20, more: watch("rrrrr---rr"), class: Recovered, grade: Certain, rules: "R1", link: "none",
			says: []string{"The watchdog lost 3 of 10 pings", "was over when the trace began"}},
		{name: "one lost ping before it is nothing", net: network{length: 6}, seconds: 20, more: watch("rrrrr-rrrr"), class: Clean, grade: Certain, rules: "R1", link: "none"},
		{name: "the watchdog alone saw it", net: network{length: 6}, seconds: 1, more: watch("rrrrrrrr-r-r--"), class: RealLoss, grade: Likely, rules: "R2 R13", link: "none",
			says: []string{"these probes missed it"}},
		{name: "a host that answers one probe a second", net: network{length: 6, limits: map[int]func(float64) float64{6: func(ms float64) float64 {
			if int(ms)%1000 > 120 {
				return 1
			}
			return 0
		}}}, seconds: 30, class: RateLimitOnly, grade: Likely, rules: "R3", link: "none", says: []string{"at an even pace"}},
		{name: "a limit that is as usual", net: network{length: 6, limits: map[int]func(float64) float64{2: always(0.5)}}, seconds: 20, more: usual(func(p *Path) { p.Hops[1].Answered, p.Hops[1].Asked = 21, 40 }),
			class: RateLimitOnly, grade: Certain, rules: "R1 R3 R15", link: "none", says: []string{"That 1 hop before it lose as much is usual."}},
		{name: "cut behind hop 3, where memory knows the next router", net: network{length: 6, mute: true, lossAt: 4, loss: always(1)}, seconds: 20, edit: func(t *Target) { t.Known, t.KnownTTL = true, 6 },
			more: usual(func(*Path) {}), class: RealLoss, grade: Likely, rules: "R6 R15", link: "3-4", says: []string{"Usually hop 4 (198.18.0.17) answers next."}},
		{name: "this machine says unreachable", net: network{length: 6, rewrite: func(e *Event, _ int, _ *rand.Rand) {
			us := int64(3000)
			e.Kind, e.US, e.Addr = KindUnreachable, &us, netip.MustParseAddr("192.0.2.1")
		}}, seconds: 20, class: OwnNetwork, grade: Likely, rules: "R6 R14", link: "0-1", says: []string{"Nobody on this machine's own network"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.net.rand = seeded(11)
			events := c.net.trace(c.seconds, c.edit)
			events[0].Source = netip.MustParseAddr("192.0.2.1")
			events = append(append(events[:1:1], c.more...), events[1:]...)
			if c.change != nil {
				events = c.change(events)
			}
			r := fold(t, events)
			d := r.Evidence.Verdict
			if d.Class != c.class || d.Grade != c.grade || strings.Join(d.Rules, " ") != c.rules || linkText(d.Link) != c.link {
				t.Errorf("got  %s, %s, %s, link %s: %s\nwant %s, %s, %s, link %s\n%s", d.Class, d.Grade, strings.Join(d.Rules, " "), linkText(d.Link), d.Sentence,
					c.class, c.grade, c.rules, c.link, Text(r))
			}
			if d.Likeliest != nil {
				t.Errorf("one link is called the likeliest: %s", d.Sentence)
			}
			for _, s := range c.says {
				if !strings.Contains(d.Sentence, s) {
					t.Errorf("it does not say %q: %s", s, d.Sentence)
				}
			}
			for _, fault := range ExplainFaults(r, nil) {
				t.Error(fault)
			}
		})
	}
}

// TestLimits is R1 and R3 where the target loses nothing: a router limits its
// answers only where Fisher's test says that it loses more than what lies
// behind it. Less is named, and is nobody's loss either way.
func TestLimits(t *testing.T) {
	type lost map[int]int // TTL: probes
	for _, c := range []struct {
		name    string
		asked   int // each hop
		lost    lost
		limited string
		rules   string
		says    string
	}{
		{"1 of 3", 3, lost{4: 1}, "", "R1 R13", "The loss at hop 4 (198.18.0.17), 1 of 3 probes, is too little to tell why, and harmless: the target answered all of its own."},
		{"1 of 10", 10, lost{4: 1}, "", "R1", "The loss at hop 4 (198.18.0.17), 1 of 10 probes, is too little to tell why, and harmless"},
		{"1 of 100", 100, lost{4: 1}, "", "R1", "The loss at hop 4 (198.18.0.17), 1 of 100 probes, is too little"},
		{"1 of 3 beside 1 of 3 and 2 of 3", 3, lost{1: 1, 3: 2, 4: 1}, "", "R1 R13", "The losses at 3 hops before it (hop 1: 1 of 3 probes, hop 3: 2 of 3 probes, hop 4: 1 of 3 probes) are too little to tell why"},
		{"4 of 10", 10, lost{4: 4}, "4", "R1 R3", "The loss at hop 4 (198.18.0.17) is its own limit on answers: harmless."},
		{"5 of 100", 100, lost{4: 5}, "4", "R1 R3", "The loss at hop 4 (198.18.0.17) is its own limit on answers: harmless."},
		{"40 of 100 before 1 of 100", 100, lost{2: 40, 4: 1}, "2", "R1 R3", "hop 2 (198.18.0.9) is its own limit on answers: harmless. The loss at hop 4 (198.18.0.17), 1 of 100 probes, is too little"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := network{length: 6, rand: seeded(3), limits: map[int]func(float64) float64{}}
			for ttl, n := range c.lost {
				w.limits[ttl] = func(float64) float64 {
					if n--; n >= 0 {
						return 1
					}
					return 0
				}
			}
			e := fold(t, w.trace(c.asked-3, nil)).Evidence
			class, limited := Clean, ""
			for i := range e.Hops {
				if e.Hops[i].Limited {
					class, limited = RateLimitOnly, limited+strconv.Itoa(i+1)
				}
			}
			d := e.Verdict
			if limited != c.limited || d.Class != class || strings.Join(d.Rules, " ") != c.rules || !strings.Contains(d.Sentence, c.says) {
				t.Errorf("limited: %q, want %q; got %s, %v: %s\nwant it to say %q, by %s", limited, c.limited, d.Class, d.Rules, d.Sentence, c.says, c.rules)
			}
			for _, n := range d.Numbers {
				if n.P >= noticeable {
					t.Errorf("a number that chance explains: %+v", n)
				}
			}
			if zh := JudgeIn(&e, Chinese); strings.Contains(c.says, "too little") != strings.Contains(zh.Sentence, "样本太少") {
				t.Errorf("in Chinese: %s", zh.Sentence)
			}
		})
	}
}

// TestMember is R11: packets over one of two routers of hop 4 are lost for
// half a minute; neither of them is wrong while all is well.
func TestMember(t *testing.T) {
	other := netip.MustParseAddr("198.18.9.9")
	r := seeded(5)
	w := network{length: 7, rand: r}
	w.rewrite = func(e *Event, at int, r *rand.Rand) {
		if at < 4 || r.IntN(2) == 0 {
			return
		}
		if e.MS > 20000 && e.MS < 50000 {
			e.Kind, e.US, e.Addr = KindLost, nil, netip.Addr{}
		} else if at == 4 {
			e.Addr = other
		}
	}
	d := fold(t, w.trace(60, nil)).Evidence.Verdict
	if d.Class != RealLoss || d.Link == nil || d.Link.To.Addr != other || !strings.Contains(strings.Join(d.Rules, " "), "R11") {
		t.Errorf("got %s, %v, %+v: %s", d.Class, d.Rules, d.Link, d.Sentence)
	}
}

// TestSpells: the edges of a loss lie between the probes around them.
func TestSpells(t *testing.T) {
	w := network{length: 5, lossAt: 3, loss: during(1, 5000, 9000), rand: seeded(2)}
	e := fold(t, w.trace(20, nil)).Evidence
	if len(e.Verdict.Spells) != 1 {
		t.Fatalf("got %d spells, want 1", len(e.Verdict.Spells))
	}
	s := e.Verdict.Spells[0]
	ms := func(at *time.Time) float64 { return float64(at.Sub(e.Times.Started).Microseconds()) / 1000 }
	if s.From.After == nil || s.From.By == nil || s.To.After == nil || s.To.By == nil {
		t.Fatalf("an edge is open: %+v", s)
	}
	if ms(s.From.After) > 5000 || ms(s.From.By) < 5000 || ms(s.To.After) > 9000 || ms(s.To.By) < 9000 || ms(s.To.By) > 9400 {
		t.Errorf("got %v to %v and %v to %v, the loss was from 5000 to 9000 ms", ms(s.From.After), ms(s.From.By), ms(s.To.After), ms(s.To.By))
	}
	w = network{length: 5, lossAt: 3, loss: always(0.5), rand: seeded(2)}
	for _, s := range fold(t, w.trace(10, nil)).Evidence.Verdict.Spells {
		if s.From.By == nil || s.To.After == nil {
			t.Errorf("a spell without a lost probe: %+v", s)
		}
	}
}

// TestReverse is R9 with the trace from the other end: it counts only if it
// was made there, went to this source, and ran while packets were lost.
func TestReverse(t *testing.T) {
	here, there, elsewhere := netip.MustParseAddr("198.51.100.20"), testTarget, netip.MustParseAddr("192.0.2.9")
	trace := func(seed uint64, w network, n Node, to netip.Addr) *Report {
		w.rand = seeded(seed)
		r, err := Fold(testAsked, n, w.trace(30, func(g *Target) { g.Asked, g.Address = to.String(), to }), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	node := func(name string, a netip.Addr) Node { return Node{Name: name, Address: a} }
	same := network{length: 8, lossAt: 5, loss: during(0.5, 3000, 15000)}
	back := func(w network) *Report { return trace(4, w, node("gz2", there), here) }
	late := func(r *Report, by time.Duration) *Report {
		out := *r
		ended := r.Evidence.Times.Ended.Add(by)
		out.Evidence.Times.Started, out.Evidence.Times.Ended = r.Evidence.Times.Started.Add(by), &ended
		return &out
	}
	mine := trace(3, network{length: 8, lossAt: 4, loss: during(0.5, 3000, 15000)}, node("hk1", here), there)
	alone := JudgeWith(&mine.Evidence, Around{})
	v := look(&mine.Evidence)
	_, last := v.lostEnds()
	lastLost := time.Duration(v.series.TxMS[last] * float64(time.Millisecond))
	for _, c := range []struct {
		name  string
		there *Report
		says  string
		no    bool // it does not count
	}{
		{"the same line from there", back(same), "Both ends point to the same line.", false},
		{"clean from there", back(network{length: 8}), "The trace from the other end lost none of 184 probes meanwhile.", false},
		{"loss from there, but later", back(network{length: 8, lossAt: 5, loss: during(0.5, 20000, 29000)}), "but none of them at the time of this loss.", false},
		{"nothing of that time", late(back(network{length: 8}), lastLost+900*time.Millisecond), "shows too little of the time of the loss", false},
		{"its own address is not known", trace(4, same, Node{Name: "gz2", Source: netip.MustParseAddr("10.0.0.5")}, here), "Both ends point to the same line.", false},
		{"an hour later", late(back(same), time.Hour), "was not counted: it ran at another time (2026-11-23 15:05:32 to 15:06:03 +08:00)", true},
		{"eleven days before", late(back(same), -11*24*time.Hour), "was not counted: it ran at another time (2026-11-12", true},
		{"the very same trace", mine, "was not counted: it goes to 203.0.113.7, not to this source (198.51.100.20)", true},
		{"from there to another", trace(4, same, node("gz2", there), elsewhere), "was not counted: it goes to 192.0.2.9, not to", true},
		{"from elsewhere", trace(4, same, node("de1", elsewhere), here), "was not counted: it was made at 192.0.2.9, not at the destination (203.0.113.7)", true},
		{"from this node", trace(4, same, Node{Name: "hk1", Source: netip.MustParseAddr("10.0.0.5")}, here), "was not counted: it was made at 10.0.0.5, not at", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := JudgeWith(&mine.Evidence, Around{Reverse: c.there})
			if d.Class != RealLoss || !strings.Contains(d.Sentence, c.says) || strings.Contains(d.Settle, "the trace from the other end") != c.no {
				t.Errorf("got %s: %s / %s", d.Class, d.Sentence, d.Settle)
			}
			if c.no && d.Grade != alone.Grade {
				t.Errorf("it makes %s of %s", d.Grade, alone.Grade)
			}
			if zh := JudgeWith(&mine.Evidence, Around{Lang: Chinese, Reverse: c.there}); zh.Class != d.Class || !strings.Contains(zh.Sentence, "对端") {
				t.Errorf("in Chinese: %s", zh.Sentence)
			}
		})
	}
}

// TestIncidentRules is what reports add to an incident's verdict.
func TestIncidentRules(t *testing.T) {
	member := func() Member {
		m := memberOf("203.0.113.7", beat(60*time.Second, 70*time.Second, time.Second, lossy(1, 0, 10000, 1)), after(10*time.Second))
		m.Reports = []ulid.ULID{idOf(1)}
		return m
	}
	own := network{length: 8, lossAt: 1, loss: during(1, 2000, 9500)}
	loop := network{length: 9, rewrite: func(e *Event, at int, _ *rand.Rand) {
		if at >= 3 {
			us, ttl := int64(at)*900, e.TTL
			if ttl == 0 {
				ttl = 64
			}
			e.Kind, e.Addr, e.US = KindExpired, router(3+(ttl-3)%2), &us
		}
	}}
	back := func() *Report {
		r := tracing(t, idOf(9), "192.0.2.1", network{length: 8, lossAt: 5, loss: during(1, 2000, 9500)}, 30)
		r.Evidence.Node.Name, r.Evidence.Node.Address = "gz1", netip.MustParseAddr("203.0.113.7")
		return r
	}
	strange := func() *Report {
		r := back()
		r.Evidence.Node.Address = netip.MustParseAddr("192.0.2.99")
		return r
	}
	for _, c := range []struct {
		name    string
		reports []*Report
		edit    func(*Incident)
		class   Class
		rule    string
		says    string
	}{
		{"a trace sees a loop", []*Report{tracing(t, idOf(1), "203.0.113.7", loop, 30)}, nil, RoutingLoop, "R7", "answer in turn"},
		{"a trace puts it before the gateway, which nobody pings", []*Report{tracing(t, idOf(1), "203.0.113.7", own, 30)}, func(i *Incident) { i.Canaries = nil }, OwnNetwork, "R14", "before any carrier"},
		{"the same, but the gateway answered all pings", []*Report{tracing(t, idOf(1), "203.0.113.7", own, 30)}, nil, RealLoss, "R9", "Where it begins cannot be told"},
		{"the trace from the other end", []*Report{tracing(t, idOf(1), "203.0.113.7", network{length: 8, lossAt: 4, loss: during(1, 2000, 9500)}, 30), back()}, nil, RealLoss, "R9", "The trace from the other end lost"},
		{"a trace to here from elsewhere", []*Report{strange()}, nil, RealLoss, "R9", "Where it begins cannot be told"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inc := incidentOf(member())
			if c.edit != nil {
				c.edit(inc)
			}
			d := JudgeIncident(inc, c.reports)
			if d.Class != c.class || !strings.Contains(strings.Join(d.Rules, " "), c.rule) || !strings.Contains(d.Sentence, c.says) {
				t.Errorf("got %s, %v: %s", d.Class, d.Rules, d.Sentence)
			}
			if strings.Contains(d.Sentence, "The trace from the other end") != (c.name == "the trace from the other end") {
				t.Errorf("which trace is the one from the other end? %s", d.Sentence)
			}
		})
	}
}
