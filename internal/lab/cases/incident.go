package cases

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/storm"
	"github.com/mtrq/mtrq/report"
)

// An IncidentCase is what a watchdog saw of the losses of some targets, with
// the traces that it made, and the truth about it.
type IncidentCase struct {
	Case
	Incident *report.Incident
	Traces   []Case
}

// incidentGroups are the sorts of trouble, each with how often it is drawn.
var incidentGroups = []struct {
	group string
	parts int
	draw  func(*region)
}{
	{"shared", 8, (*region).shared},
	{"shared-two", 3, (*region).two},
	{"trunk", 3, (*region).trunk},
	{"uplink", 3, (*region).uplink},
	{"gateway", 3, (*region).gateway},
	{"last", 3, (*region).last},
	{"stall", 2, (*region).stalled},
}

// DrawIncidents makes n incidents from a seed: the same ones from the same seed.
// Most are of several targets whose paths share a router, beside clean ones whose
// paths do not (R16).
func DrawIncidents(seed uint64, n int) []IncidentCase {
	out := make([]IncidentCase, n)
	for i := range out {
		r := rand.New(rand.NewPCG(seed, uint64(i)+1<<32))
		g := incidentGroups[pick(r, len(incidentGroups), func(k int) int { return incidentGroups[k].parts })]
		s := newRegion(r)
		g.draw(s)
		out[i] = s.incident(i)
		out[i].Group = g.group
		out[i].Name = fmt.Sprintf("%s-%d-%d", out[i].Group, seed, i)
	}
	return out
}

// JudgeIncidents scores the verdicts on incidents.
func JudgeIncidents(all []IncidentCase, judge func(*report.Incident, []*report.Report) report.Verdict) (*Score, error) {
	s := newScore()
	for i := range all {
		var traces []*report.Report
		for j := range all[i].Traces {
			r, err := all[i].Traces[j].Fold()
			if err != nil {
				return nil, fmt.Errorf("incident %s: %w", all[i].Name, err)
			}
			traces = append(traces, r)
		}
		s.add(&all[i].Case, judge(all[i].Incident, traces))
	}
	return s, nil
}

// A region is a tree of routers with targets at its ends: three that all paths
// share, then branches.
type region struct {
	*rand.Rand
	routers []branch
	targets []end
	faults  []fault
	stall   bool
	label   Label
}

// A branch is a router, with the one before it (-1: this machine).
type branch struct {
	before, ttl int
	addr        netip.Addr
	share       float64 // of answers that it holds back; 1: silent
}

// An end is a target, with its routers, nearest first.
type end struct {
	addr netip.Addr
	way  []int
}

// A fault is the loss on the link into a router, or into a target.
type fault struct {
	router, target int // -1: not that
	loss           float64
}

// What happens when, ms since the loss began.
const (
	looked   = 1500.0  // traces start
	lossy    = 20000.0 // the loss ends
	recorded = 80000.0 // the incident is closed
)

// stops are when the machine stands still, where it does: a second and a half
// each time, and so as to be deaf to others of the pings each time.
var stops = []window{{3000, 4500}, {6300, 7800}, {9600, 11100}, {12900, 14400}, {16200, 17700}}

func newRegion(r *rand.Rand) *region {
	s := &region{Rand: r}
	at := s.chain(-1, 3)
	for range 2 + s.IntN(3) {
		b := s.chain(at, 1+s.IntN(2))
		for range 2 + s.IntN(3) {
			leaf := s.chain(b, 1+s.IntN(2))
			for range 2 + s.IntN(4) {
				s.target(leaf)
			}
		}
	}
	return s
}

// chain adds n routers in a row.
func (s *region) chain(before, n int) int {
	for range n {
		b := branch{before: before, ttl: 1, addr: netip.AddrFrom4([4]byte{198, 18, byte(len(s.routers) >> 8), byte(1 + len(s.routers))})}
		if before >= 0 {
			b.ttl = s.routers[before].ttl + 1
			switch s.IntN(10) {
			case 0:
				b.share = 1
			case 1:
				b.share = 0.7
			}
		}
		before = len(s.routers)
		s.routers = append(s.routers, b)
	}
	return before
}

// target adds one behind a router, in one of five networks.
func (s *region) target(behind int) {
	n := len(s.targets)
	nets := [][3]byte{{203, 0, 113}, {198, 51, 100}, {192, 0, 2}, {198, 19, 0}, {100, 64, 0}}
	e := end{addr: netip.AddrFrom4([4]byte{nets[n%5][0], nets[n%5][1], nets[n%5][2], byte(1 + n)})}
	for r := behind; r >= 0; r = s.routers[r].before {
		e.way = append(e.way, r)
	}
	slices.Reverse(e.way)
	s.targets = append(s.targets, e)
}

