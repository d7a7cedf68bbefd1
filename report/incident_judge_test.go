package report

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// quietMember is silent from the beginning for so long, and answers
// before and after.
func quietMember(target string, seconds int) Member {
	d := time.Duration(seconds) * time.Second
	return memberOf(target, beat(20*time.Second, d+30*time.Second, time.Second, lossy(1, 0, float64(d.Milliseconds()), 1)), after(d))
}

// answered is a fate without loss.
func answered(ms float64) (byte, int64) { return lossy(0, 0, 0, 9)(ms) }

func TestJudgeIncident(t *testing.T) {
	three := []string{"203.0.113.7", "198.51.100.9", "2001:db8::7"}
	silent := func(targets ...string) *Incident {
		var members []Member
		for _, x := range targets {
			members = append(members, quietMember(x, 30))
		}
		inc := incidentOf(members...)
		inc.Watched, inc.Clean = len(targets), 0
		return inc
	}
	partly := func() *Incident { // 20 of 60 lost
		m := memberOf("203.0.113.7", beat(20*time.Second, 90*time.Second, time.Second, func(ms float64) (byte, int64) {
			if ms >= 0 && ms < 60000 && int(ms)/1000%3 == 0 {
				return AnswerLost, 0
			}
			return answered(ms)
		}), after(60*time.Second))
		m.Before = pathOf(8, 0)
		return incidentOf(m)
	}
	canary := func(inc *Incident, kind CanaryKind, lost, sent int, known bool) {
		for i := range inc.Canaries {
			if inc.Canaries[i].Kind == kind {
				inc.Canaries[i].Lost, inc.Canaries[i].Sent, inc.Canaries[i].Known = lost, sent, known
				return
			}
		}
		inc.Canaries = append(inc.Canaries, Canary{Kind: kind, Target: "198.18.0.53", Addr: netip.MustParseAddr("198.18.0.53"), Known: known, Lost: lost, Sent: sent})
	}
	slow := func(trigger IncidentTrigger) *Incident {
		m := memberOf("203.0.113.7", beat(20*time.Second, 90*time.Second, time.Second, func(ms float64) (byte, int64) {
			if ms >= 0 && ms < 60000 {
				return AnswerReply, 30000 + int64(ms)%2000*10
			}
			return AnswerReply, 9000
		}), after(60*time.Second))
		m.Trigger = trigger
		return incidentOf(m)
	}
	withLoss := func(inc *Incident, n int) *Incident {
		m := &inc.Members[0]
		b := []byte(m.Pings.Answer)
		for i := range n {
			k := 25 + 3*i
			b[k], m.Pings.RTTUS[k] = AnswerLost, nil
		}
		m.Pings.Answer = string(b)
		m.Lost = n
		return inc
	}
	link := func(from, to int) *Report {
		r := tracing(t, idOf(1), "203.0.113.7", network{length: 8, lossAt: to, loss: during(1, 5000, 15000)}, 30)
		if l := r.Evidence.Verdict.Link; l == nil || l.From.TTL != from || l.To.TTL != to {
			t.Fatalf("the trace names %v", l)
		}
		return r
	}
	for _, c := range []struct {
		name    string
		inc     func() *Incident
		edit    func(*Incident)
		reports []*Report
		class   Class
		grade   Grade
		rules   string
		link    string // of TTLs; "none"
		says    []string
		settle  string
	}{
		// This machine.
		{name: "loopback loses, too", inc: partly, edit: func(i *Incident) { canary(i, CanaryLoopback, 12, 60, true) },
			class: MeasurementFault, grade: Certain, rules: "R12", link: "none", says: []string{"lost 12 of 60 pings (20 %", "own loopback address"}},
		{name: "loopback loses a little", inc: partly, edit: func(i *Incident) { canary(i, CanaryLoopback, 1, 300, true) },
			class: MeasurementFault, grade: Weak, rules: "R12", link: "none", says: []string{"less than the targets lost"}},
		{name: "loopback comes before gateway, uplink and report", inc: func() *Incident { return silent(three...) }, reports: []*Report{link(3, 4)},
			edit:  func(i *Incident) { canary(i, CanaryLoopback, 30, 60, true); canary(i, CanaryGateway, 30, 60, true) },
			class: MeasurementFault, grade: Certain, rules: "R12", link: "none"},
		{name: "a loopback that never answered tells nothing", inc: partly, edit: func(i *Incident) { canary(i, CanaryLoopback, 60, 60, false) },
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "all lost pings left in a stall", inc: partly, edit: func(i *Incident) { i.Host.Stalls = []Stall{{At: *after(61 * time.Second), MS: 61000}} },
			class: MeasurementFault, grade: Certain, rules: "R12", link: "none", says: []string{"kept from running (1 time, 61 s together)"}},
		{name: "a stall covers some of them", inc: partly, edit: func(i *Incident) { i.Host.Stalls = []Stall{{At: *after(50 * time.Second), MS: 50000}} },
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "a stall, but the burst lost some after it", inc: partly, edit: func(i *Incident) {
			i.Host.Stalls = []Stall{{At: *after(61 * time.Second), MS: 61000}}
			b := beat(-70*time.Second, 71*time.Second, 100*time.Millisecond, lossy(1, 0, 1e9, 1))
			i.Members[0].Burst = &b
		}, class: RealLoss, grade: Certain, rules: "R9", link: "none"},

		// Its own network.
		{name: "the gateway loses, too", inc: partly, edit: func(i *Incident) { canary(i, CanaryGateway, 15, 60, true) },
			class: OwnNetwork, grade: Certain, rules: "R14", link: "0-1", says: []string{"The gateway 192.0.2.254 lost 15 of 60 pings", "before any carrier"}},
		{name: "the gateway loses some", inc: partly, edit: func(i *Incident) { canary(i, CanaryGateway, 2, 10, true) },
			class: OwnNetwork, grade: Weak, rules: "R14 R13", link: "0-1"},
		{name: "the gateway loses too little to explain it", inc: partly, edit: func(i *Incident) { canary(i, CanaryGateway, 1, 300, true) },
			class: RealLoss, grade: Likely, rules: "R9", link: "none", says: []string{"The gateway lost 1 of 300 pings", "too few to explain it"}},
		{name: "a gateway that never answered is none", inc: partly, edit: func(i *Incident) { canary(i, CanaryGateway, 60, 60, false) },
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "the gateway, before the uplink", inc: func() *Incident { return silent(three...) }, edit: func(i *Incident) { canary(i, CanaryGateway, 30, 60, true) },
			class: OwnNetwork, grade: Certain, rules: "R14", link: "0-1"},

		// Its way out.
		{name: "three networks silent at once", inc: func() *Incident { return silent(three...) },
			class: UplinkCut, grade: Certain, rules: "R14 R16", link: "none", says: []string{"All 3 targets in 3 networks were silent at once", "The gateway answered meanwhile."}},
		{name: "two targets and an anchor", inc: func() *Incident { return silent(three[:2]...) }, edit: func(i *Incident) { canary(i, CanaryAnchor, 30, 90, true) },
			class: UplinkCut, grade: Certain, rules: "R14 R16", link: "none", says: []string{"All 2 targets and 1 anchor in 3 networks"}},
		{name: "three networks, but a target is clean", inc: func() *Incident { return silent(three...) }, edit: func(i *Incident) { i.Clean, i.Watched = 1, 4 },
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "three networks, but an anchor answers", inc: func() *Incident { return silent(three...) }, edit: func(i *Incident) { canary(i, CanaryAnchor, 0, 90, true) },
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "three networks, but one answered meanwhile", inc: func() *Incident { return silent(three...) }, edit: func(i *Incident) {
			p := &i.Members[2].Pings
			b := []byte(p.Answer)
			for k := 20; k < len(b); k += 2 {
				b[k] = AnswerReply
			}
			p.Answer = string(b)
		}, class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "three networks, one after the other", inc: func() *Incident { return silent(three...) }, edit: func(i *Incident) {
			for k := range i.Members {
				i.Members[k].Pings.From = i.Members[k].Pings.From.Add(time.Duration(k) * time.Minute)
			}
		}, class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "one network only: cannot tell", inc: func() *Incident { return silent("203.0.113.7", "203.0.113.8", "203.0.200.9") },
			class: NotProven, grade: Weak, rules: "R6 R14", link: "none", says: []string{"Target or uplink, cannot tell"}, settle: "anchors"},
		{name: "one target, nothing else watched: cannot tell", inc: func() *Incident { return silent("203.0.113.7") },
			class: NotProven, grade: Weak, rules: "R6 R14", link: "none", says: []string{"Target or uplink, cannot tell"}, settle: "[watch] anchors"},
		{name: "one target, and an anchor answers", inc: func() *Incident { return silent("203.0.113.7") }, edit: func(i *Incident) { canary(i, CanaryAnchor, 0, 90, true) },
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "one target, and a trace sees the way out", inc: func() *Incident { return silent("203.0.113.7") }, reports: []*Report{link(3, 4)},
			class: RealLoss, grade: Certain, rules: "R2 R9", link: "3-4"},
		{name: "one target that loses some: not the uplink", inc: partly, edit: func(i *Incident) { i.Watched, i.Clean = 1, 0 },
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "an anchor's loss alone shows nothing", inc: partly, edit: func(i *Incident) { canary(i, CanaryAnchor, 60, 60, true) },
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},

		// No loss.
		{name: "another path", inc: func() *Incident { return slow(TriggerPath) }, edit: func(i *Incident) { i.Members[0].Before, i.Members[0].After = pathOf(8, 0), pathOf(8, 4) },
			class: PathChanged, grade: Likely, rules: "R12", link: "none", says: []string{"no packet was lost", "hop 4 was 198.18.0.17, is 198.18.0.18"}},
		{name: "another path of another length", inc: func() *Incident { return slow(TriggerPath) }, edit: func(i *Incident) { i.Members[0].Before, i.Members[0].After = pathOf(8, 4), pathOf(9, 5) },
			class: PathChanged, grade: Certain, rules: "R12", link: "none", says: []string{"hop 8 was not there, is 198.18.0.33"}},
		{name: "another path, nobody knows which", inc: func() *Incident { return slow(TriggerPath) },
			class: PathChanged, grade: Weak, rules: "R12", link: "none", says: []string{"Which ones was not kept"}},
		{name: "another path, and loss", inc: func() *Incident { return withLoss(slow(TriggerPath), 12) }, edit: func(i *Incident) { i.Members[0].Before, i.Members[0].After = pathOf(8, 0), pathOf(8, 4) },
			class: RealLoss, grade: Certain, rules: "R9 R12", link: "none", says: []string{"lost 12 of 60", "The path to 203.0.113.7 changed"}},
		{name: "slower", inc: func() *Incident { return slow(TriggerLatency) },
			class: Latency, grade: Certain, rules: "R8", link: "none", says: []string{"median 30.0 ms", "usually 9.1 and 9.3 ms"}},
		{name: "slower, by two lost packets", inc: func() *Incident { return withLoss(slow(TriggerLatency), 2) },
			class: Latency, grade: Certain, rules: "R8", link: "none", says: []string{"2 packets were lost, which may be chance"}},
		{name: "slower, nobody knows what is usual", inc: func() *Incident { return slow(TriggerLatency) }, edit: func(i *Incident) { i.Members[0].Usual = nil },
			class: Latency, grade: Weak, rules: "R8 R13", link: "none", says: []string{"cannot be told"}},
		{name: "less even", inc: func() *Incident { return slow(TriggerJitter) },
			class: Latency, grade: Certain, rules: "R8", link: "none", says: []string{"less evenly"}},

		// Loss.
		{name: "loss of which nothing says where", inc: partly,
			class: RealLoss, grade: Certain, rules: "R9", link: "none", says: []string{"203.0.113.7 lost 20 of 60 pings (33.3 %, 95 % interval 21.6 to 46.7 %)", "from 2026-11-23 14:05:31.6 to 14:06:31.6 +08:00 (60 s)", "or on the way back"}, settle: "other end"},
		{name: "the paths say where", inc: partly, edit: func(i *Incident) {
			i.Common = &Common{From: router(4), To: router(5), Behind: 3, Lossy: 3, Chance: 0.995}
		}, reports: []*Report{link(3, 4)}, class: RealLoss, grade: Certain, rules: "R2 R16 R9", link: "4-5",
			says: []string{"It begins between hop 4 (198.18.0.17) and hop 5 (198.18.0.21), there or on the way back. In trouble: 3 of 3 targets"}},
		{name: "the paths say where, probably", inc: partly, edit: func(i *Incident) { i.Common = &Common{From: router(4), To: router(5), Chance: 0.9} },
			class: RealLoss, grade: Likely, rules: "R2 R16 R9", link: "4-5", says: []string{"It probably begins", "Probability 0.90."}},
		{name: "the paths say where, perhaps", inc: partly, edit: func(i *Incident) { i.Common = &Common{From: router(4), To: router(5), Chance: 0.6} },
			class: RealLoss, grade: Weak, rules: "R2 R16 R9", link: "4-5", says: []string{"It may begin"}},
		{name: "the paths say nothing, the trace does", inc: partly, edit: func(i *Incident) { i.Common = &Common{From: router(4), To: router(5), Chance: 0.3} },
			reports: []*Report{link(3, 4)}, class: RealLoss, grade: Certain, rules: "R2 R9", link: "3-4"},
		{name: "this machine's own link", inc: partly, edit: func(i *Incident) { i.Common = &Common{To: router(1), Chance: 1} },
			class: RealLoss, grade: Certain, rules: "R2 R16 R9", link: "0-1", says: []string{"between this machine and hop 1"}},
		{name: "the last stretch", inc: partly, edit: func(i *Incident) { i.Common = &Common{From: router(7), To: i.Members[0].Address, Chance: 1} },
			class: RealLoss, grade: Certain, rules: "R2 R16 R9", link: "7-8", says: []string{"between hop 7 (198.18.0.29) and the target"}},
		{name: "routers that no path of ours knows", inc: partly, edit: func(i *Incident) {
			i.Common = &Common{From: netip.MustParseAddr("198.19.0.1"), To: netip.MustParseAddr("198.19.0.5"), Chance: 1}
		}, class: RealLoss, grade: Certain, rules: "R2 R16 R9", link: "none", says: []string{"between 198.19.0.1 and 198.19.0.5"}},
		{name: "a trace says where", inc: partly, reports: []*Report{nil, link(3, 4)},
			class: RealLoss, grade: Certain, rules: "R2 R9", link: "3-4", says: []string{"It begins between hop 3 (198.18.0.13) and hop 4 (198.18.0.17)"}},
		{name: "traces name different places", inc: partly, reports: []*Report{link(3, 4), link(5, 6)},
			class: RealLoss, grade: Likely, rules: "R2 R9", link: "3-4", says: []string{"1 of the 2 traces that name a place name another"}},
		{name: "a trace that came after it names nothing", inc: partly, reports: []*Report{tracing(t, idOf(1), "203.0.113.7", network{length: 8}, 20)},
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "a few of many", inc: partly, edit: func(i *Incident) { i.Members[0].Lost, i.Members[0].Sent = 6, 300 },
			class: RealLoss, grade: Likely, rules: "R9", link: "none"},
		{name: "two lost pings are no proof", inc: partly, edit: func(i *Incident) { i.Members[0].Lost, i.Members[0].Sent = 2, 12 },
			class: NotProven, grade: Weak, rules: "R13", link: "none", says: []string{"too little to say"}, settle: "more pings"},
		{name: "one lost ping, and a burst that was lost", inc: partly, edit: func(i *Incident) {
			i.Members[0].Lost, i.Members[0].Sent = 1, 2
			b := beat(-500*time.Millisecond, 1400*time.Millisecond, 100*time.Millisecond, lossy(1, 0, 1e9, 1))
			i.Members[0].Burst = &b
		}, class: RealLoss, grade: Likely, rules: "R13 R9", link: "none", says: []string{"Through sockets of their own 10 of 10 pings were lost, too."}},
		{name: "nothing lost that is at hand", inc: partly, edit: func(i *Incident) { i.Members[0].Lost, i.Members[0].Sent = 0, 0 },
			class: NotProven, grade: Weak, rules: "R13", link: "none", says: []string{"No lost ping of 203.0.113.7 is at hand"}},

		// The target itself.
		{name: "the target is silent, its last router answers", inc: func() *Incident { return quietOf("203.0.113.7") }, reports: []*Report{muted(t, false)},
			class: TargetFilters, grade: Weak, rules: "R5", link: "none", says: []string{"Only the target itself is silent, or down.", "The hop before it, hop 4 (198.18.0.17), answers."}},
		{name: "the same, known to answer: down or cut off", inc: func() *Incident { return quietOf("203.0.113.7") }, reports: []*Report{muted(t, true)},
			class: RealLoss, grade: Likely, rules: "R5 R9", link: "4-5", says: []string{"It may be the target itself, too."}},
		{name: "the target answers some: no filter", inc: partly, reports: []*Report{muted(t, false)},
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
		{name: "two targets: no filter", inc: func() *Incident { return quietOf("203.0.113.7", "203.0.113.8") }, reports: []*Report{muted(t, false)},
			class: RealLoss, grade: Certain, rules: "R9", link: "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inc := c.inc()
			if c.edit != nil {
				c.edit(inc)
			}
			d := JudgeIncident(inc, c.reports)
			if d.Class != c.class || d.Grade != c.grade || strings.Join(d.Rules, " ") != c.rules {
				t.Errorf("got %s, %s, %v, want %s, %s, %s", d.Class, d.Grade, d.Rules, c.class, c.grade, c.rules)
			}
			if linkText(d.Link) != c.link {
				t.Errorf("got link %s, want %s", linkText(d.Link), c.link)
			}
			for _, s := range c.says {
				if !strings.Contains(d.Sentence, s) {
					t.Errorf("it does not say %q", s)
				}
			}
			if d.Settle == "" || !strings.Contains(d.Settle, c.settle) {
				t.Errorf("to settle it: %q, want %q", d.Settle, c.settle)
			}
			if d.RulesVersion != RulesVersion || slices.Contains(d.Rules, "") {
				t.Errorf("rules %v of version %d", d.Rules, d.RulesVersion)
			}
			if strings.Contains(d.Sentence, "  ") || !strings.HasSuffix(d.Sentence, ".") || strings.Contains(d.Sentence, "..") {
				t.Errorf("not a sentence: %q", d.Sentence)
			}
			if t.Failed() {
				t.Log(d.Sentence)
			}
		})
	}
}

// quietOf is an incident of silent targets beside clean ones.
func quietOf(targets ...string) *Incident {
	var members []Member
	for _, x := range targets {
		members = append(members, quietMember(x, 30))
	}
	return incidentOf(members...)
}

// muted is the trace of a target that answers nothing, behind four routers
// that do.
func muted(t testing.TB, known bool) *Report {
	w := network{length: 5, mute: true, rand: seeded(1)}
	return fold(t, w.trace(20, func(tg *Target) { tg.KnownTTL, tg.Known = 5, known }))
}

// TestJudgeIncidentOfNothing: what is built half is judged, not a panic.
func TestJudgeIncidentOfNothing(t *testing.T) {
	d := JudgeIncident(&Incident{}, nil)
	if d.Class != NotProven || d.Sentence == "" || d.Rules == nil {
		t.Errorf("got %+v", d)
	}
	for _, trigger := range []IncidentTrigger{TriggerLatency, TriggerJitter, TriggerPath} {
		if d := JudgeIncident(&Incident{Trigger: trigger}, []*Report{nil, {}}); d.Grade != Weak || d.Link != nil {
			t.Errorf("%s: got %+v", trigger, d)
		}
	}
}
