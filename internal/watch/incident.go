package watch

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

const (
	mostMembers = 1000 // whose pings are kept in one incident
	fullMembers = 50   // of those, with round-trip times and 300 s before
	sampleLooks = 20   // long looks of one incident
	retraceEach = 10 * time.Minute
	retraceMost = 5   // traces of one incident then
	mostReports = 200 // of one member
	denseFor    = 2 * time.Minute
	denseEach   = 200 * time.Millisecond
	afterRounds = 50 // members whose path is asked once more after recovery
	newNormal   = 10 * time.Minute
)

// incident is one or more targets whose troubles began together, as long as
// it is open.
type incident struct {
	id       ulid.ULID
	trigger  report.IncidentTrigger
	began    time.Time
	noticed  time.Time
	opened   time.Time
	members  []*target
	earlier  []report.Member // of an earlier process, not watched any more
	affected int
	watched  int
	episodes []report.Episode

	common   *report.Common
	before   *report.Common // in the episode before the last
	canary0  map[key][2]int // lost and sent of canaries within 300 s, when it was over
	host     report.Host
	stalls   []report.Stall
	notes    []string
	told     bool
	tellAt   time.Time
	said     size      // it had when the log, or people, last heard of it
	sayAt    time.Time // when they hear that it has grown; zero: it has not
	grown    bool      // people were told so, which is done once
	quiet    time.Time // since when all members are well; zero: they are not
	recovery *time.Time
	closing  bool
	wrote    time.Time
	located  time.Time
	changed  time.Time       // when it opened, came back, or its members became others
	left     []report.Member // what is known of targets that another incident has now
	lent     []*target       // those
	restored time.Time       // when this process took it over; zero: it opened it
	source   netip.Addr      // that an earlier process's probes left from
}

// note adds a sentence, once.
func (inc *incident) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(inc.notes, s) && len(inc.notes) < 50 {
		inc.notes = append(inc.notes, s)
	}
}

// open begins a target's trouble. Which incident it belongs to is decided a
// moment later, with all that open meanwhile.
func (w *Watchdog) open(t *target, trigger report.IncidentTrigger, began, noticed, now time.Time) {
	s := t.suspect
	t.suspect = nil
	t.calm, t.slowFrom = t.hist.next, t.hist.next
	if old := t.trouble; old != nil {
		// It is back: another episode of the same incident.
		began = w.again(t, began, now)
		old.incident.resume(began, now)
		if s != nil && s.look != nil {
			w.wantLook(t, s.look, true)
		}
		t.settle(now)
		return
	}
	w.startTrouble(t, trigger, began, noticed, now)
	if tr := t.trouble; s != nil {
		tr.burst = s.burst
		if s.look != nil {
			tr.looks = append(tr.looks, s.look)
		}
	}
	w.lookAnew(t)
	t.settle(now)
	w.startDense(t, now)
	if len(w.ungrouped) == 0 {
		w.groupAt = now.Add(groupEvery)
	}
	w.ungrouped = append(w.ungrouped, t)
}

// startTrouble begins what is known of a target's trouble.
func (w *Watchdog) startTrouble(t *target, trigger report.IncidentTrigger, began, noticed, now time.Time) {
	tr := &trouble{trigger: trigger, began: began, spell: began, noticed: noticed, opened: now.Round(0), usual: t.usual, retrace: now.Add(retraceEach)}
	tr.strand.begin(&t.hist)
	tr.first = t.hist.since(w.ms(began))
	tr.lost, tr.sent = t.hist.counted(tr, tr.first)
	if lost, _ := t.hist.tally(w.ms(now) - uint32(w.Rules.ClearFor.Milliseconds())); lost > 0 {
		tr.lastLoss = now.Round(0)
	}
	if p, ok := w.Paths.Path(t.Addr); ok {
		tr.before = p
	}
	t.trouble = tr
}