// behind are the targets whose way has a router.
func (s *region) behind(r int) []int {
	var out []int
	for t := range s.targets {
		if slices.Contains(s.targets[t].way, r) {
			out = append(out, t)
		}
	}
	return out
}

// shared is a fault on the link into a router behind the trunk, which three
// targets share at least, and three do not.
func (s *region) shared() {
	s.label.Class = report.RealLoss
	hit := map[int]bool{}
	for _, f := range s.faults {
		for _, t := range s.behind(f.router) {
			hit[t] = true
		}
	}
	for range 100 { // of draws; a second fault may find no place
		r := 3 + s.IntN(len(s.routers)-3)
		behind := s.behind(r)
		if len(behind) < 3 || len(s.targets)-len(hit)-len(behind) < 3 || slices.ContainsFunc(behind, func(t int) bool { return hit[t] }) {
			continue
		}
		s.faults = append(s.faults, fault{router: r, target: -1, loss: []float64{0.25, 0.4, 0.7, 1}[s.IntN(4)]})
		return
	}
}

// two are faults on different branches at once: the incident is of one of them.
func (s *region) two() {
	s.shared()
	s.shared()
}

// trunk is a loss that all targets have, but none all of the time: nobody is clean.
func (s *region) trunk() {
	s.faults = []fault{{router: 1 + s.IntN(2), target: -1, loss: 0.3 + 0.4*s.Float64()}}
	s.label.Class = report.RealLoss
}

func (s *region) uplink() {
	s.faults = []fault{{router: 1, target: -1, loss: 1}}
	s.label.Class = report.UplinkCut
}

func (s *region) gateway() {
	s.faults = []fault{{router: 0, target: -1, loss: []float64{0.4, 0.7, 1}[s.IntN(3)]}}
	s.label.Class = report.OwnNetwork
}

// last is the line of one target.
func (s *region) last() {
	s.faults = []fault{{router: -1, target: s.IntN(len(s.targets)), loss: 0.35 + 0.4*s.Float64()}}
	s.label.Class = report.RealLoss
}

func (s *region) stalled() {
	s.stall = true
	s.label.Class, s.label.Innocent = report.MeasurementFault, true
}

// lost says whether a packet that leaves at ms toward a target gets no further
// than a TTL (0: the target) without being lost on the way.
func (s *region) lost(t, ttl int, ms float64) bool {
	if ms < 0 || ms >= lossy {
		return false
	}
	way := s.targets[t].way
	for _, f := range s.faults {
		n := len(way)
		if ttl > 0 {
			n = min(ttl, n)
		}
		if (ttl == 0 && f.target == t || f.router >= 0 && slices.Contains(way[:n], f.router)) && s.Float64() < f.loss {
			return true
		}
	}
	return false
}

// pings are the watchdog's to a target, a second apart; loss is how many of
// those from the beginning of the loss on were lost, and sent how many left.
func (s *region) pings(lost func(ms float64) bool) (p report.Pings, first float64, last float64, n, sent int) {
	begin := zero.Add(-time.Duration(looked) * time.Millisecond)
	offset := float64(s.IntN(1000))
	p = report.Pings{From: begin.Add(time.Duration(offset-60000) * time.Millisecond)}
	first = -1
	for k := range 60 + int(recorded/1000) - 1 {
		ms := offset + float64(k-60)*1000
		still, deaf := s.stands(ms)
		if still {
			continue
		}
		gone := lost(ms) || deaf
		p.TxMS = append(p.TxMS, int64(k)*1000)
		if !gone {
			us := int64(9000 + s.IntN(400))
			p.RTTUS, p.Answer = append(p.RTTUS, &us), p.Answer+string(report.AnswerReply)
		} else {
			p.RTTUS, p.Answer = append(p.RTTUS, nil), p.Answer+string(report.AnswerLost)
			if first < 0 {
				first = ms
			}
			last = ms
			n++
		}
		if first >= 0 && ms <= lossy {
			sent++
		}
	}
	return p, first, last, n, sent
}

// stands says whether the machine stands still, or will within a second.
func (s *region) stands(ms float64) (still, deaf bool) {
	for _, w := range stops {
		still = still || s.stall && w.has(ms)
		deaf = deaf || s.stall && window{w.from - 900, w.from}.has(ms)
	}
	return still, deaf
}

