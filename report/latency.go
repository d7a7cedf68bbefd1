package report

import (
	"math"
	"slices"
)

const (
	slowFactor = 1.5  // a round-trip time is higher from so many times the median before …
	slowMore   = 20.0 // … and this many ms above it
	slowFor    = 10   // answers, at least, that are higher, and that are not …
	slowPart   = 5    // … and in any stretch between two steps
)

// A rise is a step of the target's round-trip time (R8).
type rise struct {
	from, to  float64 // ms: when it was higher; ±Inf: from the beginning, up to the end
	low, high float64 // medians, ms
	n         int     // answers while it was higher
	usual     bool    // against path memory, not against the rest of the trace
	link      *Link
}

// timed is a round-trip time and when its probe left, both ms.
type timed struct{ at, rtt float64 }

func timesOf(s *Series) []timed {
	var out []timed
	for i := range len(s.Answer) {
		for _, us := range []*int64{s.RTTUS[i], s.LateUS[i]} {
			if us != nil {
				out = append(out, timed{s.TxMS[i], float64(*us) / 1000})
			}
		}
	}
	return out
}

// within are the sorted times of answers to probes sent in [from, to).
func within(t []timed, from, to float64) []float64 {
	var out []float64
	for _, x := range t {
		if x.at >= from && x.at < to {
			out = append(out, x.rtt)
		}
	}
	slices.Sort(out)
	return out
}

func median(sorted []float64) float64 { return sorted[len(sorted)/2] }

// quartiles are the values between which the middle half lies.
func quartiles(sorted []float64) (low, high float64) {
	n := len(sorted)
	return sorted[n/4], sorted[3*n/4]
}

// above says that round-trip times are higher than others by as much as
// counts: the median by half and 20 ms, and three quarters of them above
// three quarters of the others. However much a line's times vary, chance
// does not part them so.
func above(high, low []float64) bool {
	_, most := quartiles(low)
	least, _ := quartiles(high)
	return median(high) > max(slowFactor*median(low), median(low)+slowMore) && least > most
}

// rise finds the step: a stretch of the trace whose answers take clearly
// longer than those of the rest, or a whole trace that is slower than path
// memory says.
func (v *view) rise() *rise {
	if v.e.Foreign != nil {
		return nil // means only
	}
	times := timesOf(&v.series)
	if len(times) < slowFor {
		return nil
	}
	if r := v.steps(times); r != nil {
		r.link = v.whereSlower(func(s *Series) (before, now []float64) {
			t := timesOf(s)
			now = within(t, r.from, r.to)
			before = append(within(t, math.Inf(-1), r.from), within(t, r.to, math.Inf(1))...)
			slices.Sort(before)
			return before, now
		}, false)
		return r
	}
	if v.end() < 0 || v.usual == nil || v.usual.length() != v.end()+1 {
		return nil
	}
	last := v.usualHop(v.end() + 1)
	all := within(times, math.Inf(-1), math.Inf(1))
	if last == nil || last.RTTUS == nil || last.Answered < slowFor {
		return nil
	}
	was := float64(*last.RTTUS) / 1000
	if median(all) <= max(slowFactor*was, was+slowMore) {
		return nil
	}
	r := &rise{from: math.Inf(-1), to: math.Inf(1), low: was, high: median(all), n: len(all), usual: true}
	r.link = v.whereSlower(func(s *Series) (before, now []float64) {
		return nil, within(timesOf(s), math.Inf(-1), math.Inf(1))
	}, true)
	return r
}

