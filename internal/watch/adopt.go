package watch

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/targets"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
)

// adopt brings what is watched in line with the lists: targets that are new
// begin, those that are gone end, the others go on with all that is known of
// them.
func (w *Watchdog) adopt() {
	now := w.Now()
	w.adoptTargets(now)
	w.adoptCanaries(now)
	w.order = slices.DeleteFunc(w.order, func(t *target) bool { return t.gone })
}

func (w *Watchdog) adoptTargets(now time.Time) {
	wanted := make(map[key]bool, len(w.list.Targets))
	for _, n := range w.list.Targets {
		if n.Addr.IsValid() {
			if err := w.Tracer.Check(trace.Question{Addr: n.Addr, Source: SourceWatchdog}); err != nil {
				n.Note, n.Addr = err.Error(), netip.Addr{}
			}
		}
		k := keyOf(n)
		wanted[k] = true
		t := w.targets[k]
		if t != nil && t.interval != n.Interval && t.trouble == nil {
			w.forget(t)
			t = nil
		}
		if t == nil {
			w.targets[k] = w.begin(n, now)
			continue
		}
		t.adopt(n)
		t.settle(now)
	}
	for k, t := range w.targets {
		if !wanted[k] {
			w.forget(t)
			delete(w.targets, k)
			if t.trouble != nil && t.trouble.incident != nil {
				t.trouble.incident.note("%s is not watched any more", t.Name)
			}
		}
	}
	w.rejoin(now)
}

// begin starts to watch a target.
func (w *Watchdog) begin(n targets.Target, now time.Time) *target {
	t := newTarget(n, now)
	if n.Addr.IsValid() {
		// It answered before this process was started: its silence is news.
		_, t.answered = w.Paths.Length(n.Addr)
	}
	w.order = append(w.order, t)
	w.rhythm.add(t, now)
	return t
}

func (w *Watchdog) forget(t *target) {
	if t.suspect != nil {
		w.dismiss(t, w.Now())
	}
	w.rhythm.remove(t)
}

// adoptCanaries keeps loopback, the gateways and the anchors under watch.
func (w *Watchdog) adoptCanaries(now time.Time) {
	wanted := map[key]bool{}
	want := func(kind report.CanaryKind, name string, a netip.Addr) {
		n := targets.Target{Name: name, Addr: a, Source: string(kind), Interval: w.Rules.Interval}
		k := key{string(kind) + " " + name, ""}
		wanted[k] = true
		t := w.canaries[k]
		if t == nil {
			t = w.begin(n, now)
			t.canary = kind
			w.canaries[k] = t
			return
		}
		t.adopt(n)
	}
	want(report.CanaryLoopback, "127.0.0.1", netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	for _, g := range w.gateways {
		want(report.CanaryGateway, g.String(), g)
	}
	for _, a := range w.anchors.Targets {
		want(report.CanaryAnchor, a.Name, a.Addr)
	}
	for k, t := range w.canaries {
		// A gateway that went with its route is the best of witnesses: it
		// stays as long as anything is open.
		if !wanted[k] && len(w.incidents) == 0 {
			w.rhythm.remove(t)
			delete(w.canaries, k)
		}
	}
}

// canaryRecords is how loopback, gateway and anchors fared since an incident
// began.
func (w *Watchdog) canaryRecords(inc *incident) []report.Canary {
	out := []report.Canary{}
	to := w.Now()
	if inc.recovery != nil {
		to = *inc.recovery
	}
	for _, t := range w.order {
		if t.canary == "" || t.gone {
			continue
		}
		c := report.Canary{Kind: t.canary, Target: t.Name, Addr: t.Addr, Known: t.answered}
		c.Lost, c.Sent = t.hist.between(w.ms(inc.began.Add(-time.Second)), w.ms(to))
		if old, ok := inc.canary0[t.key]; ok && c.Sent < old[1] {
			c.Lost, c.Sent = old[0], old[1]
		} else {
			if inc.canary0 == nil {
				inc.canary0 = map[key][2]int{}
			}
			inc.canary0[t.key] = [2]int{c.Lost, c.Sent}
		}
		out = append(out, c)
	}
	return out
}

// controlRun is a burst to what should be well, while so many targets are
// suspects that they cannot all have one of their own.
type controlRun struct {
	running bool
	at      time.Time
}

const controlEach = 5 * time.Second

// runControl proves that pings get through where they should: loopback, the
// gateway, and three targets that answer.
func (w *Watchdog) runControl(now time.Time) {
	if w.control.running || now.Sub(w.control.at) < controlEach {
		return
	}
	var ts []*target
	clean := 0
	for _, t := range w.order {
		if t.gone || !t.answered || !t.Addr.IsValid() {
			continue
		}
		switch {
		case t.canary == report.CanaryLoopback || t.canary == report.CanaryGateway:
			ts = append(ts, t)
		case t.canary == "" && clean < 3 && t.suspect == nil && t.trouble == nil && t.hist.len() > 0 && t.hist.lostOf(3) == 0:
			clean++
			ts = append(ts, t)
		}
	}
	if len(ts) == 0 {
		return
	}
	w.control = controlRun{running: true, at: now}
	left := len(ts)
	for _, t := range ts {
		into := &report.Pings{From: now.Round(0), TxMS: []int64{}, RTTUS: []*int64{}}
		answers := 0
		w.pingBeside(pingRun{addr: t.Addr, source: w.spec(t).Source, count: burstCount, interval: burstInterval, deadline: max(t.deadline, leastDeadline)}, into, func(p pinged) {
			if p.outcome == answered || p.outcome == late {
				answers++
			}
		}, func(err error) {
			for _, inc := range w.incidents {
				if err == nil && w.Now().Sub(inc.opened) < w.Rules.locateFor() {
					inc.note("control through other sockets at %s: %s answered %d of %d", now.Format("15:04:05"), t.Name, answers, len(into.TxMS))
				}
			}
			if left--; left == 0 {
				w.control.running = false
			}
		})
	}
}
