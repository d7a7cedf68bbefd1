package report

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A walk goes through the lines of a table with the verdict in hand: what
// the verdict says of a line stands there, and no line says anything else.
type walk struct {
	*view
	rows []TableRow
	d    *Verdict
	loop *loop // of a routing loop

	wall    netip.Addr // who sent packets back, where the verdict says so …
	wallTTL int        // … the lowest TTL at which it answered, 0: at none …
	turned  int        // … and how many
}

// explain says what line i of the table means.
func (w *walk) explain(i int) []string {
	row := &w.rows[i]
	var out []string
	say := func(key string, args ...any) { out = append(out, w.lang.Say(key, args...)) }
	w.explainPlace(row, say)
	switch {
	case row.Target:
		w.explainTarget(row, say)
		return out
	case row.Stats.Sent == 0 && w.e.Foreign != nil:
		say("explain.uncounted")
		return out
	case row.Stats.Sent == 0:
		say("explain.unasked")
		return out
	case row.TTL == 1 && (!row.Addr.IsValid() || row.Addr != w.e.Node.Source && row.Addr != w.wall):
		say("explain.first")
	}
	if w.explainWall(row, say) {
		return out
	}
	w.explainLoop(row, say)
	switch {
	case row.Stats.Answered == 0:
		w.explainSilent(i, say)
	case row.Stats.Lost > 0:
		w.explainLossy(i, say)
	case w.blames() && w.inside(row):
		say("explain.all.few", w.lang.count(row.Stats.Sent, "probe"))
	default:
		say("explain.all", w.lang.count(row.Stats.Sent, "probe"))
	}
	w.explainTimes(i, say)
	switch n := len(row.Others); {
	case w.loop != nil && row.TTL >= w.loop.ttl: // they answer in turn
	case n > 0 && w.shift() != nil && slices.ContainsFunc(w.shift().hops, func(h hopChange) bool { return h.ttl == row.TTL }):
		say("explain.moved", w.clock(w.shift().at))
	case n > 0:
		say("explain.several", n+1)
	}
	return out
}

// blames says that the verdict puts a loss on a stretch of the path.
func (w *walk) blames() bool {
	return w.d.Link != nil && (w.d.Class == RealLoss || w.d.Class == OwnNetwork) && !w.said("own.noroute", "back.self", "unreachable.own")
}

// inside says that a line is behind the near end of the stretch that the
// verdict names, and not behind the far one.
func (w *walk) inside(row *TableRow) bool {
	l := w.d.Link
	target := l != nil && l.To.Addr.IsValid() && l.To.Addr == w.e.Target.Address
	switch {
	case l == nil:
		return false
	case row.TTL == 0:
		return target
	case target && row.TTL == l.To.TTL && !row.Target: // silent; the target has a line of its own
		return false
	}
	return row.TTL > l.From.TTL && row.TTL <= l.To.TTL
}

// likeliest says that the verdict names a line as the far end of the likeliest
// link.
func (w *walk) likeliest(row *TableRow) bool {
	l := w.d.Likeliest
	if l == nil || !w.said("begins.likeliest") {
		return false
	}
	if row.TTL == 0 || row.Target {
		return l.To.Addr.IsValid() && l.To.Addr == w.e.Target.Address
	}
	return row.TTL == l.To.TTL
}

// byGrade is the word that a grade wants.
func byGrade(g Grade, certain, likely, weak string) string {
	switch g {
	case Certain:
		return certain
	case Likely:
		return likely
	}
	return weak
}

// side is an end of the stretch, in short: the verdict has its address.
func (w *walk) side(l LinkEnd) string {
	if name := w.endName(l); l.TTL == 0 || name == w.lang.Say("name.target") {
		return name
	}
	return w.lang.Say("explain.hop", l.TTL)
}

