package report

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	known := func(ttl int) func(*Target) {
		return func(t *Target) { t.Known, t.KnownTTL = true, ttl }
	}
	proto := func(p string) func(*Target) {
		return func(t *Target) { t.Protocol, t.Port = p, 443 }
	}
	unreachable := func(from int) func(*Event, int, *rand.Rand) {
		return func(e *Event, at int, _ *rand.Rand) {
			us := int64(900)
			if at >= from {
				e.Kind, e.Addr, e.US = KindUnreachable, router(from), &us
			}
		}
	}
	for _, c := range []struct {
		name    string
		net     network
		seconds int
		edit    func(*Target)
		more    []Event
		class   Class
		grade   Grade
		rules   string
		link    string
		says    string
	}{
		{name: "clean", net: network{length: 6}, seconds: 20, class: Clean, grade: Certain, rules: "R1", link: "none", says: "lost none of 124 probes"},
		{name: "clean, first look only", net: network{length: 6}, class: Clean, grade: Weak, rules: "R1 R13", link: "none", says: "lost none of 4 probes (95 % interval 0 to 60.3 %)"},
		{name: "clean, some", net: network{length: 6}, seconds: 3, class: Clean, grade: Likely, rules: "R1", link: "none"},
		{name: "a router limits, target clean", net: network{length: 6, limits: map[int]func(float64) float64{2: always(0.7)}}, seconds: 20,
			class: RateLimitOnly, grade: Certain, rules: "R1 R3", link: "none", says: "The loss at hop 2 (198.18.0.9) is its own limit on answers: harmless."},
		{name: "a silent router", net: network{length: 6, limits: map[int]func(float64) float64{2: always(1)}}, seconds: 20,
			class: Clean, grade: Certain, rules: "R1 R6", link: "none"},
		{name: "10 s of 30 % from hop 4 on", net: network{length: 8, lossAt: 4, loss: during(0.3, 5000, 15000)}, seconds: 30,
			class: RealLoss, grade: Likely, rules: "R2 R9", link: "3-5", says: "probably begins between hop 3 (198.18.0.13) and hop 5 (198.18.0.21), there or on the way back."},
		{name: "10 s of 100 % from hop 4 on", net: network{length: 8, lossAt: 4, loss: during(1, 5000, 15000)}, seconds: 30,
			class: RealLoss, grade: Certain, rules: "R2 R9", link: "3-4", says: "between 14:05:37"},
		{name: "the same with a limiting router before it", net: network{length: 8, lossAt: 4, loss: during(1, 5000, 15000), limits: map[int]func(float64) float64{2: always(0.6)}}, seconds: 30,
			class: RealLoss, grade: Certain, rules: "R2 R4 R9", link: "3-4"},
		{name: "loss at the target only", net: network{length: 5, lossAt: 5, loss: always(0.3)}, seconds: 30,
			class: RealLoss, grade: Certain, rules: "R2 R9", link: "4-5", says: "It may be the target itself, too."},
		{name: "the first hop loses too", net: network{length: 5, lossAt: 1, loss: during(1, 5000, 15000)}, seconds: 30,
			class: OwnNetwork, grade: Certain, rules: "R2 R14", link: "0-1", says: "between this machine and hop 1"},
		{name: "one lost packet", net: network{length: 5, lossAt: 3, loss: during(1, 5595, 5605)}, seconds: 20,
			class: NotProven, grade: Weak, rules: "R13", link: "none", says: "no more than lines lose at random"},
		{name: "tcp: nothing from the middle", net: network{length: 8, lossAt: 4, loss: during(1, 5000, 15000)}, seconds: 30, edit: proto("tcp"),
			class: RealLoss, grade: Certain, rules: "R2 R10", link: "none"},
		{name: "udp: the host limits its answers", net: network{length: 5, limits: map[int]func(float64) float64{5: always(0.8)}}, seconds: 20, edit: proto("udp"),
			class: NotProven, grade: Weak, rules: "R3", link: "none", says: "limits the answers that UDP probes get"},
		{name: "udp: the routers before it lose too", net: network{length: 8, lossAt: 4, loss: during(1, 5000, 15000)}, seconds: 30, edit: proto("udp"),
			class: RealLoss, grade: Certain, rules: "R2 R9", link: "3-4"},
		{name: "udp: dark for long", net: network{length: 5, lossAt: 5, loss: during(1, 5000, 15000)}, seconds: 30, edit: proto("udp"),
			class: RealLoss, grade: Certain, rules: "R2 R9", link: "4-5"},
		{name: "silent target, path to hop 4", net: network{length: 5, mute: true}, seconds: 20,
			class: NotProven, grade: Weak, rules: "R6", link: "none", says: "Nothing answers behind hop 4 (198.18.0.17): a cut, a loop or a filter. It is not known to have answered before."},
		{name: "silent target that answers tcp", net: network{length: 5, mute: true}, seconds: 20, more: []Event{{E: EventOther, MS: 20000, Protocol: "tcp", Port: 443, Kind: KindReply}},
			class: TargetFilters, grade: Likely, rules: "R5", link: "none", says: "answers TCP port 443: it filters ICMP"},
		{name: "known target dark behind its last router", net: network{length: 5, mute: true}, seconds: 20, edit: known(5),
			class: RealLoss, grade: Likely, rules: "R5", link: "4-5", says: "The hop before it, hop 4 (198.18.0.17), answers."},
		{name: "known target cut at hop 3", net: network{length: 8, mute: true, lossAt: 3, loss: always(1)}, seconds: 20, edit: known(8),
			class: RealLoss, grade: Likely, rules: "R6", link: "2-3"},
		{name: "known target that answers tcp by now", net: network{length: 5, mute: true}, seconds: 20, edit: known(5), more: []Event{{E: EventOther, MS: 20000, Protocol: "tcp", Port: 443, Kind: KindReply}},
			class: TargetFilters, grade: Weak, rules: "R5", link: "none", says: "or the loss ended before"},
		{name: "filters, by memory", net: network{length: 5, mute: true}, seconds: 20, edit: func(t *Target) { t.KnownTTL = 5 },
			class: TargetFilters, grade: Weak, rules: "R5", link: "none"},
		{name: "nothing answers", net: network{length: 5, mute: true, lossAt: 1, loss: always(1)}, seconds: 20,
			class: NotProven, grade: Weak, rules: "R6", link: "none", says: "No hop before it answered either"},
		{name: "nothing answers, known target", net: network{length: 5, mute: true, lossAt: 1, loss: always(1)}, seconds: 20, edit: known(5),
			class: RealLoss, grade: Likely, rules: "R6", link: "none"},
		{name: "silent, first look only", net: network{length: 5, mute: true}, class: NotProven, grade: Weak, rules: "R6", link: "none", says: "answered none of 3 probes"},
		{name: "hop 3 says unreachable", net: network{length: 6, rewrite: unreachable(3)}, seconds: 20,
			class: TargetFilters, grade: Likely, rules: "R6", link: "none", says: "answered none of 103 probes: hop 3 (198.18.0.13) says that it cannot be reached (103 times)"},
		{name: "hop 3 says unreachable of a known target", net: network{length: 6, rewrite: unreachable(3)}, seconds: 20, edit: known(6),
			class: RealLoss, grade: Likely, rules: "R6", link: "3-4"},
		{name: "hop 3 says unreachable, first look only", net: network{length: 6, rewrite: unreachable(3)},
			class: TargetFilters, grade: Weak, rules: "R6", link: "none"},
		{name: "no route", net: network{length: 6, rewrite: func(e *Event, _ int, _ *rand.Rand) {
			e.Kind, e.US = KindNoRoute, nil
		}}, seconds: 20, class: NotProven, grade: Weak, link: "none", says: "no route"},
		{name: "answers only came late", net: network{length: 4, rewrite: func(e *Event, at int, _ *rand.Rand) {
			if at == 4 && e.MS > 3000 && e.MS < 5000 {
				e.Kind = KindLate
			}
		}}, seconds: 20, class: Clean, grade: Certain, rules: "R1", link: "none", says: "answered after the deadline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.net.rand = seeded(7)
			events := append(c.net.trace(c.seconds, c.edit), c.more...)
			r := fold(t, events)
			d := r.Evidence.Verdict
			if d.Class != c.class || d.Grade != c.grade || strings.Join(d.Rules, " ") != c.rules || linkText(d.Link) != c.link || !strings.Contains(d.Sentence, c.says) {
				t.Errorf("got  %s, %s, %s, link %s: %s\nwant %s, %s, %s, link %s: … %s\n%s", d.Class, d.Grade, strings.Join(d.Rules, " "), linkText(d.Link), d.Sentence,
					c.class, c.grade, c.rules, c.link, c.says, Text(r))
			}
			if d.Class == NotProven && d.Settle == "" {
				t.Error("not proven, and nothing said about what would settle it")
			}
		})
	}
}

