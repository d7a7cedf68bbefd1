package report

import (
	"fmt"
	"strings"
	"time"
)

// How likely the place must be that the paths point to (Common.Chance),
// to be named without doubt, as likely, and at all.
const (
	chanceSure   = 0.99
	chanceLikely = 0.8
	chanceNamed  = 0.5
)

// JudgeIncident says what an incident shows. It is pure; reports are those
// of its members as far as they are at hand, and may be none. The first
// rule that holds gives the class:
//
//	loopback lost packets, or stalls cover the loss    measurement-fault: never blames the line
//	the gateway lost packets, enough to explain it     own-network
//	3 networks silent at once, no target or anchor     uplink-cut
//	  answered
//	all silent, fewer than 3 networks watched, and     not-proven: target or uplink, cannot tell
//	  no router behind the gateway seen answering
//	another path, fewer than 3 packets lost            path-changed
//	slower, fewer than 3 packets lost                  latency
//	fewer than 3 packets lost in all                   not-proven
//	only the target silent, and its report says so     target-filters
//	else                                               real-loss, where paths or reports say
//
// An anchor's own loss alone shows nothing.
func JudgeIncident(inc *Incident, reports []*Report) Verdict {
	return lookAt(inc, reports).judge()
}

func (v *incidentView) judge() Verdict {
	d := Verdict{Class: NotProven, Grade: Weak, Rules: []string{}, Loss: v.loss, RulesVersion: RulesVersion}
	rules := []func(*Verdict) bool{v.ownMachine, v.ownNetwork, v.uplink, v.otherPath, v.slower, v.tooFew, v.targetOnly}
	for _, rule := range rules {
		if rule(&d) {
			return d
		}
	}
	v.lossy(&d)
	return d
}

// lost counts the pings that were lost, those of bursts and dense series
// too.
func (v *incidentView) lost() int {
	if v.loss == nil {
		return v.other.inLost
	}
	return v.loss.Lost + v.other.inLost
}

// lostWords ends a sentence about what is no loss.
func (v *incidentView) lostWords() string {
	switch n := v.lost(); n {
	case 0:
		return "; no packet was lost."
	case 1:
		return "; 1 packet was lost, which may be chance."
	default:
		return fmt.Sprintf("; %d packets were lost, which may be chance.", n)
	}
}

// byCounts grades a loss by its counts alone, as a report's is.
func byCounts(l *Loss) Grade {
	switch {
	case l == nil:
		return Weak
	case l.Lost >= manyLost && l.Sent >= someProbes && l.Low >= sureLoss:
		return Certain
	case l.Lost >= someLost:
		return Likely
	}
	return Weak
}

// atMost lowers the grade of a verdict to one.
func (d *Verdict) atMost(g Grade) {
	if d.Grade == Certain || d.Grade == Likely && g == Weak {
		d.Grade = g
	}
}

// otherPath: the routers are others than usual, and nothing is lost.
func (v *incidentView) otherPath(d *Verdict) bool {
	if v.inc.Trigger != TriggerPath || v.lost() >= someLost {
		return false
	}
	d.Class, d.Rules = PathChanged, []string{"R12"}
	m, diff := v.moved()
	d.Sentence = v.subject() + " " + v.verb("is", "are") + " reached through other routers than before, " + v.span() + v.lostWords()
	if m == nil {
		d.Sentence += " Which ones was not kept."
		d.Settle = "a trace now, beside one from before"
		return true
	}
	firm := 0
	for _, c := range diff {
		if c.firm {
			firm++
		}
	}
	switch {
	case firm > 1:
		d.Grade = Certain
	case firm == 1:
		d.Grade = Likely
	}
	d.Sentence += " " + v.pathWords(m, diff)
	d.Settle = "the trace from the other end: the way back may have changed, too"
	return true
}

