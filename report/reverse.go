package report

import (
	"net/netip"
	"slices"
	"time"
)

// An otherEnd is what a trace from the other end must fit, to say anything of
// a loss: made there, gone to here, at that time.
type otherEnd struct {
	node     string       // of this end
	here     []netip.Addr // its addresses
	there    []netip.Addr // where its probes went
	from, to time.Time    // of the loss
}

const (
	besideLoss = time.Second      // before and after a loss that still counts as its time
	apart      = 15 * time.Minute // the most that a carrier takes for the same window
)

// otherEnd is of the losses of a trace; where it lost none, of all of it.
func (v *view) otherEnd() otherEnd {
	e := v.e
	o := otherEnd{node: e.Node.Name, here: []netip.Addr{e.Node.Address, e.Node.Source}, there: []netip.Addr{e.Target.Address}}
	o.from, o.to = e.ran()
	if first, last := v.lostEnds(); first >= 0 {
		o.from, o.to = e.at(v.series.TxMS[first]), e.at(v.series.TxMS[last])
	}
	return o
}

// at is the time of so many ms since the trace began.
func (e *Evidence) at(ms float64) time.Time {
	return e.Times.Started.Add(time.Duration(ms * float64(time.Millisecond)))
}

// ran is from when to when a trace ran; one without an end is given a minute.
func (e *Evidence) ran() (from, to time.Time) {
	if t := e.Times.Ended; t != nil {
		return e.Times.Started, *t
	}
	return e.Times.Started, e.Times.Started.Add(time.Minute)
}

// A refusal is why a trace does not count as one from the other end.
type refusal struct {
	why  string // in words; "": it counts
	sure bool   // it is none, for a carrier either; else it only cannot be told
}

// refuses says whether a trace counts, and if not, why.
func (o *otherEnd) refuses(e *Evidence, l Lang) refusal {
	if d := o.goesElsewhere(e.Target.Address, l); d.why != "" {
		return d
	}
	if d := o.comesFromElsewhere(e.Node, l); d.why != "" {
		return d
	}
	from, to := e.ran()
	return o.notOfThatTime(from, to, l)
}

// goesElsewhere is of where a trace went. A node has addresses of both
// families, and IPv4 shows nothing of a line over IPv6.
func (o *otherEnd) goesElsewhere(to netip.Addr, l Lang) refusal {
	there := addressed(o.there)
	here := slices.DeleteFunc(addressed(o.here), func(a netip.Addr) bool { return !sameFamily(a, to) })
	switch {
	case !to.IsValid():
		return refusal{why: l.Say("reverse.not.nowhere")}
	case !o.wentOver(to):
		return refusal{why: l.Say("reverse.not.family", to, family(to), family(there[0])), sure: true}
	case slices.Contains(here, to):
		return refusal{}
	case len(here) == 0 || public(to) && !slices.ContainsFunc(here, public):
		// Behind a translator a node knows its public address only if it is told.
		return refusal{why: l.Say("reverse.not.unknown", to)}
	default:
		return refusal{why: l.Say("reverse.not.to", to, here[0]), sure: true}
	}
}

// wentOver says that some probes went over the family of an address.
func (o *otherEnd) wentOver(a netip.Addr) bool {
	there := addressed(o.there)
	return len(there) == 0 || slices.ContainsFunc(there, func(t netip.Addr) bool { return sameFamily(t, a) })
}

func family(a netip.Addr) string {
	if plain(a).Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// comesFromElsewhere is of who made a trace. One whose addresses mean nothing
// here, as behind a translator, may be the destination, unless it is this node.
func (o *otherEnd) comesFromElsewhere(n Node, l Lang) refusal {
	there := addressed(o.there)
	theirs := slices.DeleteFunc(addressed([]netip.Addr{n.Address, n.Source}), func(a netip.Addr) bool { return !o.wentOver(a) })
	if len(there) == 0 || slices.ContainsFunc(theirs, func(a netip.Addr) bool { return slices.Contains(there, a) }) {
		return refusal{}
	}
	tells := func(a netip.Addr) bool { return public(a) || !slices.ContainsFunc(there, public) }
	switch {
	case n.Name != o.node && !slices.ContainsFunc(theirs, tells):
		return refusal{}
	case len(theirs) == 0:
		return refusal{why: l.Say("reverse.not.from", Printable(n.Name), there[0]), sure: true}
	}
	return refusal{why: l.Say("reverse.not.from", theirs[0], there[0]), sure: true}
}

func addressed(all []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range all {
		if a = plain(a); known(a) {
			out = append(out, a)
		}
	}
	return out
}

// notOfThatTime is of when a trace ran.
func (o *otherEnd) notOfThatTime(from, to time.Time, l Lang) refusal {
	beside := func(by time.Duration) bool { return from.After(o.to.Add(by)) || to.Before(o.from.Add(-by)) }
	if !beside(besideLoss) {
		return refusal{}
	}
	from, to = from.In(o.from.Location()), to.In(o.from.Location())
	until := ticketTime
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		until = "15:04:05 -07:00"
	}
	return refusal{why: l.Say("reverse.not.time", from.Format(time.DateTime), to.Format(until)), sure: beside(apart)}
}

