package watch

import (
	"net/netip"
	"time"

	"github.com/mtrq/mtrq/internal/paths"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

const (
	baselineEach  = 5 * time.Minute  // of a target's path
	baselineMost  = 256              // rounds under way
	baselineWait  = 10 * time.Second // for turns at the routers on the way; what had none by then is left out
	baselineBlind = 16               // TTLs asked where the length is unknown
	baselineNew   = 10               // targets a second whose path nobody knows: all their rounds pass the gateway
	beyondLength  = 2                // TTLs asked beyond a known length, to notice when the path becomes longer
	baselineSize  = 60               // bytes: not that of traces, so that a log can tell them apart
	routerEach    = time.Second      // a router that all paths share is asked once in this time
)

// baselines are the rounds over the paths of targets that are well: what is
// usual is learnt from them.
type baselines struct {
	running int
	asked   map[netip.Addr]time.Time // when a round asked a router last
	round   uint64
	blind   int // rounds in this second over paths that nobody knows
}

func (b *baselines) init() { b.asked = map[netip.Addr]time.Time{} }

// isDue says whether a target's round is, and sets the next time.
func (w *Watchdog) isDue(t *target, now time.Time) bool {
	if t.baseline.IsZero() {
		// Spread over the time to come, by the place in the rhythm; a target
		// whose path nobody knows has its first round soon.
		share := float64(t.due%beatSlots) / beatSlots
		if n := len(w.order); n > 0 {
			share = float64(w.sweep%n) / float64(n)
		}
		wait := time.Duration(share * float64(baselineEach))
		if _, known := w.Paths.Length(t.Addr); !known {
			wait = 0
		}
		t.baseline = now.Add(wait)
	}
	return !now.Before(t.baseline)
}

// round asks each TTL of a target's path once, politely, and calls over, from
// the loop, when all is known.
func (w *Watchdog) round(t *target, over func()) {
	w.rounds.running++
	w.rounds.round++
	id := 1<<63 | w.rounds.round
	length, known := w.Paths.Length(t.Addr)
	known = known && length > 0
	top := int(length) + beyondLength
	if !known {
		top = baselineBlind
	}
	routers := w.Paths.Routers(t.Addr)
	now := w.Now()
	var reqs []probe.Request
	var prev netip.Addr
	gap := 0
	left := 0
	finish := func() {
		if left--; left == 0 {
			w.rounds.running--
			over()
		}
	}
	for ttl := 1; ttl <= top; ttl++ {
		gap++
		spec := w.spec(t)
		spec.TTL, spec.Size = uint8(ttl), baselineSize
		if spec.Protocol == probe.TCP {
			spec.Size = 0
		}
		r := probe.Request{Spec: spec, Class: probe.Baseline, Trace: id, Deadline: time.Second}
		if known && ttl >= int(length) {
			r.Router = probe.RouterKey{Addr: t.Addr}
		} else if ttl <= len(routers) && routers[ttl-1].IsValid() {
			a := routers[ttl-1]
			prev, gap = a, 0
			if now.Sub(w.rounds.asked[a]) < routerEach && t.trouble == nil {
				continue
			}
			w.rounds.asked[a] = now
			r.Router = probe.RouterKey{Addr: a}
		} else if known {
			r.Router = w.Prober.Key(t.Addr, prev, gap)
		}
		r.Done = func(res probe.Result) {
			if res.Outcome == probe.Late {
				return
			}
			at := w.Now()
			if o, ok := pathOutcome(res.Outcome); ok {
				w.Paths.Note(t.Addr, spec.TTL, o, res.From, res.RTT, at)
			}
			w.box.post(finish)
		}
		reqs = append(reqs, r)
	}
	left = len(reqs)
	if left == 0 {
		left = 1
		finish()
		return
	}
	handles := w.Prober.SubmitAll(reqs)
	time.AfterFunc(baselineWait, func() {
		for _, h := range handles {
			h.Cancel()
		}
	})
}

// pathOutcome is a result in the terms of path memory; what was not sent
// says nothing.
func pathOutcome(o probe.Outcome) (paths.Outcome, bool) {
	switch o {
	case probe.Reply:
		return paths.Reply, true
	case probe.Expired:
		return paths.Expired, true
	case probe.Unreachable:
		return paths.Unreachable, true
	case probe.Lost:
		return paths.Lost, true
	}
	return 0, false
}

// noteHop teaches path memory what a trace has seen.
func (w *Watchdog) noteHop(target netip.Addr, e report.Event, trouble bool) {
	var o paths.Outcome
	switch e.Kind {
	case report.KindReply:
		o = paths.Reply
	case report.KindExpired:
		o = paths.Expired
	case report.KindUnreachable:
		o = paths.Unreachable
	default:
		return
	}
	rtt := time.Duration(*e.US) * time.Microsecond
	if trouble {
		w.Paths.NoteTrouble(target, uint8(e.TTL), o, e.Addr, rtt, w.Now())
		return
	}
	w.Paths.Note(target, uint8(e.TTL), o, e.Addr, rtt, w.Now())
}

// startRounds starts the rounds that are due, and looks whether a path has
// changed.
func (w *Watchdog) startRounds(t *target, now time.Time) {
	if t.canary != "" || !t.Addr.IsValid() || t.trouble != nil || t.suspect != nil || now.Before(t.paused) ||
		w.rounds.running >= baselineMost || !w.isDue(t, now) {
		return
	}
	if length, known := w.Paths.Length(t.Addr); !known || length == 0 {
		if w.rounds.blind >= baselineNew {
			return
		}
		w.rounds.blind++
	}
	t.baseline = now.Add(baselineEach)
	w.round(t, func() { w.seeChange(t) })
}

// seeChange opens an incident where the path is another than usual. One round
// finds strangers, a second one right after it confirms them.
func (w *Watchdog) seeChange(t *target) {
	now := w.Now()
	if t.gone || t.trouble != nil || t.suspect != nil || now.Before(t.paused) || !t.answered {
		return
	}
	change := w.Paths.Changed(t.Addr)
	switch {
	case change == nil && w.Paths.Doubtful(t.Addr):
		t.baseline = now.Add(5 * time.Second)
	case change != nil:
		began := now.Round(0)
		w.open(t, report.TriggerPath, began, began, now)
	}
}

// roundAfter asks a target's path once more when it has recovered.
func (w *Watchdog) roundAfter(t *target, tr *trouble) {
	inc := tr.incident
	if i := indexOf(inc.members, t); i < 0 || i >= afterRounds {
		return
	}
	w.round(t, func() {
		if p, ok := w.Paths.Path(t.Addr); ok {
			tr.after = p
		}
		if c := w.Paths.Changed(t.Addr); c != nil {
			tr.after = c.New
			inc.note("%s: the path after it is another than before", t.Name)
		}
	})
}

func indexOf(ts []*target, t *target) int {
	for i, o := range ts {
		if o == t {
			return i
		}
	}
	return -1
}

// sweepAsked forgets when routers were asked, once nobody needs to know.
func (b *baselines) sweep(now time.Time) {
	if len(b.asked) < 4096 {
		return
	}
	for a, at := range b.asked {
		if now.Sub(at) > routerEach {
			delete(b.asked, a)
		}
	}
}