// explainPlace is what the verdict says of where the loss begins, or where
// time is lost, at the lines of that stretch and the one before it.
func (w *walk) explainPlace(row *TableRow, say func(string, ...any)) {
	l := w.d.Link
	one := l != nil && l.To.TTL == l.From.TTL+1
	if l == nil || !w.inside(row) {
		if w.blames() && row.TTL > 0 && row.TTL == l.From.TTL && !w.said("back", "unreachable") {
			say(byGrade(w.d.Grade, "explain.near", "explain.near.probably", "explain.near.maybe"))
		}
		return
	}
	switch {
	case w.d.Class == Latency && one:
		say("explain.slow.here")
	case w.d.Class == Latency:
		say("explain.slow.within", w.side(l.From), w.side(l.To))
	case !w.blames():
	case w.said("own.first") && row.TTL == 1, w.likeliest(row):
		say("explain.here.first")
	case w.said("own.first"):
		say("explain.within.maybe", w.side(l.From), w.side(l.To))
	case one:
		say(byGrade(w.d.Grade, "explain.here", "explain.here.probably", "explain.here.maybe"))
	default:
		say(byGrade(w.d.Grade, "explain.within", "explain.within.probably", "explain.within.maybe"), w.side(l.From), w.side(l.To))
	}
	if w.said("member") && row.TTL == l.To.TTL {
		say("member", l.To.Addr, l.To.TTL)
	}
	if w.said("begins.target") && row.Target {
		say("begins.target")
	}
}

func (w *walk) explainTarget(row *TableRow, say func(string, ...any)) {
	s := row.Stats
	switch {
	case s.Sent == 0 && w.e.Foreign != nil:
		say("explain.target.uncounted")
		return
	case s.Sent == 0:
		say("explain.target.unasked")
		return
	case w.said("unreachable.self"):
		say("explain.target.self")
		return
	case s.Answered == 0:
		say("explain.target.silent", w.lang.count(s.Sent, "probe"))
	case s.Lost == 0:
		say("explain.target.all", w.lang.count(s.Sent, "probe"))
	case !proven(s.Lost, s.Sent):
		say("explain.target.chance", w.lang.of(s.Lost, s.Sent, "probe"))
	default:
		say("explain.target.lost", w.lang.counted(s.Interval(), "probe"))
	}
	switch {
	case w.said("stall"):
		say("explain.target.stall")
	case w.said("paced"):
		say("explain.target.limit")
	case w.said("paced.perhaps", "udp"):
		say("explain.target.perhaps")
	case w.said("foreign.thin", "foreign.few"):
		say("explain.target.thin")
	case w.said("own.noroute"):
		say("explain.target.noroute")
	case w.turned > 0 && w.wall == w.e.Node.Source && w.wall.IsValid():
		say("explain.wall", w.lang.Say("name.self", w.wall), w.lang.count(w.turned, "time"))
	case w.turned > 0 && w.wallTTL == 0 && w.wall.IsValid():
		say("explain.wall", w.wall.String(), w.lang.count(w.turned, "time"))
	case w.said("watch.alone"):
		say("explain.target.missed")
	case w.said("watch.recovered"):
		say("explain.target.over")
	case s.Lost == 0:
		say("explain.target.clean")
	case s.Answered > 0 && proven(s.Lost, s.Sent):
		say("explain.target.counts")
	}
}

// explainWall is of a router that said that the target cannot be reached, and
// of what it answered in the place of others; then nothing more is to be said.
func (w *walk) explainWall(row *TableRow, say func(string, ...any)) bool {
	if w.turned == 0 || !w.wall.IsValid() || row.Addr != w.wall || row.TTL < w.wallTTL {
		return false
	}
	who := w.lang.Say("explain.wall.it")
	if w.wall == w.e.Node.Source {
		who = w.lang.Say("name.self", w.wall)
	}
	if row.TTL == w.wallTTL {
		say("explain.wall", who, w.lang.count(w.turned, "time"))
		return w.wall == w.e.Node.Source
	}
	s := &w.e.Hops[row.TTL-1].Series
	if row.Stats.Answered == 0 || strings.Count(s.Answer, string(AnswerUnreachable)) < row.Stats.Answered {
		return false
	}
	if w.wall != w.e.Node.Source {
		who = w.endName(LinkEnd{TTL: w.wallTTL, Addr: w.wall})
	}
	say("explain.walled", who, w.lang.of(row.Stats.Answered, row.Stats.Sent, "probe"))
	return true
}

// explainLoop is R7: the lines of a loop, and where it comes round again. Who
// answered last may be another: a loop need not last as long as the trace.
func (w *walk) explainLoop(row *TableRow, say func(string, ...any)) {
	l := w.loop
	if l == nil || row.TTL < l.ttl {
		return
	}
	turn := l.cycle[(row.TTL-l.ttl)%len(l.cycle)]
	switch {
	case !turn.IsValid():
	case row.Addr != turn && slices.ContainsFunc(row.Others, func(o TableOther) bool { return o.Addr == turn }):
		say("explain.loop.then", turn)
	case row.Addr != turn:
	case row.TTL < l.ttl+len(l.cycle):
		say("explain.loop", len(l.cycle))
	default:
		say("explain.loop.again")
	}
}