func TestJudgeUntraced(t *testing.T) {
	name := Target{Asked: "edge.example.net", Protocol: "icmp", Size: 64, MaxTTL: 30}
	addr := Target{Asked: "203.0.113.7", Address: testTarget, Protocol: "icmp", Size: 64, MaxTTL: 30}
	for _, c := range []struct {
		name   string
		target Target
		end    Event
		state  State
		says   string
	}{
		{"name without address", name, Event{E: EventEnd, Ended: EndedFailed, Error: "look up edge.example.net: no such host"}, Unresolved, "edge.example.net was not traced: no address to send to: look up edge.example.net: no such host."},
		{"refused", addr, Event{E: EventEnd, Ended: EndedRefused, Error: "multicast"}, Forbidden, "the target policy of this node refuses it: multicast."},
		{"no mtr-packet", addr, Event{E: EventEnd, Ended: EndedFailed, Error: "mtr-packet not found"}, Unprobed, "no probe was sent: mtr-packet not found."},
		{"not yet", addr, Event{E: EventNote, Text: "x"}, Unprobed, "No probe has been sent to 203.0.113.7 yet."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Fold(testAsked, Node{Name: "hk1"}, []Event{c.end}, Options{Target: c.target})
			if err != nil {
				t.Fatal(err)
			}
			e := r.Evidence
			if e.Target.State != c.state || e.Verdict.Class != NotProven || !strings.Contains(e.Verdict.Sentence, c.says) || e.Verdict.Loss != nil {
				t.Errorf("got state %q, verdict %+v, want state %q, not-proven: … %s", e.Target.State, e.Verdict, c.state, c.says)
			}
			if e.Requests[0].AskedToFirstProbe != nil || e.Requests[0].Freshness != FreshnessUnknown {
				t.Errorf("got freshness %+v for a trace without a probe", e.Requests[0])
			}
			if !strings.Contains(strings.Join(strings.Fields(Text(r)), " "), c.says) {
				t.Error(Text(r))
			}
		})
	}
}

