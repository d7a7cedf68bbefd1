package watch

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/storm"
	"github.com/mtrq/mtrq/report"
)

const (
	mostHomes = 6    // open incidents that are asked whether a new trouble is of their cause
	alikeFrom = 1e-3 // two that share a place with this chance are one: another failing there meanwhile is less likely
	pureLuck  = 0.05 // chance of so many answers in a row, below which a loss has stopped
)

// ofItsCause are those of new troubles that are part of an open incident:
// they are behind the place where it lost packets before they began, and lose
// theirs there. A host that has been dead for a while loses behind the link
// that fails next, too, but was not dead for that. home says that the incident
// loses now at the place of the new troubles; then what began together, or
// was noticed together, is one.
func (w *Watchdog) ofItsCause(inc *incident, fresh []*target, place *storm.Result, home bool, now time.Time) (same []*target) {
	began := firstOf(fresh)
	if home && (place == nil || began.Sub(inc.began) <= w.Rules.Together || now.Sub(inc.opened) <= w.Rules.Together) {
		return fresh
	}
	if place == nil {
		return nil
	}
	was := w.lostBefore(inc, fresh, began)
	for _, t := range fresh {
		if w.alike(was, place, t) {
			same = append(same, t)
		}
	}
	return same
}

// firstOf is when the first of new troubles began.
func firstOf(fresh []*target) time.Time {
	return slices.MinFunc(fresh, func(a, b *target) int { return a.trouble.began.Compare(b.trouble.began) }).trouble.began
}

// mayBeBehind is false where the place of an incident is known well, and on
// the way to none of these: most troubles are lines of their own, and to ask
// all the paths takes a while.
func (w *Watchdog) mayBeBehind(inc *incident, ts []*target) bool {
	c := inc.common
	if c == nil || c.Chance < sureOfPlace || !c.To.IsValid() {
		return true
	}
	return slices.ContainsFunc(ts, func(t *target) bool {
		return slices.ContainsFunc(w.Paths.Routers(t.Addr), func(r netip.Addr) bool { return r == c.To || r.IsValid() && slices.Contains(c.Suspects, r) })
	})
}

// alike says that a target loses packets at a place that is one with one of
// these.
func (w *Watchdog) alike(was []storm.Result, place *storm.Result, t *target) bool {
	e := storm.Evidence{Target: t.Addr, Path: w.Paths.Routers(t.Addr)}
	return slices.ContainsFunc(was, func(r storm.Result) bool { return r.Shared(place, e) >= alikeFrom })
}

// lostBefore says where an incident lost packets before others began to,
// whose answers of then are evidence.
func (w *Watchdog) lostBefore(inc *incident, fresh []*target, began time.Time) []storm.Result {
	// Not up to the very beginning: of those that fail together not all have
	// been confirmed yet, and one of them may have lost its first ping earlier.
	before := began.Add(-w.Rules.Together / 5)
	ts := slices.Concat(w.lossMembers(inc), inc.lent)
	if len(ts) == 0 || !inc.began.Before(before) {
		return nil
	}
	ev, _ := w.evidence(slices.Concat(ts, fresh), inc.began, before)
	lost := 0
	for i := range len(ts) + len(fresh) {
		ev[i].Hit = true
		if i < len(ts) {
			lost += ev[i].Lost
		}
	}
	if lost == 0 {
		return nil
	}
	return storm.Explain(ev, upTo(len(ts)), storm.Options{})
}

// lossMembers are the members of an incident that lose packets, or did.
func (w *Watchdog) lossMembers(inc *incident) (ts []*target) {
	for _, t := range inc.members {
		if t.trouble != nil && t.trouble.incident == inc && !t.trouble.slow() {
			ts = append(ts, t)
		}
	}
	return ts
}

