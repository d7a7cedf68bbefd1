package report

import (
	"cmp"
	"math"
	"slices"
)

// doubt is by how much, as a logarithm, the series must be better explained
// with calm stretches than without: a short clean run at either end is often
// chance, and would make every hop that lost a probe in it a limiting one.
const doubt = 2

// A span is a stretch of time, ms since start.
type span struct{ from, to float64 }

// calm finds the stretches in which the target was clean, as against
// those in which it was losing packets. A clean run between two losses
// is such a stretch only where it is too long to be chance at the rate
// at which the rest is lossy: 20 clean answers mean nothing at 1 % of
// loss, and everything at 50 %.
//
// The longest runs are taken out, one by one, and the cut that explains
// the series best wins: log-likelihood of the rest at one rate of loss,
// less ln n for each edge of a stretch (the Bayesian information
// criterion), and by e^2 at least. Losses at random all over leave no calm
// stretch at all.
func calm(s *Series) []span {
	type run struct{ from, to, n, edges int } // from, to: losses around it, -1 and len at the ends
	var runs []run
	lost, last, clean, n := 0, -1, 0, 0
	for i := range len(s.Answer) {
		switch {
		case s.Answer[i] == AnswerPending:
		case isLost(s.Answer[i]):
			if clean > 0 {
				runs = append(runs, run{last, i, clean, 2})
			}
			lost, last, clean = lost+1, i, 0
			n++
		default:
			clean++
			n++
		}
	}
	if lost == 0 {
		return []span{{math.Inf(-1), math.Inf(1)}}
	}
	if clean > 0 {
		runs = append(runs, run{last, len(s.Answer), clean, 1})
	}
	if len(runs) > 0 && runs[0].from < 0 {
		runs[0].edges = 1
	}
	slices.SortStableFunc(runs, func(a, b run) int { return cmp.Compare(b.n, a.n) })
	best, take := logLikelihood(lost, n)+doubt, 0
	rest, edges := n, 0
	for i, r := range runs {
		rest -= r.n
		edges += r.edges
		if score := logLikelihood(lost, rest) - float64(edges)*math.Log(float64(n)); score > best {
			best, take = score, i+1
		}
	}
	var out []span
	for _, r := range runs[:take] {
		sp := span{math.Inf(-1), math.Inf(1)}
		if r.from >= 0 {
			sp.from = (s.TxMS[r.from] + s.TxMS[r.from+1]) / 2
		}
		if r.to < len(s.Answer) {
			sp.to = (s.TxMS[r.to-1] + s.TxMS[r.to]) / 2
		}
		out = append(out, sp)
	}
	slices.SortFunc(out, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return out
}

// logLikelihood of x losses in n probes at the rate x/n.
func logLikelihood(x, n int) float64 {
	if x == 0 || x == n {
		return 0
	}
	p := float64(x) / float64(n)
	return float64(x)*math.Log(p) + float64(n-x)*math.Log(1-p)
}

// isLost says that no answer came at all; a late one is no lost packet.
func isLost(a byte) bool { return a == AnswerLost || a == AnswerNoRoute }

// sample counts probes while the target was losing packets (in) and
// while it was clean (out).
type sample struct{ in, inLost, out, outLost int }

// count counts the probes that were sent in [from, to), ms.
func count(s *Series, calm []span, from, to float64) sample {
	var c sample
	k := 0
	for i := range len(s.Answer) {
		if s.Answer[i] == AnswerPending || s.TxMS[i] < from || s.TxMS[i] >= to {
			continue
		}
		for k < len(calm) && calm[k].to < s.TxMS[i] {
			k++
		}
		lost := 0
		if isLost(s.Answer[i]) {
			lost = 1
		}
		if k < len(calm) && s.TxMS[i] >= calm[k].from {
			c.out, c.outLost = c.out+1, c.outLost+lost
		} else {
			c.in, c.inLost = c.in+1, c.inLost+lost
		}
	}
	return c
}

// limits says for each hop whether its losses are its own limit on
// answers (rules R3 and R4): what lies behind it loses less, by Fisher's
// test, or it loses as much while the target is clean as while it is not. One
// lost probe proves no limit, whatever it is one of.
func (v *view) limits() []bool {
	out := make([]bool, len(v.hops))
	end := v.end()
	var clean *sample                           // of the target, once it is asked for
	for i, s := range slices.Backward(v.hops) { // what lies behind must be known
		if i == end || s.Answered == 0 || s.Lost < 2 {
			continue
		}
		_, _, later := v.behind(i, out)
		out[i] = later.Sent > 0 && worse(s.Lost, s.Sent, later.Lost, later.Sent) < noticeable
		if out[i] || v.target.Answered == 0 || v.target.Lost == 0 {
			continue
		}
		c := count(&v.e.Hops[i].Series, v.calm(), 0, math.Inf(1))
		if clean == nil {
			all := count(&v.series, v.calm(), 0, math.Inf(1))
			clean = &all
		}
		out[i] = worse(c.outLost, c.out, clean.outLost, clean.out) < noticeable && float64(c.inLost)*float64(c.out) <= 1.5*float64(c.outLost)*float64(c.in)
	}
	return out
}

const enough = 3 // probes: fewer are no evidence at all
