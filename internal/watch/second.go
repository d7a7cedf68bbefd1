package watch

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

const (
	manySilent = 2000 // silent targets: beyond that each is asked less often
	saveEach   = 5 * time.Minute
)

// eachSecond does what is not tied to single pings.
func (w *Watchdog) eachSecond(now time.Time) {
	if d := w.clock.step(now); d != 0 {
		w.Log.Warn("the wall clock was set", "dur_ms", d.Milliseconds())
		for _, inc := range w.incidents {
			inc.note("the wall clock was set by %s at %s", d.Round(time.Millisecond), now.Format("15:04:05"))
		}
	}
	w.readPauses(now)
	w.lookThrough(now)
	w.tend(now)
	w.rounds.sweep(now)
	w.sayHealth()
	if now.Sub(w.wroteAt) >= w.stateEach() {
		w.wroteAt = now
		w.writer.state(w.watchState(now))
	}
	if now.Sub(w.savedAt) >= saveEach {
		w.savedAt = now
		w.wg.Go(w.savePaths)
	}
}

// stateEach is how often targets.json is written.
func (w *Watchdog) stateEach() time.Duration {
	return min(time.Second+time.Duration(len(w.order)/500)*time.Second, 5*time.Second) - 100*time.Millisecond
}

func (w *Watchdog) savePaths() {
	if w.PathsAt == "" {
		return
	}
	if err := w.Paths.SaveFile(w.PathsAt); err != nil {
		w.Log.Warn("path memory cannot be kept; it is tried again", "file", w.PathsAt, "err", err)
	}
}

// lookThrough judges every target by the clock: latency, silence, what is
// usual, rounds over paths.
func (w *Watchdog) lookThrough(now time.Time) {
	silent := 0
	for _, t := range w.order {
		if t.gone {
			continue
		}
		if t.canary == "" && t.silent() {
			silent++
		}
	}
	w.totals.Thinned, w.rounds.blind = 0, 0
	for _, t := range w.order {
		if t.gone {
			continue
		}
		t.thinned = silent > manySilent && t.canary == "" && t.silent()
		if t.thinned {
			w.totals.Thinned++
		}
		if age := now.Sub(t.usualAt); age >= usualEvery || age >= usualEarly && t.usual.n < usualFew {
			w.scratch = t.refresh(now, w.scratch)
		}
		if t.canary != "" {
			w.settleCanary(t, now)
			continue
		}
		if !t.paused.IsZero() && !now.Before(t.paused) {
			t.paused = time.Time{}
		}
		t.settle(now)
		if trigger, at := t.slowness(now); trigger != "" && t.trouble == nil && t.suspect == nil && !now.Before(t.paused) {
			began := at.Round(0)
			w.open(t, trigger, began, began, now)
		}
		w.startRounds(t, now)
	}
}

// settleCanary finds the state of a canary, which has no troubles: lossy is
// one that loses as many as would open an incident.
func (w *Watchdog) settleCanary(t *target, now time.Time) {
	if t.answered && t.hist.lostOf(w.Rules.Of) >= w.Rules.Lost {
		t.become(spool.TargetLossy, now)
		return
	}
	t.settle(now)
}

// silent says that a target answered none of its last pings.
func (t *target) silent() bool {
	known := 0
	for i := 0; i < t.hist.len() && known < 5; i++ {
		o := t.hist.back(i).outcome()
		if o == answered || o == late {
			return false
		}
		if o.isLost() {
			known++
		}
	}
	return known >= 5
}

// PauseFile is the name in state/pause/ of a target's acknowledged
// maintenance; it holds the time until which it is paused (RFC 3339), a
// space, and why.
func PauseFile(target string) string {
	return "pause/" + strings.ReplaceAll(strings.ToLower(target), ":", "-")
}

