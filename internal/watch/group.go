package watch

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/storm"
	"github.com/mtrq/mtrq/report"
)

const (
	locateEach  = 2 * time.Second
	placeLeast  = 8   // one of so many behind a place must be in trouble for it to be named
	manyTargets = 20  // and half of all: one incident, wherever they are
	usualLeast  = 50  // pings before the trouble, to say what a target loses anyway
	mostHops    = 500 // targets whose looks are evidence too
)

// locateFor is how long an incident's place is sought anew after it has
// opened, grown or come back.
func (r *Rules) locateFor() time.Duration { return 3 * r.Together }

// group decides which incident the targets belong to whose troubles have just
// been confirmed.
//
//	at least 20 targets and half of all in trouble          one incident
//	troubles that began within 10 s and share a place       one incident
//	a target behind the place where an open incident lost   the same: where one packet in five is lost,
//	before it began, and still does, whenever that was      some targets take half a minute to lose one
//	anything else                                           one incident for each place, also beside an older
//	                                                        one that loses behind it (a dead host)
//
// Latency and jitter are grouped among each other like losses; a change of
// path is its own.
func (w *Watchdog) group(now time.Time) {
	fresh := w.ungrouped
	w.ungrouped = nil
	fresh = slices.DeleteFunc(fresh, func(t *target) bool { return t.gone || t.trouble == nil || t.trouble.incident != nil })
	if len(fresh) == 0 {
		return
	}
	if all := w.inTrouble(fresh, now); len(all) >= manyTargets && 2*len(all) >= len(w.targets) {
		inc := w.oldestOf(all, now)
		if inc == nil {
			w.startIncident(fresh, now)
			return
		}
		w.join(inc, fresh, now)
		w.mergeInto(inc, all, now)
		return
	}
	if len(fresh) == 1 && len(w.incidents) == 0 {
		w.startIncident(fresh, now)
		return
	}
	pool := slices.Clone(fresh)
	for _, inc := range w.incidents {
		for _, t := range inc.members {
			if t.trouble != nil && t.trouble.incident == inc && w.losing(t, now) {
				pool = append(pool, t)
			}
		}
	}
	for _, g := range w.places(pool, now) {
		w.settleGroup(g, now)
	}
	for _, t := range fresh { // whose path nobody knows
		if t.trouble.incident == nil {
			w.startIncident([]*target{t}, now)
		}
	}
}

// writeFresh writes incidents that are new, or have new members, at once.
func (w *Watchdog) writeFresh(now time.Time) {
	for _, inc := range w.incidents {
		if inc.wrote.IsZero() {
			w.locate(inc, now)
			inc.wrote = now
			w.writer.incident(w.record(inc, now, report.IncidentOpen))
		}
	}
}

// settleGroup makes one incident of troubles that share a place: of those
// that began together, or for the same cause.
func (w *Watchdog) settleGroup(g bunch, now time.Time) {
	var loose []*target
	var homes []*incident
	for _, t := range g.ts {
		switch inc := t.trouble.incident; {
		case inc == nil:
			loose = append(loose, t)
		case !slices.Contains(homes, inc):
			homes = append(homes, inc)
		}
	}
	slices.SortFunc(homes, func(a, b *incident) int { return a.began.Compare(b.began) })
	var apart []*incident
	for _, inc := range homes {
		i := slices.IndexFunc(apart, func(home *incident) bool { return w.areOne(home, inc) })
		if i < 0 {
			apart = append(apart, inc)
			continue
		}
		w.merge(apart[i], inc, now)
	}
	if len(loose) == 0 {
		return
	}
	near, began := len(apart), firstOf(loose)
	slices.SortStableFunc(apart, func(a, b *incident) int { return cmp.Compare(began.Sub(a.began).Abs(), began.Sub(b.began).Abs()) })
	for _, inc := range slices.Backward(w.incidents) { // one that loses nothing at this moment, or comes back
		if !slices.Contains(apart, inc) && !inc.closing && inc.trigger != report.TriggerPath && w.mayBeBehind(inc, loose) {
			apart = append(apart, inc)
		}
	}
	for i, home := range apart[:min(len(apart), mostHomes)] {
		same := w.ofItsCause(home, loose, g.place, i < near, now)
		if len(same) == 0 {
			continue
		}
		w.join(home, same, now)
		if loose = slices.DeleteFunc(loose, func(t *target) bool { return t.trouble.incident != nil }); len(loose) == 0 {
			return
		}
	}
	w.startIncident(loose, now)
}

// areOne says that two incidents which share a place are one: they began or
// opened together. Two that people know of stay two.
func (w *Watchdog) areOne(home, inc *incident) bool {
	return !(inc.told && home.told) && (inc.began.Sub(home.began) <= w.Rules.Together || inc.opened.Sub(home.opened).Abs() <= w.Rules.Together)
}