// lookAnew starts a look of a trouble that has none yet.
func (w *Watchdog) lookAnew(t *target) {
	if len(t.trouble.looks) > 0 || w.looks.len() >= mostLooks {
		return
	}
	l, err := w.newLook(t)
	if err != nil {
		w.Log.Error("trace a target in trouble", "target", t.Name, "err", err)
		return
	}
	t.trouble.looks = append(t.trouble.looks, l)
}

// again begins the next episode of a target's trouble, which has been cleared,
// and says when: never before the end of the last one.
func (w *Watchdog) again(t *target, began, now time.Time) time.Time {
	tr := t.trouble
	if began.Before(tr.recovered) {
		began = tr.recovered
	}
	if n := t.hist.since(w.ms(began)); int32(n-tr.end) > 0 {
		tr.end = n
	}
	tr.first = tr.end
	tr.cleared, tr.recovered, tr.unslow, tr.baseline = false, time.Time{}, time.Time{}, false
	tr.retrace = now.Add(retraceEach)
	tr.spell, tr.lostBefore, tr.sentBefore = began, tr.lost, tr.sent
	lost, sent := t.hist.counted(tr, tr.first)
	tr.lost, tr.sent = tr.lost+lost, tr.sent+sent
	if at, _, ok := t.hist.lastLost(w.ms(now)); ok && lost > 0 {
		tr.lastLoss = w.at(at)
	}
	return began
}

// resume makes an incident that had gone quiet lively again.
func (inc *incident) resume(began, now time.Time) {
	inc.quiet, inc.recovery, inc.changed = time.Time{}, nil, now
	if n := len(inc.episodes); n > 0 && inc.episodes[n-1].To == nil {
		return
	}
	inc.before = inc.common
	if len(inc.episodes) < 200 {
		inc.episodes = append(inc.episodes, report.Episode{From: began})
	} else { // it flaps: the last one stands for all that follow
		inc.episodes[len(inc.episodes)-1].To = nil
	}
}

// wantLook asks for the job of a look that serves a trouble.
func (w *Watchdog) wantLook(t *target, l *look, long bool) {
	tr := t.trouble
	if !slices.Contains(tr.looks, l) && len(tr.looks) < mostReports {
		tr.looks = append(tr.looks, l)
	}
	l.decide(long)
	event := ""
	if tr.incident != nil {
		event = tr.incident.id.String()
	}
	if !l.wanted {
		w.submit(l, t, w.reason(t), event)
	}
}

// reason is what the job says of why it was submitted.
func (w *Watchdog) reason(t *target) string {
	tr := t.trouble
	switch tr.trigger {
	case report.TriggerLatency:
		return fmt.Sprintf("RTT %s, usually %s at p95", t.lastRTT.Round(100*time.Microsecond), tr.usual.p95.Round(100*time.Microsecond))
	case report.TriggerJitter:
		return fmt.Sprintf("RTT varies by more than usual, which is %s at p95", tr.usual.jitter.Round(100*time.Microsecond))
	case report.TriggerPath:
		return "the path is another than usual"
	}
	return fmt.Sprintf("%d of %d pings lost since %s", tr.lost-tr.lostBefore, tr.sent-tr.sentBefore, tr.spell.Format("2006-01-02T15:04:05.000Z07:00"))
}

// startIncident makes an incident of targets whose troubles belong together.
func (w *Watchdog) startIncident(ts []*target, now time.Time) *incident {
	id, err := w.Spool.NewID()
	if err != nil {
		w.Log.Error("open an incident", "target", ts[0].Name, "err", err)
		id = ulid.Make()
	}
	first := slices.MinFunc(ts, func(a, b *target) int { return a.trouble.began.Compare(b.trouble.began) })
	inc := &incident{
		id: id, trigger: first.trouble.trigger, began: first.trouble.began, noticed: first.trouble.noticed,
		opened: now.Round(0), tellAt: now.Add(w.Rules.Settle), watched: len(w.targets),
		episodes: []report.Episode{{From: first.trouble.began}}, said: size{targets: len(ts)},
	}
	for _, t := range ts {
		if t.trouble.noticed.Before(inc.noticed) {
			inc.noticed = t.trouble.noticed
		}
	}
	w.incidents = append(w.incidents, inc)
	w.totals.Opened++
	w.beside(func() func() {
		h := w.Host.Snapshot()
		return func() { inc.host.Opened = h }
	})
	w.Log.Info("incident opened", "incident", id, "target", first.Name, "trigger", inc.trigger, "targets", len(ts))
	w.join(inc, ts, now)
	return inc
}