// readPauses reads what operators have asked for.
func (w *Watchdog) readPauses(now time.Time) {
	names, err := w.Spool.ListState("pause")
	if err != nil || len(names) == 0 && !w.paused {
		return
	}
	w.paused = len(names) > 0
	until := make(map[string]time.Time, len(names))
	for _, name := range names {
		data, err := w.Spool.ReadState("pause/" + name)
		if err != nil {
			continue
		}
		word, _, _ := strings.Cut(strings.TrimSpace(string(data[:min(len(data), 512)])), " ")
		at, err := time.Parse(time.RFC3339, word)
		if err != nil {
			continue
		}
		if !at.After(now) {
			if err := w.Spool.RemoveState("pause/" + name); err != nil && !os.IsNotExist(err) {
				w.Log.Warn("remove a pause that is over", "file", name, "err", err)
			}
			continue
		}
		until["pause/"+name] = at
	}
	for _, t := range w.order {
		if t.canary != "" {
			continue
		}
		at, ok := until[PauseFile(t.Name)]
		if !ok && t.Addr.IsValid() {
			at = until[PauseFile(t.Addr.String())]
		}
		if at.IsZero() && !t.paused.IsZero() {
			t.calm = t.hist.next // what was lost meanwhile is nobody's business
		}
		if !at.IsZero() && t.suspect != nil {
			w.dismiss(t, now)
		}
		t.paused = at
	}
}

// sayHealth says what an operator must know.
func (w *Watchdog) sayHealth() {
	h := spool.Health{What: "watch", OK: true}
	var wrong []string
	for _, s := range w.Lists.Sources() {
		if s.Err != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s", s.Source, s.Err))
		}
	}
	if err := w.writer.failing(); err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) > 0 {
		h.OK, h.Hint = false, report.Printable(strings.Join(wrong[:min(len(wrong), 5)], "; "))
	}
	w.healthMu.Lock()
	defer w.healthMu.Unlock()
	w.health = []spool.Health{h}
}

// watchState is what targets.json says.
func (w *Watchdog) watchState(now time.Time) *spool.WatchState {
	st := &spool.WatchState{
		Schema: 1, At: now.Round(0), Node: w.Node.Name, Totals: w.totals,
		Canaries: []spool.WatchTarget{}, Targets: make([]spool.WatchTarget, 0, len(w.targets)), Sources: []spool.WatchSource{},
	}
	n := &st.Totals
	n.Open = len(w.incidents)
	for _, t := range w.order {
		if t.gone {
			continue
		}
		line := w.targetState(t, now)
		if t.canary != "" {
			st.Canaries = append(st.Canaries, line)
			continue
		}
		st.Targets = append(st.Targets, line)
		n.Targets++
		switch t.state {
		case spool.TargetOK:
			n.OK++
		case spool.TargetSuspect:
			n.Suspect++
		case spool.TargetLossy:
			n.Lossy++
		case spool.TargetSlow:
			n.Slow++
		case spool.TargetSilent:
			n.Silent++
		case spool.TargetPaused:
			n.Paused++
		case spool.TargetUnresolved:
			n.Unresolved++
		default:
			n.New++
		}
	}
	for _, s := range w.Lists.Sources() {
		src := spool.WatchSource{Source: s.Source, Targets: s.Targets, Err: s.Err, Note: s.Note}
		if !s.At.IsZero() {
			at := s.At
			src.At = &at
		}
		st.Sources = append(st.Sources, src)
	}
	return st
}

func (w *Watchdog) targetState(t *target, now time.Time) spool.WatchTarget {
	s := spool.WatchTarget{
		Target: t.Name, Address: t.Addr, Group: t.Group, Source: t.Source, Tags: t.Tags, Interval: t.interval.Milliseconds(),
		State: t.state, Since: t.since.Round(0), Strip: t.hist.strip(60), Note: t.Note,
	}
	s.Lost, s.Sent = t.hist.tally(w.ms(now.Add(-historyFor)))
	if !t.paused.IsZero() {
		at := t.paused
		s.Until = &at
	}
	if tr := t.trouble; tr != nil && tr.incident != nil {
		s.Incident = tr.incident.id.String()
	}
	if !t.lastAns.IsZero() {
		us := t.lastRTT.Microseconds()
		s.LastUS = &us
	}
	if t.usual.n > 0 {
		p50, p95 := t.usual.p50.Microseconds(), t.usual.p95.Microseconds()
		s.P50US, s.P95US = &p50, &p95
	}
	return s
}