// inTrouble is every target whose loss began together with those of the fresh
// ones, these included.
func (w *Watchdog) inTrouble(fresh []*target, now time.Time) []*target {
	all := slices.Clone(fresh)
	for _, inc := range w.incidents {
		for _, t := range inc.members {
			if t.trouble != nil && t.trouble.incident == inc && w.losing(t, now) && now.Sub(t.trouble.opened) <= w.Rules.Together {
				all = append(all, t)
			}
		}
	}
	return all
}

// losing says that a target lost a ping within the last ten seconds, or is
// slow: its trouble is not cleared for a minute, but by then it tells nothing
// of where others lose theirs.
func (w *Watchdog) losing(t *target, now time.Time) bool {
	return !t.trouble.cleared && (t.trouble.slow() || now.Sub(t.lostAt) <= w.Rules.Together)
}

// oldestOf is the incident that the others go into.
func (w *Watchdog) oldestOf(ts []*target, now time.Time) (oldest *incident) {
	for _, t := range ts {
		inc := t.trouble.incident
		if inc != nil && now.Sub(inc.opened) <= w.Rules.locateFor() && (oldest == nil || inc.began.Before(oldest.began)) {
			oldest = inc
		}
	}
	return oldest
}

func (w *Watchdog) mergeInto(home *incident, ts []*target, now time.Time) {
	var others []*incident
	for _, t := range ts {
		inc := t.trouble.incident
		if inc != nil && inc != home && !slices.Contains(others, inc) && w.areOne(home, inc) {
			others = append(others, inc)
		}
	}
	for _, inc := range others {
		w.merge(home, inc, now)
	}
}

// merge makes two incidents one. The younger one was not told of yet, or the
// older one was not.
func (w *Watchdog) merge(home, inc *incident, now time.Time) {
	w.incidents = slices.DeleteFunc(w.incidents, func(o *incident) bool { return o == inc })
	inc.closing = true
	w.totals.Opened--
	home.affected += inc.affected
	if inc.told && !home.told {
		home.told, home.said, home.grown = true, inc.said, inc.grown
	}
	if inc.told {
		home.id = inc.id // people have that one
	} else {
		w.writer.remove(inc.id)
	}
	for _, t := range inc.members {
		if t.trouble == nil || t.trouble.incident != inc {
			continue
		}
		t.trouble.incident = home
		if len(home.members) < mostMembers {
			home.members = append(home.members, t)
		}
	}
	if inc.noticed.Before(home.noticed) {
		home.noticed = inc.noticed
	}
	for _, n := range inc.notes {
		home.note("%s", n)
	}
	home.wrote, home.located, home.changed = time.Time{}, time.Time{}, now
}

// A bunch is troubles whose losses share a place.
type bunch struct {
	ts    []*target
	place *storm.Result // nil: nobody has asked
}

// places parts troubles by where their packets are lost.
func (w *Watchdog) places(pool []*target, now time.Time) []bunch {
	var loss, slow, path []*target
	for _, t := range pool {
		switch {
		case t.trouble.trigger == report.TriggerPath:
			path = append(path, t)
		case t.trouble.slow():
			slow = append(slow, t)
		default:
			loss = append(loss, t)
		}
	}
	var out []bunch
	for _, t := range path {
		if t.trouble.incident == nil {
			out = append(out, bunch{ts: []*target{t}})
		}
	}
	for _, ts := range [][]*target{loss, slow} {
		switch {
		case len(ts) == 0:
		case len(ts) == 1 && (ts[0].trouble.slow() || len(w.incidents) == 0):
			out = append(out, bunch{ts: ts})
		default:
			out = append(out, w.parted(ts, now)...)
		}
	}
	return out
}

// parted asks what the losses have in common.
func (w *Watchdog) parted(ts []*target, now time.Time) []bunch {
	began := now
	for _, t := range ts {
		if t.trouble.began.Before(began) {
			began = t.trouble.began
		}
	}
	if oldest := now.Add(-w.Rules.locateFor()); began.Before(oldest) {
		began = oldest // what an outage of hours lost says nothing of one that begins now
	}
	ev, index := w.evidence(ts, began, now)
	var out []bunch
	for _, r := range storm.Explain(ev, upTo(len(ts)), storm.Options{}) {
		g := bunch{place: &r}
		for _, i := range r.Members {
			g.ts = append(g.ts, index[i])
		}
		out = append(out, g)
	}
	return out
}