// steps cuts the answers into stretches where the ranks of their times
// differ most, and joins neighbours that are higher than the lowest stretch.
func (v *view) steps(times []timed) *rise {
	cuts := []int{0, len(times)}
	for range 3 {
		k := 0
		best := 3.0 // standard deviations; the last word has the comparison below
		for i := 1; i < len(cuts); i++ {
			if at, z := sharpest(times[cuts[i-1]:cuts[i]]); z > best {
				best, k = z, cuts[i-1]+at
			}
		}
		if k == 0 {
			break
		}
		cuts = append(cuts, k)
		slices.Sort(cuts)
	}
	if len(cuts) == 2 {
		return nil
	}
	type part struct {
		from, to float64
		rtts     []float64
	}
	var parts []part
	for i := 1; i < len(cuts); i++ {
		p := part{times[cuts[i-1]].at, math.Inf(1), nil}
		if i == 1 {
			p.from = math.Inf(-1)
		}
		if cuts[i] < len(times) {
			p.to = times[cuts[i]].at
		}
		// By place: several may have left in the same microsecond.
		p.rtts = within(times[cuts[i-1]:cuts[i]], math.Inf(-1), math.Inf(1))
		parts = append(parts, p)
	}
	lowest := slices.MinFunc(parts, func(a, b part) int { return compare(median(a.rtts), median(b.rtts)) })
	// Of several stretches that are higher, with a lower one between, the
	// longest is meant: their times would hold the lower one, too.
	r := &rise{}
	var low, high []float64
	var cur part
	for _, p := range parts {
		if !above(p.rtts, lowest.rtts) {
			low = append(low, p.rtts...)
			cur = part{}
			continue
		}
		if cur.rtts == nil {
			cur.from = p.from
		}
		cur.to, cur.rtts = p.to, append(cur.rtts, p.rtts...)
		if len(cur.rtts) > len(high) {
			r.from, r.to, high = cur.from, cur.to, slices.Clone(cur.rtts)
		}
	}
	if len(high) < slowFor || len(low) < slowFor {
		return nil
	}
	slices.Sort(low)
	slices.Sort(high)
	if !above(high, low) || ranks(low, high) > 1e-6 {
		return nil
	}
	r.low = median(low)
	r.high, r.n = median(high), len(high)
	return r
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// sharpest is the place at which the ranks before and after differ most, and
// by how many standard deviations.
func sharpest(times []timed) (at int, z float64) {
	n := len(times)
	if n < 2*slowPart {
		return 0, 0
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(times[a].rtt, times[b].rtt) })
	rank := make([]float64, n)
	for r, i := range order {
		rank[i] = float64(r + 1)
	}
	sum := 0.0
	for k := 1; k < n; k++ {
		sum += rank[k-1]
		if k < slowPart || n-k < slowPart {
			continue
		}
		a, b := float64(k), float64(n-k)
		dev := math.Sqrt(a * b * float64(n+1) / 12)
		if d := math.Abs(sum-a*float64(n+1)/2) / dev; d > z {
			at, z = k, d
		}
	}
	return at, z
}

// whereSlower is the stretch on which the time is lost: from the last hop
// that is not slower to the first from which on all are, by at least half of
// what the target is. Hops of which too little is known are left out.
func (v *view) whereSlower(of func(*Series) (before, now []float64), usual bool) *Link {
	more := func(i int, s *Series) (float64, bool) {
		before, now := of(s)
		if usual {
			u := v.usualHop(i + 1)
			if u == nil || u.RTTUS == nil || u.Answered < enough || !slices.Contains(u.Addrs, v.e.latest(s)) {
				return 0, false
			}
			before = []float64{float64(*u.RTTUS) / 1000}
		}
		if len(now) < enough || len(before) < 1 || !usual && len(before) < enough {
			return 0, false
		}
		return median(now) - median(before), true
	}
	end := v.end()
	if end < 0 || v.e.Target.Protocol == "tcp" {
		return nil
	}
	target, ok := more(end, &v.series)
	if !ok || target <= 0 {
		return nil
	}
	to := end + 1
	for i := end - 1; i >= 0; i-- {
		m, ok := more(i, &v.e.Hops[i].Series)
		switch {
		case !ok:
		case m >= target/2:
			to = i + 1
		default:
			return v.link(place{from: i + 1, to: to})
		}
	}
	return v.link(place{from: 0, to: to})
}

// slower is R8 of a target that lost nothing: a step counts because it is
// the target's own, which is the end of the path.
func (v *view) slower(d *Verdict) bool {
	r := v.rise()
	if r == nil {
		return false
	}
	d.Class = Latency
	d.atMost(Likely)
	if r.n >= someProbes && !r.usual {
		d.Grade = Certain
	}
	d.rule("R8")
	low, high := tenth(r.low), tenth(r.high)
	switch {
	case r.usual:
		v.tell(d, "slower.usual", high, low)
	case math.IsInf(r.from, -1):
		v.tell(d, "slower.until", high, v.clock(r.to), low)
	case math.IsInf(r.to, 1):
		v.tell(d, "slower.since", high, v.clock(r.from), low)
	default:
		v.tell(d, "slower.during", high, v.clock(r.from), v.clock(r.to), low)
	}
	if l := r.link; l != nil {
		d.Link = l
		v.tell(d, "slower.where", v.endName(l.From), v.endName(l.To))
	}
	d.settle(v.lang.Say("slower.settle"))
	return true
}