// tell adds to a verdict what a trace from the other end, which counts, shows
// of the way back, and gives its own verdict.
func (o *otherEnd) tell(d *Verdict, r *view) Verdict {
	say := func(key string, args ...any) { d.Sentence = r.lang.join(d.Sentence, r.lang.Say(key, args...)) }
	rd := r.judge()
	back := r.lang.counted(rd.Loss, "probe")
	sent, lost := o.during(r)
	switch real := rd.Class == RealLoss || rd.Class == OwnNetwork; {
	case real && lost == 0 && sent >= fewProbes:
		say("reverse.later", back)
	case real && rd.Link != nil:
		say("reverse.link", back, sideOf(r, rd.Link.From), sideOf(r, rd.Link.To))
	case real:
		say("reverse.lossy", back)
	case r.target.Lost == 0 && r.target.Sent >= someProbes && sent >= fewProbes:
		// Both traces cross both directions. Where one is clean meanwhile,
		// the packets take other ways.
		say("reverse.clean", r.lang.count(r.target.Sent, "probe"))
		d.settle(r.lang.Say("reverse.clean.settle"))
	default:
		say("reverse.little", back)
	}
	return rd
}

// during counts the probes of a trace, and those lost, at the time of the loss.
func (o *otherEnd) during(r *view) (sent, lost int) {
	for i := range len(r.series.Answer) {
		at := r.e.at(r.series.TxMS[i])
		if at.Before(o.from.Add(-besideLoss)) || at.After(o.to.Add(besideLoss)) || r.series.Answer[i] == AnswerPending {
			continue
		}
		if sent++; isLost(r.series.Answer[i]) {
			lost++
		}
	}
	return sent, lost
}

// fromBehind is R9 with the trace from the other end at hand: what it shows
// of the way back. It says whether there was one that counts.
func (v *view) fromBehind(d *Verdict) bool {
	if v.reverse == nil {
		return false
	}
	o := v.otherEnd()
	if no := o.refuses(&v.reverse.Evidence, v.lang); no.why != "" {
		v.tell(d, "reverse.not", no.why)
		return false
	}
	d.rule("R9")
	r := lookWith(&v.reverse.Evidence, Around{Lang: v.lang, bare: true})
	rd := o.tell(d, r)
	if _, lost := o.during(r); lost > 0 && v.sameLink(d.Link, rd.Link, r) {
		v.tell(d, "reverse.same")
		if d.Grade == Likely && rd.Grade != Weak && d.Class == RealLoss {
			d.Grade = Certain
		}
	}
	return true
}

// sideOf is a side of a link that another trace names, seen from there.
func sideOf(r *view, l LinkEnd) string {
	switch {
	case l.TTL == 0:
		return r.lang.Say("reverse.from", short(Printable(r.e.Node.Name), maxName))
	case l.Addr.IsValid() && l.Addr == r.e.Target.Address:
		return r.lang.Say("reverse.here")
	}
	return r.endName(l)
}

// sameLink says that two traces from both ends may mean the same line: they
// name an address in common, or the hops to it from either side add up to
// the length of the path.
func (v *view) sameLink(a, b *Link, r *view) bool {
	if a == nil || b == nil {
		return false
	}
	for _, x := range []LinkEnd{a.From, a.To} {
		for _, y := range []LinkEnd{b.From, b.To} {
			if x.Addr.IsValid() && x.Addr == y.Addr {
				return true
			}
		}
	}
	if v.end() < 0 || v.end() != r.end() {
		return false
	}
	// TTL t from here is TTL length-t from there, of both sides.
	n := v.end() + 1
	return a.From.TTL < n-b.From.TTL && n-b.To.TTL < a.To.TTL
}

// lostEnds are the places of the first and the last lost probe; -1: none.
func (v *view) lostEnds() (first, last int) {
	first, last = -1, -1
	for i := range len(v.series.Answer) {
		if isLost(v.series.Answer[i]) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return first, last
}