// upTo are the numbers below n.
func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// evidence is what is known of losses between two moments: first of the
// targets in question, then of all others that are watched and not in other
// trouble. Looks of later troubles are none.
func (w *Watchdog) evidence(ts []*target, began, to time.Time) ([]storm.Evidence, []*target) {
	from, end := w.ms(to.Add(-min(to.Sub(began), historyFor))), w.ms(to)
	in := make(map[*target]bool, len(ts))
	ev := make([]storm.Evidence, 0, len(w.targets))
	index := make([]*target, 0, len(w.targets))
	add := func(t *target, lookToo bool) {
		e := w.pingEvidence(t, from, end)
		if lookToo && len(in) <= mostHops && t.trouble != nil && len(t.trouble.looks) > 0 && t.trouble.began.Before(to) {
			w.hopEvidence(&e, t)
		}
		ev, index = append(ev, e), append(index, t)
	}
	for _, t := range ts {
		in[t] = true
		add(t, true)
	}
	for _, t := range w.order {
		if in[t] || t.gone || t.canary != "" || !t.answered || t.trouble != nil {
			continue
		}
		add(t, false)
	}
	return ev, index
}

// pingEvidence is what the pings of a target tell that left between two
// moments.
func (w *Watchdog) pingEvidence(t *target, from, to uint32) storm.Evidence {
	e := storm.Evidence{Target: t.Addr, Path: w.Paths.Routers(t.Addr)}
	e.Lost, e.Sent = t.hist.between(from, to)
	u := t.usual
	if t.trouble != nil {
		u = t.trouble.usual
	}
	if u.sent >= usualLeast { // a line that always loses some is no news
		e.UsualLost, e.UsualSent = u.lost, u.sent
	}
	return e
}

// hopEvidence adds what a target's first look saw of the way.
func (w *Watchdog) hopEvidence(e *storm.Evidence, t *target) {
	hops, own := t.trouble.looks[0].hops()
	e.Lost += own.lost
	e.Sent += own.sent
	for i, h := range hops {
		if h.sent == 0 {
			continue
		}
		ttl := uint8(i + 1)
		router := h.addr
		if !router.IsValid() && i < len(e.Path) {
			router = e.Path[i]
		}
		answeredBefore, asked, _ := w.Paths.Usual(t.Addr, ttl, router)
		e.Hops = append(e.Hops, storm.HopCount{
			TTL: int(ttl), Addr: router, Lost: h.lost, Sent: h.sent, UsualAnswered: answeredBefore, UsualAsked: asked,
		})
	}
	if len(e.Path) == 0 { // nobody knew the way before: the look does
		for _, h := range hops {
			if h.addr == t.Addr {
				break
			}
			e.Path = append(e.Path, h.addr)
		}
	}
}

// locate says where an incident's packets are lost, as far as the paths of
// those who lose and those who do not can tell.
func (w *Watchdog) locate(inc *incident, now time.Time) {
	if inc.trigger == report.TriggerPath || !inc.quiet.IsZero() || now.Sub(inc.located) < locateEach || now.Sub(inc.changed) > w.Rules.locateFor() && inc.common != nil {
		return
	}
	inc.located = now
	ts := w.lossMembers(inc)
	n := len(ts)
	if n == 0 {
		return
	}
	ts = append(ts, w.elsewhere(inc, now)...)
	// What came back may be lost elsewhere than the last time.
	from := inc.episodes[len(inc.episodes)-1].From
	ev, _ := w.evidence(ts, from, now)
	var own []int
	for i, t := range ts {
		if !t.trouble.cleared || ev[i].Lost > 0 {
			own = append(own, i)
		}
	}
	best, most := storm.Result{}, 0
	for _, r := range storm.Explain(ev, own, storm.Options{}) {
		of, _ := slices.BinarySearch(r.Members, n) // members of the incident come first
		if r.Place != nil && of > most {
			best, most = r, of
		}
	}
	switch p := best.Place; {
	case p == nil:
	case p.Lossy*placeLeast < p.Behind:
		// Nearly all who pass there are well: it is none of that place.
		inc.common = nil
	default:
		inc.common = p
		if p.Behind > 1 {
			var more []*target
			for _, i := range best.Members[most:] {
				more = append(more, ts[i])
			}
			w.takeOver(inc, more, &best, now)
		}
	}
}

// chooseLong says which of the targets that join get a long look: all while
// they are few, else a sample that covers the suspected routers first.
func (w *Watchdog) chooseLong(inc *incident, ts []*target) map[*target]bool {
	long := make(map[*target]bool, sampleLooks)
	room := sampleLooks - len(inc.members)
	if len(ts) <= room {
		for _, t := range ts {
			long[t] = true
		}
		return long
	}
	// A target that shows a router which no chosen one has comes first. Only
	// the nearer half of its path counts: routers next to the targets are
	// another each time, and would make everybody news.
	seen := map[netip.Addr]bool{}
	for _, pass := range []bool{true, false} {
		for _, t := range ts {
			if room <= 0 {
				return long
			}
			if long[t] {
				continue
			}
			news := false
			routers := w.Paths.Routers(t.Addr)
			for _, r := range routers[:len(routers)/2+len(routers)%2] {
				news = news || r.IsValid() && !seen[r]
			}
			if pass && !news {
				continue
			}
			for _, r := range routers {
				seen[r] = true
			}
			long[t] = true
			room--
		}
	}
	return long
}