// join adds targets to an incident and asks for their traces: the first look
// of each, and a long look of some.
func (w *Watchdog) join(inc *incident, ts []*target, now time.Time) {
	if !inc.quiet.IsZero() {
		inc.resume(firstOf(ts), now)
	}
	long := w.chooseLong(inc, ts)
	for _, t := range ts {
		t.trouble.incident = inc
		inc.affected++
		if len(inc.members) < mostMembers {
			inc.members = append(inc.members, t)
		}
		if t.trouble.began.Before(inc.began) {
			inc.began = t.trouble.began
			inc.episodes[0].From = inc.began
		}
		for _, l := range t.trouble.looks {
			w.wantLook(t, l, long[t])
		}
	}
	inc.quiet = time.Time{}
	inc.wrote, inc.located, inc.changed = time.Time{}, time.Time{}, now
}

// beside runs f out of the loop, and what it returns in the loop.
func (w *Watchdog) beside(f func() func()) {
	w.wg.Go(func() {
		after := f()
		w.box.post(after)
	})
}

// startDense pings a target in trouble several times a second, as long as
// there are sockets for it and for at most two minutes.
func (w *Watchdog) startDense(t *target, now time.Time) {
	tr := t.trouble
	if w.Pinger == nil || tr.denseOn || tr.dense != nil || w.bursts+w.pings >= mostSockets || w.spec(t).Protocol != "icmp" {
		return
	}
	tr.denseOn = true
	tr.dense = &report.Pings{From: now.Round(0), TxMS: []int64{}, RTTUS: []*int64{}}
	w.pings++
	w.pingBeside(pingRun{
		addr: t.Addr, source: w.spec(t).Source, count: int(denseFor / denseEach), interval: denseEach, deadline: max(t.deadline, mostDeadline),
	}, tr.dense, func(pinged) {}, func(error) {
		w.pings--
		tr.denseOn = false
	})
}

// tend looks after the incidents, once a second.
func (w *Watchdog) tend(now time.Time) {
	for _, inc := range slices.Clone(w.incidents) {
		w.clear(inc, now)
		w.locate(inc, now)
		w.retrace(inc, now)
		w.say(inc, now)
		if !inc.quiet.IsZero() && now.Sub(inc.quiet) >= w.Rules.QuietFor && !inc.closing {
			w.close(inc, now)
			continue
		}
		if now.Sub(inc.wrote) >= inc.writeEach(now) {
			inc.wrote = now
			w.writer.incident(w.record(inc, now, report.IncidentOpen))
		}
	}
}

// writeEach is how often an open incident is written: once a second, and
// less often the larger it is, the longer it lasts, and once all is well.
func (inc *incident) writeEach(now time.Time) time.Duration {
	each := min(time.Second+time.Duration(len(inc.members))*20*time.Millisecond, 10*time.Second)
	switch age := now.Sub(inc.opened); {
	case !inc.quiet.IsZero() && now.Sub(inc.quiet) > 2*time.Second:
		each = 20 * time.Second
	case age > 10*time.Minute:
		each = max(each, 10*time.Second)
	case age > time.Minute:
		each = max(each, 3*time.Second)
	}
	return each - 100*time.Millisecond
}

