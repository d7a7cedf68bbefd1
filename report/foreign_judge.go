package report

// What counts without times say by themselves: whose a loss is not, where it
// begins, and whether a step of the round-trip times can be distance.

// whose says of a lossy text whose loss it is not: it is one's own where the
// first hop loses, too, and nobody's where no hop was asked often enough to part
// the line from this machine.
func (v *view) whose(d *Verdict) bool {
	t := v.target
	if v.e.Target.Protocol == "tcp" || !proven(t.Lost, t.Sent) {
		return false
	}
	w := v.witnesses()
	switch {
	case w.clean > 0 && t.Lost <= oneStall && 2*t.Lost*w.asked < 3*t.Sent:
		// They were asked so seldom (one or two losses each are to be expected) that
		// a stall which lost these may have fallen between two rounds, for all hops
		// at once: that together they were asked often says nothing against it.
		d.rule("R13")
		v.tell(d, "lost", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
		v.tell(d, "foreign.thin")
		d.Settle = v.lang.Say("foreign.thin.settle")
	case w.better:
		return false
	case w.first > 0 && w.first <= nearest && w.clean == 0:
		// R14. A machine that stood still while it traced loses the same at every
		// hop, too.
		d.Class, d.Grade = OwnNetwork, byCounts(d.Loss)
		d.rule("R14")
		d.Link = v.link(place{to: w.first})
		v.tell(d, "lost", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
		v.tell(d, "foreign.same")
		d.Settle = v.lang.Say("foreign.same.settle")
	case w.clean > 0 && t.Lost <= oneStall:
		d.rule("R13")
		v.tell(d, "lost", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
		v.tell(d, "foreign.few", w.asked)
		d.Settle = v.lang.Say("foreign.few.settle", v.parted(w))
	default:
		return false
	}
	if d.Grade == Weak {
		d.rule("R13")
	}
	return true
}

// nearest is the TTL up to which the first hop that answers is the gateway, or
// what stands behind a silent one.
const nearest = 2

// oneStall is the most that a machine which stands still once loses of the
// target, where the hops are asked too seldom to lose any: mtrq asks the target
// five times a second and may be deaf for one and a half. Other programs ask all alike.
const oneStall = 7

// witnesses are the hops before the target, beside it.
type witnesses struct {
	first  int  // TTL of the first that answers; 0: none does
	clean  int  // how many lost nothing
	asked  int  // of those the one asked most often, how often
	better bool // the first ones, or one alone, lose clearly fewer: the loss begins behind
}

func (v *view) witnesses() witnesses {
	t := v.target
	clearly := func(s Stats) bool { return worse(t.Lost, t.Sent, s.Lost, s.Sent) < noticeable }
	var w witnesses
	var sofar Stats // without those that lose clearly more: they limit their answers
	for i, s := range v.hops {
		if i == v.end() || s.Answered == 0 {
			continue
		}
		if w.first == 0 {
			w.first = i + 1
		}
		if s.Lost == 0 {
			w.clean++
			w.asked = max(w.asked, s.Sent)
		}
		if worse(s.Lost, s.Sent, t.Lost, t.Sent) >= noticeable {
			sofar.Lost, sofar.Sent = sofar.Lost+s.Lost, sofar.Sent+s.Sent
		}
		w.better = w.better || clearly(s) || clearly(sofar)
	}
	return w
}

// parted is how many probes to each hop would show whose a loss is if it stays
// the same.
func (v *view) parted(w witnesses) int {
	t := v.target
	k := 2
	for k < 50 && worse(k*t.Lost, k*t.Sent, 0, k*w.asked) >= noticeable {
		k++
	}
	return k * t.Sent
}

// plainly narrows the stretch on which the loss begins by R2 and R4 as they
// stand: it lies behind the last hop that loses clearly less than whatever
// comes later, and at latest at the next that loses no more than the least of
// those. The posterior weighs moments, of which a text has none.
func (v *view) plainly(p place, ok bool) (place, bool) {
	end := v.last()
	if end < 1 || v.e.Target.Protocol == "tcp" {
		return p, ok
	}
	near := -1
	for i := range end {
		if s := v.hops[i]; s.Answered >= enough {
			if _, least := v.leastBehind(i); worse(least.Lost, least.Sent, s.Lost, s.Sent) < noticeable {
				near = i
			}
		}
	}
	if near < 0 {
		return p, ok
	}
	_, least := v.leastBehind(near)
	far := end
	for j := end - 1; j > near; j-- {
		if s := v.hops[j]; s.Answered >= enough && worse(s.Lost, s.Sent, least.Lost, least.Sent) >= noticeable {
			far = j
		}
	}
	plain := place{from: near + 1, to: far + 1}
	if !ok {
		return plain, true
	}
	narrow := place{from: max(p.from, plain.from), to: min(p.to, plain.to)}
	if narrow.from < p.best && p.best <= narrow.to {
		narrow.best, narrow.chance = p.best, p.chance
	}
	if narrow.from >= narrow.to {
		return p, ok
	}
	return narrow, true
}

// farthest is the most that distance adds to the round-trip time of a link, ms:
// light in a fibre goes half around the earth and back in 200; cables make
// detours.
const farthest = 300.0

// farther is R8 of a text: a step between two hops that no distance explains,
// and that stays to the end. A smaller one may be a cable under the sea; one hop
// alone is that router's processor.
func (v *view) farther(d *Verdict) {
	to := v.end()
	if to < 1 || v.target.Answered < slowFor {
		return
	}
	after, ok := v.fastest(to)
	for i := to - 1; i >= 0 && ok; i-- {
		ms, known := v.fastest(i)
		switch {
		case !known:
		case after-ms >= farthest:
			d.Class = Latency
			d.rule("R8")
			d.Link = v.link(place{from: i + 1, to: to + 1})
			v.tell(d, "foreign.farther", v.endName(d.Link.From), v.endName(d.Link.To), tenth(ms), tenth(after))
			d.Settle = v.lang.Say("foreign.farther.settle")
			return
		default:
			after, to = min(after, ms), i
		}
	}
}

// fastest is the shortest round-trip time of a hop, ms, as the text has it.
func (v *view) fastest(i int) (float64, bool) {
	t := v.e.Foreign.Hops[i].RTT
	if t == nil || v.hops[i].Answered < enough {
		return 0, false
	}
	return float64(t.Best.Microseconds()) / 1000, true
}