// explainSilent is R6.
func (w *walk) explainSilent(i int, say func(string, ...any)) {
	behind := slices.ContainsFunc(w.rows[i+1:], func(r TableRow) bool { return r.Stats.Answered > 0 })
	switch {
	case behind:
		say("explain.silent")
		if lost, asked, ok := w.usualAt(i); ok && lost == asked {
			say("explain.usual.silent")
		}
	case i > 0 && w.rows[i-1].Stats.Answered == 0:
		say("explain.silent.too")
	default:
		say("explain.silent.end")
	}
}

// explainLossy is R2, R3, R4 and R15.
func (w *walk) explainLossy(i int, say func(string, ...any)) {
	row, s := &w.rows[i], w.rows[i].Stats
	lost := w.lang.of(s.Lost, s.Sent, "probe")
	switch {
	case row.Limited:
		w.explainLimited(i, say)
	case w.said("stall"):
		say("explain.lossy.stall", lost)
	case 2*strings.Count(w.e.Hops[i].Answer, string(AnswerNoRoute)) >= s.Lost:
		say("explain.lossy.noroute", lost)
	case w.loop != nil && row.TTL >= w.loop.ttl:
		say("explain.lossy.loop", lost)
	case w.target.Lost == 0 && w.target.Answered > 0:
		say("explain.lossy.clean", lost)
	case w.blames() && row.TTL >= w.d.Link.To.TTL:
		say("explain.lossy", lost)
	case w.blames() && row.TTL <= w.d.Link.From.TTL:
		say("explain.lossy.before", lost)
	case s.Lost <= 2:
		say("explain.lossy.few", lost)
	default:
		say("explain.lossy.open", lost)
	}
	if l, asked, ok := w.usualAt(i); ok && l > 0 {
		if worse(s.Lost, s.Sent, l, asked) >= newsworthy {
			say("explain.usual", w.lang.of(asked-l, asked, "probe"))
		} else {
			say("explain.usual.less", w.lang.of(asked-l, asked, "probe"))
		}
	}
	for _, sh := range w.e.Shared {
		if sh.Addr == row.Addr && sh.Sent > 0 {
			say("explain.shared", w.lang.of(sh.Answered, sh.Sent, "probe"))
		}
	}
}

// explainLimited says why the losses of a line are its own: what lies behind
// it loses fewer, or it loses as many while the target loses none.
func (w *walk) explainLimited(i int, say func(string, ...any)) {
	s := w.rows[i].Stats
	lost := w.lang.counted(s.Interval(), "probe")
	ttl, best := w.leastBehind(i)
	who := w.lang.Say("name.target")
	if ttl > 0 {
		who = w.lang.Say("explain.hop", ttl)
	}
	switch {
	case best.Sent > 0 && best.Lost == 0:
		say("explain.limited", lost, who, w.lang.count(best.Sent, "probe"))
	case worse(s.Lost, s.Sent, best.Lost, best.Sent) < noticeable:
		say("explain.limited.less", lost, who, w.lang.of(best.Lost, best.Sent, "probe"))
	default:
		say("explain.limited.calm", lost)
	}
}

// explainTimes is R8: a step that persists, and one that does not. Those of a
// loop are of its turns.
func (w *walk) explainTimes(i int, say func(string, ...any)) {
	const step = 20 * time.Millisecond
	t := w.rows[i].Stats.RTT
	if t == nil || w.d.Class == RoutingLoop {
		return
	}
	least := leastTime(w.rows[i+1:])
	before := time.Duration(0)
	for j, r := range w.rows[:i] {
		if b := r.Stats.RTT; b != nil && b.P50 <= leastTime(w.rows[j+1:])+step { // else its own processor is slow
			before = max(before, b.P50)
		}
	}
	switch {
	case least >= 0 && t.P50 > least+step:
		if w.d.Class != Latency || !w.inside(&w.rows[i]) {
			say("explain.slow.own", msText(t.P50), msText(least))
		}
	case least >= 0 && t.P50 > before+step && least > before+step/2:
		say("explain.step", msText(t.P50-before))
	}
}

// leastTime is the least median of lines of the table; -1: none answered.
func leastTime(rows []TableRow) time.Duration {
	least := time.Duration(-1)
	for _, r := range rows {
		if b := r.Stats.RTT; b != nil && (least < 0 || b.P50 < least) {
			least = b.P50
		}
	}
	return least
}
