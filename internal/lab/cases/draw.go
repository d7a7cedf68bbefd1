package cases

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/mtrq/mtrq/report"
)

// A drawing is one case in the making.
type drawing struct {
	*rand.Rand
	line  *line
	plan  plan
	label Label
}

// scenarios are the sorts of trouble, each with how often it is drawn.
var scenarios = []struct {
	group string
	parts int
	draw  func(*drawing)
}{
	{"clean", 4, func(d *drawing) {}},
	{"limits", 5, (*drawing).limits},
	{"few", 4, (*drawing).few},
	{"loss", 12, (*drawing).someLoss},
	{"low-loss", 6, (*drawing).lowLoss},
	{"dark", 5, (*drawing).dark},
	{"own-network", 4, (*drawing).firstLink},
	{"last-link", 4, (*drawing).lastLink},
	{"member", 4, (*drawing).memberLoss},
	{"reroute", 5, (*drawing).rerouted},
	{"reroute-loss", 3, (*drawing).reroutedLoss},
	{"delay", 5, (*drawing).slower},
	{"loop", 3, (*drawing).loop},
	{"loop-begins", 3, (*drawing).loopBegins},
	{"cut", 4, (*drawing).cut},
	{"filtered", 4, (*drawing).filtered},
	{"unreachable", 3, (*drawing).unreachable},
	{"no-route", 2, (*drawing).noRoute},
	{"paced", 4, (*drawing).paced},
	{"watch", 5, (*drawing).watched},
	{"stall", 2, (*drawing).stalled},
	{"udp", 4, (*drawing).udp},
	{"tcp", 3, (*drawing).tcp},
	{"usual", 3, (*drawing).usual},
	{"usual-reroute", 2, (*drawing).unusual},
}

// Groups are the names of the scenarios, in order.
func Groups() []string {
	var out []string
	for _, s := range scenarios {
		out = append(out, s.group)
	}
	return out
}

// Draw makes n cases from a seed: the same ones from the same seed.
func Draw(seed uint64, n int) []Case {
	out := make([]Case, n)
	for i := range out {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		s := scenarios[pick(r, len(scenarios), func(k int) int { return scenarios[k].parts })]
		out[i] = draw(r, s.group, s.draw)
		out[i].Name = fmt.Sprintf("%s-%d-%d", out[i].Group, seed, i)
		out[i].Requests = request(i)
	}
	return out
}

// pick draws one of n, each as likely as it has parts.
func pick(r *rand.Rand, n int, parts func(i int) int) int {
	all := 0
	for i := range n {
		all += parts(i)
	}
	k := r.IntN(all)
	for i := range n {
		if k -= parts(i); k < 0 {
			return i
		}
	}
	panic("unreachable: the parts add up to all")
}

func draw(r *rand.Rand, group string, scenario func(*drawing)) Case {
	d := &drawing{Rand: r, line: newLine(r), plan: plan{seconds: d10to300(r), polite: 1, protocol: "icmp"}}
	if r.IntN(3) == 0 {
		d.plan.polite = 0.3 + 0.6*r.Float64()
	}
	if r.IntN(2) == 0 {
		d.plan.known, d.plan.knownTTL = true, d.line.length()
	}
	scenario(d)
	events, truth := d.line.trace(d.plan)
	d.judge(events, truth)
	return Case{Group: group, Label: d.label, Node: report.Node{Name: "hk1", Source: netip.MustParseAddr("192.0.2.1")}, Events: events}
}

// d10to300 is how many seconds a long look takes that sends 10 to 300 probes
// to the target.
func d10to300(r *rand.Rand) int {
	return int(math.Exp(math.Log(2) + r.Float64()*(math.Log(50)-math.Log(2))))
}

func newLine(r *rand.Rand) *line {
	l := &line{target: netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + r.IntN(250))}), flow: -1, member: -1, when: never, slow: never, reroute: never,
		loops: never, walled: never, noRoute: never, rand: r}
	at := 0.3
	for ttl := 1; ttl < 4+r.IntN(11); ttl++ {
		l.routers = append(l.routers, router{members: []netip.Addr{address(ttl, 0)}})
		l.rtts = append(l.rtts, at)
		at += r.ExpFloat64() * 3
	}
	l.rtts = append(l.rtts, at)
	return l
}

func address(ttl, member int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(ttl), byte(1 + member)})
}

// limits are routers that hold answers back, of every sort; it says whether
// one certainly shows.
func (d *drawing) limits() {
	for i := range d.line.routers {
		switch d.IntN(9) {
		case 0:
			d.line.routers[i].limit = &limit{share: d.Float64(), during: always}
		case 1:
			d.line.routers[i].limit = &limit{share: 1, during: always}
		case 2: // a storm of first looks passes it
			d.line.routers[i].limit = &limit{share: 0.3 + 0.7*d.Float64(), during: window{0, 500}}
		case 3: // as Linux does it
			d.line.routers[i].limit = &limit{rate: 1, burst: 6, tokens: 6}
		case 4:
			from := d.Float64() * float64(d.plan.seconds) * 1000
			d.line.routers[i].limit = &limit{share: d.Float64(), during: window{from, from + 3000 + d.Float64()*10000}}
		}
	}
}

// clear takes the limits away at the hops on both sides of a link.
func (d *drawing) clear(link int) {
	for _, ttl := range []int{link - 1, link} {
		if ttl >= 1 && ttl < d.line.length() {
			d.line.routers[ttl-1].limit = nil
		}
	}
}

func (d *drawing) maybeLimits() {
	if d.IntN(2) == 0 {
		d.limits()
	}
}

// spell is a window of a trace: all of it, from the beginning, or within.
func (d *drawing) spell() window {
	long := float64(d.plan.seconds)*1000 + 600
	switch d.IntN(3) {
	case 0:
		return always
	case 1:
		return window{math.Inf(-1), long * (0.2 + 0.6*d.Float64())}
	}
	from := long * 0.6 * d.Float64()
	return window{from, from + max(3000, long*0.4*d.Float64())}
}

// pings are the watchdog's own, a second apart, from so many seconds before
// the trace until so many after its start.
func (d *drawing) pings(before, after int, lost func(ms float64) bool) *report.Pings {
	p := &report.Pings{From: zero.Add(-time.Duration(before) * time.Second)}
	for s := range before + after {
		ms := float64(s-before) * 1000
		p.TxMS = append(p.TxMS, int64(s)*1000)
		if lost(ms) {
			p.RTTUS, p.Answer = append(p.RTTUS, nil), p.Answer+string(report.AnswerLost)
			continue
		}
		us := d.line.time(d.line.length(), ms, 0)
		p.RTTUS, p.Answer = append(p.RTTUS, &us), p.Answer+string(report.AnswerReply)
	}
	return p
}

// Long is the report of the longest trace that the defaults allow: 300 s at
// 30 % of loss, a path of 30 hops with limits on it.
func Long() (*report.Report, error) {
	r := rand.New(rand.NewPCG(1, 30))
	d := &drawing{Rand: r, line: newLine(r), plan: plan{seconds: 300, polite: 1, protocol: "icmp"}}
	l := d.line
	for len(l.routers) < 29 {
		l.routers = append(l.routers, router{members: []netip.Addr{address(len(l.routers)+1, 0)}})
		l.rtts = append(l.rtts, l.rtts[len(l.rtts)-1]+1)
	}
	d.limits()
	l.loss, l.lossTo, l.when = 0.3, 12, always
	events, _ := l.trace(d.plan)
	return report.Fold(request(0), report.Node{Name: "hk1"}, events, report.Options{})
}
