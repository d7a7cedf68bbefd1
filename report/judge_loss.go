package report

import (
	"math"
	"strings"
)

// lossy is R2 and R4: the target's own figure is the true one; the hops
// before it only say where the loss begins.
func (v *view) lossy(d *Verdict) {
	t := v.target
	v.tell(d, "lost", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
	if t.Late > 0 {
		v.tell(d, "late.more", v.lang.count(t.Late, "probe"))
	}
	d.Class = RealLoss
	d.rule("R2")
	if limited, _ := v.middle(); limited > 0 {
		d.rule("R4")
	}
	d.Grade = byCounts(d.Loss)
	if d.Grade == Weak {
		d.rule("R13")
		d.Settle = v.lang.Say("lost.settle", v.lang.of(t.Lost, t.Sent, "probe"))
	}
	v.alsoWatched(d)
	p, ok := v.begins()
	if v.e.Target.Protocol == "udp" && !(ok && p.to <= v.last()) && !v.wentDark() && !v.recovers() {
		// All that a UDP probe gets from a host is "port unreachable", and
		// hosts limit those: Linux to about one a second for each peer.
		d.Class, d.Grade, d.Rules, d.Numbers = NotProven, Weak, []string{"R3"}, nil
		v.tell(d, "udp")
		d.Settle = v.lang.Say("udp.settle")
		return
	}
	switch {
	case v.turnedBack(d):
	case ok:
		v.place(d, p)
	default:
		if v.e.Target.Protocol == "tcp" {
			d.rule("R10")
		}
		v.tell(d, "nowhere")
	}
	v.testLimits(d)
	v.asUsual(d)
	if s := v.shift(); s != nil {
		d.rule("R12")
		v.tell(d, "shift.too", v.clock(s.at), v.shiftWords(s))
	}
	if !v.fromBehind(d) {
		d.settle(v.lang.Say("settle.reverse"))
	}
}

// begins is the stretch on which the loss begins: of a text by its counts alone.
func (v *view) begins() (place, bool) {
	p, ok := v.locate()
	if v.e.Foreign != nil {
		return v.plainly(p, ok)
	}
	return p, ok
}

// fewLinks is over how many links a stretch may go that is as good as a place: a
// link, and two beside it.
const fewLinks = 3

// place says on which stretch the loss begins. Its grade is that of the loss and
// of the stretch; of a wide one it says that the place within it is open.
func (v *view) place(d *Verdict, p place) {
	d.Link = v.link(p)
	if !p.firm && d.Grade == Certain {
		d.Grade = Likely
	}
	m := v.member(p)
	if m != nil {
		d.rule("R11")
		d.Link.To = LinkEnd{TTL: m.ttl, Addr: m.addr}
		d.number(m.test)
	}
	if m == nil && p.to-p.from > 1 && p.chance >= likelyLink {
		at := v.link(place{from: p.best - 1, to: p.best})
		d.Likeliest = &Likeliest{From: at.From, To: at.To, Chance: min(p.chance, mostLikely)}
	}
	v.testPlace(d, p)
	key := "begins"
	if d.Grade != Certain {
		key = "begins.probably"
	}
	v.tell(d, key, v.endName(d.Link.From), v.endName(d.Link.To))
	switch {
	case p.from == 0 && p.to == 1 || p.first >= likelyFirst:
		// R14: nobody's line but one's own lies there.
		d.Class = OwnNetwork
		d.rule("R14")
		if p.to > 1 {
			d.atMost(Likely)
			v.tell(d, "own.first")
		}
		v.tell(d, "own.gateway")
		d.settle(v.lang.Say("own.gateway.settle"))
		return
	case p.from == 0:
		d.rule("R14")
		v.tell(d, "own.perhaps")
	case p.to == v.last()+1:
		v.tell(d, "begins.target")
	}
	links := p.to - p.from
	switch {
	case m != nil:
		v.tell(d, "member", m.addr, m.ttl)
	case links <= fewLinks:
	case d.Grade == Certain:
		v.tell(d, "begins.wide.sure", links)
	default:
		v.tell(d, "begins.wide", links)
	}
	v.likeliest(d)
	d.rule("R9")
}

// mostLikely is the most that is said of one link of a stretch that had to be wider.
const mostLikely = 0.99

// likeliest says which link of a stretch it most likely is.
func (v *view) likeliest(d *Verdict) {
	if l := d.Likeliest; l != nil {
		v.tell(d, "begins.likeliest", v.endName(l.From), v.endName(l.To), probability(l.Chance))
	}
}

// turnedBack says that a router sent most of the lost packets back, and
// names the line behind it.
func (v *view) turnedBack(d *Verdict) bool {
	n := v.turnsBack()
	if n < fewProbes || 2*n < v.target.Lost {
		return false
	}
	who, ttl, _ := v.whoTurnedBack()
	if who == v.e.Node.Source && who.IsValid() {
		d.Class = OwnNetwork
		d.rule("R14")
		d.Link = &Link{To: LinkEnd{TTL: 1}}
		v.tell(d, "back.self", v.lang.count(n, "time"), who)
		d.settle(v.lang.Say("own.gateway.settle"))
		return true
	}
	said := v.endName(LinkEnd{TTL: ttl, Addr: who})
	if ttl == 0 {
		said = who.String()
	} else {
		d.Link = &Link{From: LinkEnd{TTL: ttl, Addr: who}, To: LinkEnd{TTL: ttl + 1}}
		if ttl+1 == v.end()+1 {
			d.Link.To.Addr = v.e.Target.Address
		}
	}
	v.tell(d, "back", said, v.lang.count(n, "time"))
	d.settle(v.lang.Say("unreachable.settle"))
	return true
}

// turnsBack counts the probes to the target that a router sent back.
func (v *view) turnsBack() int {
	n := 0
	for _, s := range v.toTarget() {
		n += strings.Count(s.Answer, string(AnswerUnreachable))
	}
	return n
}

// toTarget are the series of probes that went for the target itself, as they
// were written.
func (v *view) toTarget() []*Series {
	out := []*Series{&v.e.Ping}
	if end := v.end(); end >= 0 && !v.e.twoLengths() {
		out = append(out, &v.e.Hops[end].Series)
	}
	return out
}

// wentDark says that the target answered nothing at all for longer than
// any limit on answers explains.
func (v *view) wentDark() bool {
	if v.e.Foreign != nil {
		return false
	}
	first, n := 0.0, 0
	for i := range len(v.series.Answer) {
		switch {
		case v.series.Answer[i] == AnswerPending:
		case !isLost(v.series.Answer[i]):
			n = 0
		case n == 0:
			first, n = v.series.TxMS[i], 1
		default:
			n++
			if n >= silentProbes && v.series.TxMS[i]-first >= silentSpell {
				return true
			}
		}
	}
	return false
}

const (
	pacedGaps  = 15  // pauses between answers that tell an even pace from chance
	pacedLoss  = 0.4 // below it, pauses of one lost probe are too many to tell
	pacedEven  = 0.3 // deviation of the pauses, as a part of what chance makes: an even pace
	pacedRough = 0.6 // and no even pace at all
)

// paced is R3 at the target: a host that answers so many probes a second
// and no more loses what is above that at an even pace. A line loses at
// random: between two answers it loses none or ten, a limit nearly always
// the same number. Too few pauses to tell make no loss where nothing but
// the target shows it.
func (v *view) paced(d *Verdict) bool {
	t := v.target
	if float64(t.Lost) < pacedLoss*float64(t.Sent) || v.e.Target.Protocol == "udp" || v.wentDark() || v.recovers() {
		return false
	}
	gaps := v.pauses()
	n := float64(len(gaps))
	mean, squares := 0.0, 0.0
	for _, g := range gaps {
		mean += g / n
	}
	for _, g := range gaps {
		squares += (g - mean) * (g - mean) / n
	}
	// Random loss: pauses spread like a geometric variable that is at least 2,
	// whose deviation is √p / (1 − p) probes for a loss p.
	p := float64(t.Lost) / float64(t.Sent)
	chance := math.Sqrt(p) / (1 - p) * v.pace()
	uneven := math.Inf(1)
	if chance > 0 && n > 0 {
		uneven = math.Sqrt(squares) / chance
	}
	even := len(gaps) >= pacedGaps && uneven <= pacedEven
	perhaps := v.e.Target.Protocol == "icmp" && (len(gaps) < 5 || uneven <= pacedRough)
	if !even && !perhaps {
		return false
	}
	// What lies before it must not show the same.
	pl, ok := v.begins()
	before := ok && pl.to <= v.last()
	if before && (pl.firm || len(gaps) < enough || uneven > pacedEven) || !even && v.turnsBack() > 0 {
		return false
	}
	even = even && !before
	v.tell(d, "lost", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
	d.rule("R3")
	d.Settle = v.lang.Say("paced.settle")
	if even {
		d.Class, d.Grade = RateLimitOnly, Likely
		v.tell(d, "paced", shortTenth(1000/mean))
		return true
	}
	d.rule("R13")
	v.tell(d, "paced.perhaps")
	return true
}

// recovers says that the target answered all of a longer stretch at the end
// of the series: a limit goes on as long as it is asked.
func (v *view) recovers() bool {
	c := v.calm()
	return len(c) > 0 && math.IsInf(c[len(c)-1].to, 1)
}

// pauses are the times between two answers of the target with a lost probe
// between them, ms.
func (v *view) pauses() []float64 {
	var gaps []float64
	last := math.NaN()
	run := 0
	if v.e.Foreign != nil {
		return nil
	}
	for i := range len(v.series.Answer) {
		switch a := v.series.Answer[i]; {
		case a == AnswerPending:
		case isLost(a):
			run++
		default:
			if run > 0 && !math.IsNaN(last) {
				gaps = append(gaps, v.series.TxMS[i]-last)
			}
			last, run = v.series.TxMS[i], 0
		}
	}
	return gaps
}

// pace is the usual time between probes to the target, ms; 0: unknown.
func (v *view) pace() float64 {
	n := len(v.series.TxMS)
	if n < 2 {
		return 0
	}
	return (v.series.TxMS[n-1] - v.series.TxMS[0]) / float64(n-1)
}