// path is a target's as path memory knows it, and how often each router of it
// was asked and answered.
func (s *region) path(t int) *report.Path {
	const asked = 24
	p := &report.Path{At: zero.Add(-180e9)}
	for i, r := range s.targets[t].way {
		b := s.routers[r]
		us := int64(1000 * (i + 1))
		h := report.PathHop{TTL: i + 1, Addrs: []netip.Addr{b.addr}, RTTUS: &us, Asked: asked}
		for range asked {
			if s.Float64() >= b.share {
				h.Answered++
			}
		}
		if h.Answered == 0 {
			h.Addrs, h.RTTUS = []netip.Addr{}, nil
		}
		p.Hops = append(p.Hops, h)
	}
	return p
}

// look is what the first look at a target's path saw: three waves.
func (s *region) look(t int, p *report.Path) []storm.HopCount {
	var out []storm.HopCount
	for i, r := range s.targets[t].way {
		h := storm.HopCount{TTL: i + 1, Sent: 3, UsualAnswered: p.Hops[i].Answered, UsualAsked: p.Hops[i].Asked}
		if len(p.Hops[i].Addrs) > 0 {
			h.Addr = p.Hops[i].Addrs[0]
		}
		for wave := range 3 {
			if s.lost(t, i+1, looked+float64(150*wave)) || s.Float64() < s.routers[r].share {
				h.Lost++
			}
		}
		out = append(out, h)
	}
	return out
}

// trace is a long look at a target.
func (s *region) trace(t, number int) Case {
	e := s.targets[t]
	l := newLine(s.Rand)
	l.target, l.routers, l.rtts = e.addr, nil, nil
	for i, r := range e.way {
		b := s.routers[r]
		x := router{members: []netip.Addr{b.addr}}
		if b.share > 0 {
			x.limit = &limit{share: b.share, during: always}
		}
		l.routers, l.rtts = append(l.routers, x), append(l.rtts, float64(i+1))
	}
	l.rtts = append(l.rtts, float64(len(e.way)+1))
	for _, f := range s.faults {
		if i := slices.Index(e.way, f.router); i >= 0 || f.target == t {
			l.loss, l.lossTo, l.when = f.loss, len(e.way)+1, window{-looked, lossy - looked}
			if i >= 0 {
				l.lossTo = i + 1
			}
		}
	}
	p := plan{seconds: 30, polite: 1, protocol: "icmp", known: true, knownTTL: l.length()}
	events, _ := l.trace(p)
	return Case{Requests: request(number), Node: report.Node{Name: "hk1"}, Events: events}
}