// slower is R8: at the target, which is the end of the path, a step in
// round-trip time is real.
func (v *incidentView) slower(d *Verdict) bool {
	if v.inc.Trigger != TriggerLatency && v.inc.Trigger != TriggerJitter || v.lost() >= someLost {
		return false
	}
	d.Class, d.Rules = Latency, []string{"R8"}
	what := "more slowly"
	if v.inc.Trigger == TriggerJitter {
		what = "less evenly"
	}
	d.Sentence = v.subject() + " " + v.verb("answers", "answer") + " " + what + " than usual, " + v.span() + v.lostWords()
	d.Settle = "the trace from the other end while it lasts, and the load of the line"
	if len(v.inc.Members) == 0 {
		return true
	}
	m := &v.inc.Members[0]
	to, over := v.inc.until()
	if !over {
		to = to.Add(time.Second)
	}
	now := rttStats(m.rtts(m.Began, to))
	n := len(m.rtts(m.Began, to))
	if now == nil || n < enough || m.Usual == nil {
		d.Rules = append(d.Rules, "R13")
		d.Sentence += " By how much cannot be told: too few answers were kept."
		return true
	}
	of := ""
	if len(v.inc.Members) > 1 {
		of = " of " + m.name()
	}
	d.Sentence += fmt.Sprintf(" Round-trip time%s: median %s ms, p95 %s ms (%s); usually %s and %s ms.",
		of, msText(now.P50), msText(now.P95), plural(n, "answer"), msText(usec(m.Usual.P50US)), msText(usec(m.Usual.P95US)))
	switch above := now.P50 > usec(m.Usual.P95US) || v.inc.Trigger == TriggerJitter && now.P95-now.P50 > usec(m.Usual.P95US-m.Usual.P50US); {
	case above && n >= someProbes && m.Usual.Sent >= manyProbes:
		d.Grade = Certain
	case above && n >= enough:
		d.Grade = Likely
	}
	if c, diff := v.moved(); c != nil {
		d.Rules = append(d.Rules, "R12")
		d.Sentence += " " + v.pathWords(c, diff)
	}
	return true
}

// tooFew is R13: less was lost than an incident needs.
func (v *incidentView) tooFew(d *Verdict) bool {
	if v.lost() >= someLost {
		return false
	}
	d.Rules = []string{"R13"}
	d.Sentence = v.what() + v.others() + " That is too little to say what it was."
	if v.lost() == 0 {
		d.Sentence = fmt.Sprintf("No lost ping of %s is at hand, %s.", v.name(), v.span())
	}
	d.Settle = "more pings while it lasts: a shorter interval in the configuration"
	return true
}

// targetOnly is R5: one target is silent, no other, and its trace says
// that the routers before it answer.
func (v *incidentView) targetOnly(d *Verdict) bool {
	if v.inc.Affected > 1 || len(v.inc.Members) != 1 || v.loss == nil || v.loss.Lost < v.loss.Sent || v.placed() {
		return false
	}
	for _, r := range v.reports {
		rd := r.verdict()
		if rd.Class != TargetFilters {
			continue
		}
		d.Class, d.Grade = TargetFilters, rd.Grade
		d.Rules = append(d.Rules, list(rd.Rules)...)
		d.atMost(byCounts(v.loss))
		d.Sentence = v.what() + " Only the target itself is silent, or down. Its trace: " + strings.TrimSpace(short(Printable(rd.Sentence), maxSaid))
		d.Settle = short(Printable(rd.Settle), maxSaid)
		if d.Settle == "" {
			d.Settle = "a trace with TCP to a port that is open"
		}
		return true
	}
	return false
}

// lossy is R2: packets are lost, and the paths or a trace say where.
func (v *incidentView) lossy(d *Verdict) {
	d.Class = RealLoss
	d.Sentence = v.what()
	if v.loss == nil || v.loss.Lost < someLost {
		d.Rules = append(d.Rules, "R13")
	}
	all := Stats{Lost: v.other.inLost, Sent: v.other.in}
	if v.loss != nil {
		all.Lost, all.Sent = all.Lost+v.loss.Lost, all.Sent+v.loss.Sent
	}
	// Bursts and dense series go through sockets of their own: they tell as much as the rhythm does.
	d.Grade = byCounts(all.Interval())
	if v.loss == nil || v.loss.Sent < someProbes {
		d.Sentence += v.others()
	}
	v.where(d)
	d.Rules = append(d.Rules, "R9")
	if c, l := v.gateway(); c != nil {
		d.atMost(Likely)
		d.Sentence += fmt.Sprintf(" The gateway lost %s meanwhile, too few to explain it.", pings(l))
	}
	if m, diff := v.moved(); m != nil {
		d.Sentence += " " + v.pathWords(m, diff)
	}
	d.settle("the trace from the other end, of the same minutes")
}
