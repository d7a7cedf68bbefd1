package watch

import (
	"context"
	"slices"
	"time"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

const (
	burstCount    = 10
	burstInterval = 100 * time.Millisecond
	suspectMost   = 3 // windows: an older suspect that is not confirmed is none
)

// judge decides what a ping's outcome means for a target that is watched.
func (w *Watchdog) judge(t *target, n uint32, c cell, now time.Time) {
	o := c.outcome()
	s := t.suspect
	switch {
	case o == late:
		if s != nil {
			s.window.late(int64(n))
			s.most = s.window.lost()
			w.weigh(t, now)
		}
	case o.isLost():
		if tr := t.trouble; tr != nil {
			if !tr.cleared {
				tr.lastLoss = w.at(c.at)
				return // it is known to be in trouble
			}
		}
		if !t.answered {
			return // may filter: it was never seen to answer
		}
		if s == nil {
			w.suspect(t, now)
		} else {
			s.window.push(int64(n), true)
		}
		w.weigh(t, now)
	case o.isKnown() && s != nil:
		s.window.push(int64(n), false)
		w.weigh(t, now)
	}
}

// suspect begins with a missed ping: its first look, and a burst that
// confirms.
func (w *Watchdog) suspect(t *target, now time.Time) {
	s := &suspect{noticed: now.Round(0), window: window{size: w.Rules.Of}}
	s.window.fill(&t.hist, t.calm)
	s.began = s.noticed
	if n, ok := s.window.firstLost(); ok {
		if c := t.hist.cell(n); c != nil {
			s.began = w.at(c.at)
		}
	}
	t.suspect = s
	w.totals.Suspects++
	t.settle(now)
	w.lookAt(t)
	w.burstAt(t, now)
}

// weigh opens an incident, or lets a suspect go.
func (w *Watchdog) weigh(t *target, now time.Time) {
	s := t.suspect
	if s == nil {
		return
	}
	lost := s.window.lost()
	s.most = max(s.most, lost)
	switch {
	case lost >= w.Rules.Lost:
		w.open(t, report.TriggerLoss, s.began, s.noticed, now)
	case w.Rules.SlowLost > 0 && t.hist.lostSince(w.Rules.SlowOf, t.slowFrom) >= w.Rules.SlowLost && t.trouble == nil:
		w.open(t, report.TriggerSlow, s.began, s.noticed, now)
	case lost == 0, now.Sub(s.noticed) > time.Duration(suspectMost*w.Rules.Of)*t.interval+5*time.Second:
		w.dismiss(t, now)
	}
}

// dismiss lets a suspect go: a line of the day is kept of it.
func (w *Watchdog) dismiss(t *target, now time.Time) {
	s := t.suspect
	t.suspect = nil
	t.calm = t.hist.next
	t.settle(now)
	line := report.Suspect{
		At: s.began, Target: t.Name, Address: t.Addr, Lost: s.most, Sent: len(s.window.marks),
		Strip: t.hist.strip(60),
	}
	l := s.look
	if l == nil {
		id, err := w.Spool.NewID()
		if err != nil {
			w.Log.Error("keep a suspect", "target", t.Name, "err", err)
			return
		}
		line.ID = id
		w.keepSuspect(line)
		return
	}
	l.decide(false)
	line.ID = l.id
	l.whenOver(func() { // from the loop
		line.Path, line.PathOK = l.suspicion()
		w.keepSuspect(line)
	})
}

// keepSuspect appends a suspect's line, beside the loop.
func (w *Watchdog) keepSuspect(line report.Suspect) {
	w.writer.suspect(line)
}

// lookAt starts a suspect's first look, or lets it wait for one of so many.
func (w *Watchdog) lookAt(t *target) {
	if w.looks.len() >= mostLooks {
		w.waiting = append(w.waiting, t)
		return
	}
	l, err := w.newLook(t)
	if err != nil {
		w.Log.Error("look at a suspect", "target", t.Name, "err", err)
		return
	}
	t.suspect.look = l
}

// startWaiting starts looks of suspects that had to wait.
func (w *Watchdog) startWaiting() {
	for len(w.waiting) > 0 && w.looks.len() < mostLooks {
		t := w.waiting[0]
		w.waiting = w.waiting[1:]
		if t.suspect != nil && t.suspect.look == nil && !t.gone {
			w.lookAt(t)
		}
	}
}

// newLook starts a trace whose job may be asked for later.
func (w *Watchdog) newLook(t *target) (*look, error) {
	id, err := w.Spool.NewID()
	if err != nil {
		return nil, err
	}
	l := newLook(id, t)
	l.forget = func() { w.looks.remove(id) }
	job := w.Job
	job.Target, job.Address, job.Known, job.Hold, job.Asker = t.Name, t.Addr, t.answered, l.hold, SourceWatchdog
	job.Joins = l.Joins()
	if p := w.spec(t); t.Protocol != "" {
		job.Protocol, job.Port = p.Protocol, p.Port
	}
	w.looks.put(l)
	learn := w.learner(t, true)
	w.traces.Go(func() {
		ended, sent := w.Tracer.Trace(w.ctx, w.stop, job, func(e report.Event) {
			learn(e)
			l.event(e)
		})
		l.end(ended, sent)
		w.box.post(func() { w.lookEnded(l) })
	})
	return l, nil
}

// SourceWatchdog is the source of the watchdog's jobs.
const SourceWatchdog = "watchdog"

// lookEnded is told when a trace is over. Whoever runs its job may still
// follow it.
func (w *Watchdog) lookEnded(l *look) {
	for _, f := range l.after {
		f()
	}
	l.after, l.done = nil, true
	if !l.wanted {
		w.looks.remove(l.id)
	}
	w.startWaiting()
}

// whenOver calls f from the loop once the trace has ended.
func (l *look) whenOver(f func()) {
	if l.done {
		f()
		return
	}
	l.after = append(l.after, f)
}

// submit asks for the job of a look, its events given with it. A disk that is
// full now may not be so later: what was seen stays in memory meanwhile.
func (w *Watchdog) submit(l *look, t *target, reason, event string) {
	l.wanted = true
	job := spool.Job{
		ID: l.id, Target: t.Name, Source: SourceWatchdog, Reason: reason, Event: event, Tags: t.Tags, Protocol: t.Protocol,
		Accepted: w.Now(),
	}
	if _, err := spool.ParseTarget(job.Target); err != nil {
		job.Target = t.Addr.String()
	}
	seen := report.AppendEvent(nil, report.Event{E: report.EventWatch, Pings: w.seenBefore(t, l)})
	w.wg.Go(func() {
		defer w.box.post(func() { w.submitted(l) })
		var lines []byte
		for lines = l.give(); lines == nil; lines = l.give() { // until its first probe has left
			if !l.wait(w.ctx) {
				return // it ended without one: nothing was seen
			}
		}
		lines = append(lines, seen...)
		for told := false; ; told = true {
			// Not w.ctx: what is being written when we end should be.
			err := w.Spool.SubmitGiven(context.WithoutCancel(w.ctx), job, lines)
			if err == nil {
				l.markSubmitted()
				return
			}
			if !told {
				w.Log.Error("submit the job of a loss; trying again, what it sees stays in memory", "job", l.id, "target", t.Name, "err", err)
			}
			select {
			case <-time.After(retryEvery):
			case <-w.ctx.Done():
				return
			}
		}
	})
}

const (
	retryEvery = 2 * time.Second
	seenFor    = time.Minute // of pings before a job are given with it
)

// seenBefore is what pings have seen of a target up to now, those of the
// rhythm and those that confirmed its loss: it tells how the trace lies to it.
func (w *Watchdog) seenBefore(t *target, l *look) *report.Pings {
	now := w.Now()
	var s strand
	s.begin(&t.hist)
	from := w.ms(now.Add(-seenFor))
	p := s.record(from, w.at(from), true)
	if tr := t.trouble; tr != nil && tr.burst != nil && len(tr.looks) > 0 && tr.looks[0] == l {
		p = merged(p, *tr.burst)
	}
	return &p
}

// merged is the pings of two records in order of time.
func merged(a, b report.Pings) report.Pings {
	if len(a.Answer) == 0 {
		return b
	}
	type ping struct {
		at     time.Time
		us     *int64
		answer byte
	}
	var all []ping
	for _, p := range []report.Pings{a, b} {
		for i, ms := range p.TxMS {
			all = append(all, ping{p.From.Add(time.Duration(ms) * time.Millisecond), p.RTTUS[i], p.Answer[i]})
		}
	}
	slices.SortStableFunc(all, func(x, y ping) int { return x.at.Compare(y.at) })
	out := report.Pings{From: all[0].at}
	for _, p := range all {
		out.TxMS, out.RTTUS = append(out.TxMS, p.at.Sub(out.From).Milliseconds()), append(out.RTTUS, p.us)
		out.Answer += string(p.answer)
	}
	return out
}

// submitted forgets a look that came to nothing.
func (w *Watchdog) submitted(l *look) {
	if !l.isSubmitted() {
		w.looks.remove(l.id)
	}
}

// burstAt confirms a suspect through sockets of their own, if there are any.
func (w *Watchdog) burstAt(t *target, now time.Time) {
	s := t.suspect
	if w.Pinger == nil || w.spec(t).Protocol != "icmp" {
		return
	}
	if w.bursts+w.pings >= mostSockets {
		s.control = true
		w.runControl(now)
		return
	}
	w.bursts++
	s.bursts = true
	s.burst = &report.Pings{From: now.Round(0), TxMS: []int64{}, RTTUS: []*int64{}}
	w.pingBeside(pingRun{
		addr: t.Addr, source: w.spec(t).Source, count: burstCount, interval: burstInterval,
		deadline: max(t.deadline, mostDeadline), // a jump of RTT must not confirm a loss
	}, s.burst, func(p pinged) {
		if t.suspect != s {
			return
		}
		switch {
		case p.outcome == late:
			s.window.late(burstMark + int64(p.n))
			s.most = s.window.lost()
		case p.outcome.isKnown():
			s.window.push(burstMark+int64(p.n), p.outcome.isLost())
		default:
			return
		}
		w.weigh(t, w.Now())
	}, func(error) { w.bursts-- })
}

// pingBeside runs pro-bing and keeps what it finds in a record; told and
// ended are called from the loop.
func (w *Watchdog) pingBeside(r pingRun, into *report.Pings, told func(pinged), ended func(error)) {
	r.told = func(p pinged) {
		w.box.post(func() {
			keepPing(into, p)
			told(p)
		})
	}
	ctx := w.ctx
	w.wg.Go(func() {
		err := w.Pinger.Run(ctx, r)
		w.box.post(func() { ended(err) })
	})
}

// keepPing puts a ping's outcome in its place. Pings come in order, except
// for late answers.
func keepPing(p *report.Pings, g pinged) {
	ms := g.sent.Sub(p.From).Milliseconds()
	var us *int64
	if g.outcome == answered || g.outcome == late {
		v := g.rtt.Microseconds()
		us = &v
	}
	i := len(p.TxMS)
	for i > 0 && p.TxMS[i-1] > ms {
		i--
	}
	if i > 0 && p.TxMS[i-1] == ms && g.outcome == late {
		p.RTTUS[i-1] = us
		p.Answer = p.Answer[:i-1] + string(g.outcome.letter()) + p.Answer[i:]
		return
	}
	p.TxMS = append(p.TxMS[:i:i], append([]int64{ms}, p.TxMS[i:]...)...)
	p.RTTUS = append(p.RTTUS[:i:i], append([]*int64{us}, p.RTTUS[i:]...)...)
	p.Answer = p.Answer[:i] + string(g.outcome.letter()) + p.Answer[i:]
}

// learner teaches path memory what a trace sees; what is lost while there is
// trouble must not spoil what is usual.
func (w *Watchdog) learner(t *target, trouble bool) func(report.Event) {
	to := t.Addr // of this look; a name may be given another one while it runs
	return func(e report.Event) {
		if e.E != report.EventProbe || e.TTL == 0 || !e.Addr.IsValid() || e.US == nil {
			return
		}
		w.noteHop(to, e, trouble)
	}
}