// incident is what the watchdog makes of it: the losses of all are grouped by
// internal/storm as it does it, and the incident is the group with most members.
func (s *region) incident(number int) IncidentCase {
	begin := zero.Add(-time.Duration(looked) * time.Millisecond)
	at := func(ms float64) *time.Time { t := begin.Add(time.Duration(ms) * time.Millisecond); return &t }
	ev := make([]storm.Evidence, len(s.targets))
	members := make([]report.Member, len(s.targets))
	var hit []int
	for t, e := range s.targets {
		pings, first, last, n, sent := s.pings(func(ms float64) bool { return s.lost(t, 0, ms) })
		path := s.path(t)
		ev[t] = storm.Evidence{Target: e.addr, Lost: n, Sent: sent, UsualSent: 300}
		for _, h := range path.Hops {
			a := netip.Addr{}
			if len(h.Addrs) > 0 {
				a = h.Addrs[0]
			}
			ev[t].Path = append(ev[t].Path, a)
		}
		if n == 0 {
			ev[t].Sent = int(lossy / 1000)
		}
		members[t] = report.Member{Target: e.addr.String(), Address: e.addr, Trigger: report.TriggerLoss, Pings: pings, Lost: n, Sent: sent,
			Usual: &report.Usual{P50US: 9200, P95US: 9400, Sent: 300}, Before: path}
		if n >= 2 { // about what opens an incident
			m := &members[t]
			m.Began, m.Noticed, m.Opened, m.LastLoss = *at(first), *at(first + 500), *at(first + 1600), at(last)
			m.Recovered = at(last + 1000)
			hit = append(hit, t)
			ev[t].Hops = s.look(t, path)
		}
	}
	var group storm.Result
	if s.stall {
		group.Members = hit
	} else {
		for _, g := range storm.Explain(ev, hit, storm.Options{}) {
			if len(g.Members) > len(group.Members) {
				group = g
			}
		}
	}
	gateway := report.Canary{Kind: report.CanaryGateway, Target: s.routers[0].addr.String(), Addr: s.routers[0].addr, Known: true, Sent: int(recorded / 1000)}
	anchor := report.Canary{Kind: report.CanaryAnchor, Target: "192.88.99.1", Addr: netip.MustParseAddr("192.88.99.1"), Known: true, Sent: int(recorded / 1000)}
	for ms := 0.0; ms < lossy; ms += 1000 {
		for _, f := range s.faults {
			if f.router == 0 && s.Float64() < f.loss {
				gateway.Lost++
			}
			if f.router >= 0 && f.router <= 1 && s.Float64() < f.loss { // it is behind the second router
				anchor.Lost++
			}
		}
	}
	id := request(number)[0].ID
	inc := &report.Incident{Schema: report.IncidentSchema, ID: id, State: report.IncidentClosed, Trigger: report.TriggerLoss,
		Node: report.Node{Name: "hk1"}, At: *at(recorded), Watched: len(s.targets), Clean: len(s.targets) - len(hit), Affected: len(group.Members), Common: group.Place,
		Canaries: []report.Canary{{Kind: report.CanaryLoopback, Target: "127.0.0.1", Addr: netip.MustParseAddr("127.0.0.1"), Known: true, Sent: int(recorded / 1000)}, gateway, anchor}}
	if s.stall {
		for _, w := range stops {
			inc.Host.Stalls = append(inc.Host.Stalls, report.Stall{At: *at(w.to), MS: int64(w.to - w.from)})
		}
	}
	c := IncidentCase{Case: Case{Label: s.label}, Incident: inc}
	for i, t := range group.Members {
		m := members[t]
		if i < 3 && !s.stall {
			trace := s.trace(t, number*4+i)
			m.Reports = append(m.Reports, trace.Requests[0].ID)
			c.Traces = append(c.Traces, trace)
		}
		inc.Members = append(inc.Members, m)
	}
	slices.SortStableFunc(inc.Members, func(a, b report.Member) int { return a.Began.Compare(b.Began) })
	if len(inc.Members) > 0 {
		first := &inc.Members[0]
		inc.Times = report.IncidentTimes{Began: first.Began, Noticed: first.Noticed, Probed: at(looked), Opened: first.Opened, Recovered: at(lossy + 1000), Closed: at(recorded)}
		inc.Episodes = []report.Episode{{From: first.Began, To: at(lossy + 1000)}}
	}
	s.judge(&c.Label, group.Members)
	return c
}

// judge says where the fault of an incident's members is.
func (s *region) judge(l *Label, members []int) {
	lost := 0
	for _, f := range s.faults {
		var hit, way []int
		to := 0
		for _, t := range members {
			switch i := slices.Index(s.targets[t].way, f.router); {
			case i >= 0:
				hit, way, to = append(hit, t), s.targets[t].way[:i+1], i+1
			case f.target == t:
				hit, way, to = append(hit, t), s.targets[t].way, len(s.targets[t].way)+1
			}
		}
		if len(hit) <= lost {
			continue // another has more of the members
		}
		lost = len(hit)
		l.From, l.To, l.Way = to-1, to, nil
		for _, r := range way {
			l.Way = append(l.Way, s.routers[r].addr)
		}
		if f.target >= 0 {
			l.Way = append(l.Way, s.targets[f.target].addr)
		}
		l.Enough = f.router > 2 && s.parted(f.router)
		l.Truth = fmt.Sprintf("%.0f %% on the link into %v, TTL %d, %d members behind it, %d watched", 100*f.loss, l.Way[len(l.Way)-1], to, len(hit), len(s.targets))
	}
	if l.Class == report.OwnNetwork {
		l.Enough = true
	}
	if s.stall {
		l.Truth = "the machine stood still; no line lost anything"
	}
}

// parted says that the paths tell the link into a router from those beside it:
// the router before it is on a clean path, too, the one itself has members on
// several ways onward, and both answer.
func (s *region) parted(r int) bool {
	before := s.routers[r].before
	onward := map[int]bool{}
	for _, t := range s.behind(r) {
		way := s.targets[t].way
		if i := slices.Index(way, r); i+1 < len(way) {
			onward[way[i+1]] = true
		} else {
			onward[-1-t] = true
		}
	}
	return len(s.behind(before)) > len(s.behind(r)) && len(onward) > 1 && s.routers[before].share == 0 && s.routers[r].share == 0
}
