package report

import (
	"fmt"
	"net/netip"
	"strings"
)

// silent is R5 and R6: the target answered nothing.
func (v *view) silent(d *Verdict) {
	e := v.e
	n := v.target.Sent
	if n == 0 {
		d.Sentence = fmt.Sprintf("No probe to %s has run out or been answered yet.", v.name())
		return
	}
	d.Sentence = fmt.Sprintf("%s answered none of %s.", v.name(), plural(n, "probe"))
	if n < fewProbes {
		d.Rules = append(d.Rules, "R13")
		d.Settle = fmt.Sprintf("%d more probes to the target", someProbes-n)
		return
	}
	for _, o := range e.Others {
		if o.Answered {
			d.Class = TargetFilters
			d.Rules = append(d.Rules, "R5")
			d.Sentence += fmt.Sprintf(" It answers %s: it filters %s.", o.name(), strings.ToUpper(Printable(e.Target.Protocol)))
			if n >= someProbes {
				d.Grade = Likely
			}
			if e.Target.Known {
				d.Grade = Weak
				d.Sentence = strings.TrimSuffix(d.Sentence, ".") + " now, or the loss ended before that one probe: it has answered before."
			}
			d.Settle = "a trace with " + o.name()
			return
		}
	}
	last := v.lastRouter()
	if last == 0 {
		d.Rules = append(d.Rules, "R6")
		d.Sentence += " No hop before it answered either: where the path ends cannot be told, and it may be next to this machine."
		d.Settle = "a look at this machine's own link and gateway"
		v.knownLoss(d, n)
		return
	}
	k := e.Target.KnownTTL
	label := v.endName(LinkEnd{TTL: last, Addr: e.latest(&e.Hops[last-1].Series)})
	if k > 1 && last >= k-1 {
		d.Rules = append(d.Rules, "R5")
		d.Sentence += fmt.Sprintf(" The hop before it, %s, answers.", label)
		if !e.Target.Known {
			d.Class = TargetFilters
		}
	} else {
		d.Rules = append(d.Rules, "R6")
		d.Sentence += fmt.Sprintf(" Nothing answers behind %s: a cut, a loop or a filter.", label)
	}
	d.Settle = "a trace with TCP to a port that is open, and the trace from the other end"
	v.knownLoss(d, n)
	if d.Class == RealLoss {
		d.Link = &Link{From: LinkEnd{TTL: last, Addr: e.latest(&e.Hops[last-1].Series)}, To: LinkEnd{TTL: last + 1}}
		if k == last+1 {
			d.Link.To.Addr = e.Target.Address
		}
	}
}

// knownLoss makes a loss of the silence of a target that used to answer.
func (v *view) knownLoss(d *Verdict, n int) {
	if !v.e.Target.Known {
		d.Sentence += " It is not known to have answered before."
		return
	}
	d.Class = RealLoss
	if n >= someProbes {
		d.Grade = Likely
	}
	d.Sentence += " It has answered before, so it is down or cut off."
}

// lastRouter is the highest TTL that answered; 0: none.
func (v *view) lastRouter() int {
	for i := len(v.hops) - 1; i >= 0; i-- {
		if v.e.latest(&v.e.Hops[i].Series).IsValid() {
			return v.e.Hops[i].TTL
		}
	}
	return 0
}

// unreachable: a router says so.
func (v *view) unreachable(d *Verdict) {
	e := v.e
	who, ttl, times := v.whoTurnedBack()
	d.Rules = append(d.Rules, "R6")
	said := v.endName(LinkEnd{TTL: ttl, Addr: who})
	if who == e.Node.Source && who.IsValid() {
		said = "this machine itself (" + who.String() + ")"
	} else if ttl == 0 {
		said = who.String()
	}
	d.Sentence = fmt.Sprintf("%s answered none of %s: %s says that it cannot be reached (%s).", v.name(), plural(v.target.Sent, "probe"), said, plural(times, "time"))
	d.Settle = "what that router knows of the way on, and a trace with TCP"
	if v.target.Sent < fewProbes {
		d.Rules = append(d.Rules, "R13")
		d.Settle = fmt.Sprintf("%d more probes to the target", someProbes-v.target.Sent)
		return
	}
	if v.target.Sent >= someProbes {
		d.Grade = Likely
	}
	d.Class = TargetFilters
	for _, o := range e.Others {
		if o.Answered {
			d.Rules = []string{"R5"}
			d.Sentence += fmt.Sprintf(" But the target answers %s: only %s is turned away.", o.name(), strings.ToUpper(Printable(e.Target.Protocol)))
			return
		}
	}
	if !e.Target.Known {
		d.Sentence += " It is not known to have answered before."
		return
	}
	d.Class = RealLoss
	d.Sentence += " It has answered before, so it is down or cut off."
	if ttl > 0 && who != e.Node.Source {
		d.Link = &Link{From: LinkEnd{TTL: ttl, Addr: who}, To: LinkEnd{TTL: ttl + 1}}
	}
}

// whoTurnedBack is the router that said "unreachable" most often, the
// lowest TTL at which it answered (0: none), and how often.
func (v *view) whoTurnedBack() (who netip.Addr, ttl, times int) {
	said := make(map[netip.Addr]int)
	all := append([]*Series{&v.e.Ping}, seriesOf(v.e.Hops)...)
	for _, s := range append(all, seriesOf(v.e.Beyond)...) {
		for i := range len(s.Answer) {
			if s.Answer[i] == AnswerUnreachable {
				said[v.e.who(s, i)]++
			}
		}
	}
	for _, a := range append([]netip.Addr{{}}, v.e.Addresses...) {
		if said[a] > times {
			who, times = a, said[a]
		}
	}
	for i := range v.e.Hops {
		h := &v.e.Hops[i]
		for j := range len(h.Answer) {
			if a := h.Answer[j]; (a == AnswerExpired || a == AnswerUnreachable) && v.e.who(&h.Series, j) == who {
				return who, h.TTL, times
			}
		}
	}
	return who, 0, times
}