// clear sees which members have recovered.
func (w *Watchdog) clear(inc *incident, now time.Time) {
	all := true
	var latest time.Time
	for i := range inc.left {
		if at := inc.left[i].Recovered; at != nil && at.After(latest) {
			latest = *at
		}
	}
	for _, t := range inc.members {
		tr := t.trouble
		if tr == nil || tr.incident != inc {
			continue
		}
		if !tr.cleared {
			w.clearOne(t, now)
		}
		if tr.cleared && tr.recovered.After(latest) {
			latest = tr.recovered
		}
		all = all && (tr.cleared || t.gone)
	}
	switch {
	case !all:
		inc.quiet = time.Time{}
	case inc.quiet.IsZero():
		inc.quiet = now
		if latest.IsZero() {
			latest = now.Round(0)
		}
		inc.recovery = &latest
		if n := len(inc.episodes); n > 0 && inc.episodes[n-1].To == nil {
			inc.episodes[n-1].To = &latest
		}
		w.beside(func() func() {
			h := w.Host.Snapshot()
			return func() { inc.host.Closed = h }
		})
		w.Log.Info("incident recovered", "incident", inc.id, "at", latest)
	}
}

// clearOne applies the clear rule to one target.
func (w *Watchdog) clearOne(t *target, now time.Time) {
	tr := t.trouble
	ok, at := t.hist.clean(w.ms(now), t.every(), tr.first, &w.Rules)
	if tr.slow() {
		calm := t.slowAt.IsZero() && t.jittAt.IsZero()
		tr.unslow = since(tr.unslow, calm, now)
		switch {
		case tr.trigger == report.TriggerPath:
			ok = ok && w.Paths.Changed(t.Addr) == nil
			at = w.ms(now)
		case !tr.unslow.IsZero() && now.Sub(tr.unslow) >= w.Rules.ClearFor/2:
			at = w.ms(tr.unslow)
		case now.Sub(tr.began) >= newNormal && ok:
			// What has held for so long is what is usual now.
			tr.incident.note("%s: what was unusual has held for %s and counts as usual from now on", t.Name, newNormal)
			t.slow, t.jitter, t.slowAt, t.jittAt = 0, 0, time.Time{}, time.Time{}
			at = w.ms(now)
		default:
			ok = false
		}
	}
	if tr.trigger == report.TriggerSlow && 2*t.hist.lostOf(w.Rules.SlowOf) >= w.Rules.SlowLost {
		ok = false // by its own measure: a clean minute is nothing rare on such a line
	}
	if !ok {
		return
	}
	end := t.hist.since(at)
	lost, sent := t.hist.counted(tr, end)
	tr.lost, tr.sent = tr.lost-lost, tr.sent-sent
	tr.cleared, tr.recovered, tr.end = true, w.at(at), end
	t.calm = end // what was lost before is no part of what may come
	if !tr.baseline {
		tr.baseline = true
		w.roundAfter(t, tr)
	}
	t.settle(now)
}

// retrace takes another trace of some members while it lasts.
func (w *Watchdog) retrace(inc *incident, now time.Time) {
	n := 0
	for _, t := range inc.members {
		tr := t.trouble
		if tr == nil || tr.cleared || t.gone || now.Before(tr.retrace) || len(tr.looks) >= mostReports {
			continue
		}
		tr.retrace = now.Add(retraceEach)
		if n++; n > retraceMost {
			continue
		}
		l, err := w.newLook(t)
		if err != nil {
			w.Log.Error("trace a target in trouble once more", "target", t.Name, "err", err)
			continue
		}
		w.wantLook(t, l, true)
	}
}

// close ends an incident: into the archive, and out of state/.
func (w *Watchdog) close(inc *incident, now time.Time) {
	inc.closing = true
	w.incidents = slices.DeleteFunc(w.incidents, func(o *incident) bool { return o == inc })
	rec := w.record(inc, now, report.IncidentClosed)
	closed := now.Round(0)
	rec.Times.Closed = &closed
	for _, t := range inc.members {
		if tr := t.trouble; tr != nil && tr.incident == inc {
			t.trouble = nil
			t.usualAt = time.Time{}
			t.settle(now)
		}
	}
	w.totals.Closed++
	w.writer.closed(rec, inc.told)
}

func (w *Watchdog) tell(on string, inc *incident, now time.Time) {
	if w.Hooks != nil {
		w.Hooks.Send(on, w.record(inc, now, report.IncidentOpen))
	}
}