// TestSharedExplains: a gateway that limits its answers just while the
// target loses packets looks like the place where they are lost. What
// the stream of all traces saw of it says otherwise: it is no witness.
func TestSharedExplains(t *testing.T) {
	dark := during(1, 0, 9000)
	w := network{length: 5, lossAt: 2, loss: dark, limits: map[int]func(float64) float64{1: dark}, rand: seeded(4)}
	events := w.trace(30, nil)
	if d := fold(t, events).Evidence.Verdict; linkText(d.Link) != "0-1" || d.Grade == Certain {
		t.Fatalf("got link %s, %s: the trap does not work", linkText(d.Link), d.Grade)
	}
	events = append(events, Event{E: EventShared, MS: 30000, Addr: router(1), Sent: 400, Answered: 90})
	d := fold(t, events).Evidence.Verdict
	if linkText(d.Link) != "0-2" {
		t.Errorf("got link %s, want 0-2: %s", linkText(d.Link), d.Sentence)
	}
}

// TestFirstLookIsNoWitness: all that hop 1 lost, it lost in the first
// look, as the target did; the hop between is silent. A storm of first
// looks explains as much, so hop 1 must not be named.
func TestFirstLookIsNoWitness(t *testing.T) {
	begin := during(1, 0, 500)
	w := network{length: 3, lossAt: 3, loss: begin, rand: seeded(4), limits: map[int]func(float64) float64{1: begin, 2: always(1)}}
	d := fold(t, w.trace(30, nil)).Evidence.Verdict
	if d.Class != RealLoss || d.Link != nil {
		t.Errorf("got %s, link %s, want no link: %s", d.Class, linkText(d.Link), d.Sentence)
	}
}