// elsewhere are the targets of older incidents whose own trouble had stopped
// before this one began, and that lose packets now.
func (w *Watchdog) elsewhere(inc *incident, now time.Time) (ts []*target) {
	for _, older := range w.incidents {
		if older == inc || inc.began.Sub(older.began) <= w.Rules.Together {
			continue
		}
		for _, t := range w.lossMembers(older) {
			if !t.gone && w.losing(t, now) && w.stopped(t, inc.began) {
				ts = append(ts, t)
			}
		}
	}
	return ts
}

// takeOver gives an incident those targets of older ones that lose packets at
// its place, unless the older one lost them there as well.
func (w *Watchdog) takeOver(inc *incident, ts []*target, place *storm.Result, now time.Time) {
	was := map[*incident][]storm.Result{}
	for _, t := range ts {
		older := t.trouble.incident
		if _, ok := was[older]; !ok {
			was[older] = w.lostBefore(older, w.lossMembers(inc), inc.began)
		}
	}
	ts = slices.DeleteFunc(ts, func(t *target) bool { return w.alike(was[t.trouble.incident], place, t) })
	if len(ts) == 0 {
		return
	}
	for _, t := range ts {
		w.handOver(t, inc, now)
	}
	w.join(inc, ts, now)
}

// stopped says that a target in trouble had stopped losing packets by a
// moment: it had recovered, or has answered more pings in a row than it would
// at the rate at which it lost them.
func (w *Watchdog) stopped(t *target, by time.Time) bool {
	tr := t.trouble
	if tr.spell.After(tr.began) && !tr.spell.Before(by.Add(-w.Rules.Together)) {
		return true
	}
	from, end := w.ms(tr.spell), w.ms(by)
	last, _, ok := t.hist.lastLost(end)
	if !ok {
		return true // as far back as is known
	}
	lost, sent := t.hist.between(from, last)
	_, answers := t.hist.between(last+1, end-1)
	return sent > 0 && math.Pow(1-float64(lost)/float64(sent), float64(answers)) < pureLuck
}

// handOver takes a target out of its incident and begins its part in another,
// which began later. The old one keeps what it knew of it by then.
func (w *Watchdog) handOver(t *target, to *incident, now time.Time) {
	old, from, end := t.trouble, t.trouble.incident, w.ms(to.began)
	at := slices.Index(from.members, t)
	m := w.member(t, at < fullMembers)
	m.LastLoss = nil
	recovered, after := to.began, end
	if last, next, ok := t.hist.lastLost(end); ok {
		lastLoss := w.at(last)
		m.LastLoss, recovered, after = &lastLoss, w.at(next), next
	}
	lost, sent := t.hist.counted(old, t.hist.since(after))
	m.Lost, m.Sent, m.Recovered = old.lost-lost, old.sent-sent, &recovered
	m.Pings, m.Dense = *before(&m.Pings, to.began), before(m.Dense, to.began)

	from.source = from.leaveFrom()
	from.members = slices.Delete(from.members, at, at+1)
	from.left, from.lent = append(from.left, m), append(from.lent, t)
	from.wrote = time.Time{}
	if n := len(from.episodes); n > 1 && from.episodes[n-1].To == nil && !slices.ContainsFunc(from.members, (*target).inTrouble) {
		from.episodes, from.common = from.episodes[:n-1], from.before // what came back was another's
	}
	from.note("%s loses packets in incident %s since %s", t.Name, to.id, to.began.Format(time.RFC3339))

	began := to.began
	if first, ok := t.hist.firstLost(end); ok {
		began = w.at(first)
	}
	w.startTrouble(t, report.TriggerLoss, began, to.noticed, now)
	t.trouble.usual, t.trouble.before = old.usual, old.before
	w.lookAnew(t)
	w.startDense(t, now)
}

// before is the pings that left before a moment.
func before(p *report.Pings, at time.Time) *report.Pings {
	if p == nil {
		return nil
	}
	n := 0
	for n < len(p.TxMS) && p.From.Add(time.Duration(p.TxMS[n])*time.Millisecond).Before(at) {
		n++
	}
	c := *p
	c.TxMS, c.RTTUS, c.Answer = p.TxMS[:n], p.RTTUS[:n], p.Answer[:n]
	return &c
}
