package report

// fromBehind is R9 with the trace from the other end at hand: what it shows
// of the way back. It says whether there was one.
func (v *view) fromBehind(d *Verdict) bool {
	if v.reverse == nil {
		return false
	}
	d.rule("R9")
	r := lookWith(&v.reverse.Evidence, Around{Lang: v.lang, bare: true})
	rd := r.judge()
	back := v.lang.counted(rd.Loss, "probe")
	switch {
	case (rd.Class == RealLoss || rd.Class == OwnNetwork) && rd.Link != nil:
		v.tell(d, "reverse.link", back, sideOf(r, rd.Link.From), sideOf(r, rd.Link.To))
		if v.sameLink(d.Link, rd.Link, r) {
			v.tell(d, "reverse.same")
			if d.Grade == Likely && rd.Grade != Weak && d.Class == RealLoss {
				d.Grade = Certain
			}
		}
	case rd.Class == RealLoss:
		v.tell(d, "reverse.lossy", back)
	case r.target.Lost == 0 && r.target.Sent >= someProbes && v.covers(r):
		// Both traces cross both directions. Where one is clean meanwhile,
		// the packets take other ways.
		v.tell(d, "reverse.clean", v.lang.count(r.target.Sent, "probe"))
		d.settle(v.lang.Say("reverse.clean.settle"))
	default:
		v.tell(d, "reverse.little", back)
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

// covers says that another trace sent probes while this one lost them.
func (v *view) covers(r *view) bool {
	first, last := v.lostEnds()
	if first < 0 {
		return false
	}
	off := float64(v.e.Times.Started.Sub(r.e.Times.Started).Microseconds()) / 1000
	n := 0
	for i := range len(r.series.Answer) {
		if tx := r.series.TxMS[i]; tx >= v.series.TxMS[first]+off-1000 && tx <= v.series.TxMS[last]+off+1000 {
			n++
		}
	}
	return n >= fewProbes
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