// TestLimitsAreNoLoss throws router limits of every sort at paths whose
// target is clean: none may become the line's loss.
func TestLimitsAreNoLoss(t *testing.T) {
	for seed := range uint64(150) {
		r := seeded(seed)
		w := network{length: 2 + r.IntN(12), limits: map[int]func(float64) float64{}, rand: r}
		for ttl := 1; ttl < w.length; ttl++ {
			switch r.IntN(4) {
			case 0:
				w.limits[ttl] = always(r.Float64())
			case 1:
				from := r.Float64() * 20000
				w.limits[ttl] = during(r.Float64(), from, from+r.Float64()*10000)
			case 2:
				w.limits[ttl] = always(1)
			}
		}
		rep := fold(t, w.trace(r.IntN(30), nil))
		d := rep.Evidence.Verdict
		if d.Class != Clean && d.Class != RateLimitOnly && d.Class != NotProven || d.Link != nil {
			t.Fatalf("seed %d: got %s (%s) for a clean target\n%s", seed, d.Class, linkText(d.Link), Text(rep))
		}
		if d.Class == NotProven && d.Loss.Sent >= fewProbes {
			t.Fatalf("seed %d: not proven with %d probes", seed, d.Loss.Sent)
		}
	}
}

// TestStorm is what 500 traces at once see through a gateway that
// answers one probe a second: hop 1 is silent in almost all of them.
func TestStorm(t *testing.T) {
	silent, limited := 0, 0
	r := seeded(3)
	lucky := map[int]int{}
	for range 3 { // of 1,500 probes in three waves, three are answered
		lucky[r.IntN(500)]++
	}
	for i := range 500 {
		left := lucky[i]
		w := network{length: 9, rand: r, limits: map[int]func(float64) float64{1: func(float64) float64 {
			if left > 0 {
				left--
				return 0
			}
			return 1
		}}}
		rep := fold(t, w.trace(1, nil))
		e := rep.Evidence
		switch v := e.Verdict; {
		case v.Class == Clean && slices.Equal(v.Rules, []string{"R1", "R6", "R13"}) && !e.Hops[0].Limited:
			silent++
		case v.Class == RateLimitOnly && slices.Equal(v.Rules, []string{"R1", "R3", "R13"}) && e.Hops[0].Limited:
			limited++
		default:
			t.Fatalf("trace %d: %+v, limited %v\n%s", i, v, e.Hops[0].Limited, Text(rep))
		}
	}
	if silent+limited != 500 || limited == 0 || silent < 490 {
		t.Errorf("got %d with a silent gateway and %d with a limiting one", silent, limited)
	}
}

// TestWhereLossBegins puts a loss at a known link, with routers that
// limit their answers around it: the stretch that is named must hold it.
func TestWhereLossBegins(t *testing.T) {
	named, right, certain, wrongCertain, exact := 0, 0, 0, 0, 0
	const runs = 300
	for seed := range uint64(runs) {
		r := seeded(1000 + seed)
		length := 3 + r.IntN(12)
		from := 2000 + r.Float64()*10000
		w := network{length: length, lossAt: 1 + r.IntN(length), rand: r, limits: map[int]func(float64) float64{},
			loss: during([]float64{0.1, 0.3, 0.5, 1}[r.IntN(4)], from, from+10000)}
		if r.IntN(3) == 0 { // the trace began because of it
			w.loss = during([]float64{0.1, 0.3, 0.5, 1}[r.IntN(4)], 0, 2000+from)
		}
		if r.IntN(4) == 0 {
			w.loss = always(0.05 + r.Float64()*0.6)
		}
		for ttl := 1; ttl < length; ttl++ {
			switch r.IntN(10) {
			case 0:
				w.limits[ttl] = always(r.Float64())
			case 1:
				w.limits[ttl] = always(1)
			case 2: // a storm of first looks passes it
				w.limits[ttl] = during(0.3+0.7*r.Float64(), 0, 500)
			case 3: // until politeness has found its limit
				w.limits[ttl] = during(0.3+0.7*r.Float64(), 0, 5000+5000*r.Float64())
			}
		}
		rep := fold(t, w.trace(30, nil))
		d := rep.Evidence.Verdict
		if d.Link == nil {
			continue
		}
		named++
		in := d.Link.From.TTL < w.lossAt && w.lossAt <= d.Link.To.TTL
		if in {
			right++
		}
		if d.Link.From.TTL+1 == d.Link.To.TTL {
			exact++
		}
		if d.Grade == Certain {
			certain++
			if !in {
				wrongCertain++
			}
		}
	}
	t.Logf("%d of %d named, %d right (%.1f %%), %d to one link; certain: %d, wrong %d", named, runs, right, 100*float64(right)/float64(named), exact, certain, wrongCertain)
	if named < runs/2 || float64(right) < 0.95*float64(named) || wrongCertain*100 > certain {
		t.Error("the stretches named are too few or too often wrong")
	}
}
