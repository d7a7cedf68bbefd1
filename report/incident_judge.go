package report

import (
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
// of its members as far as they are at hand, and may be none. Reports whose
// target is this node are the traces from the other end. The first rule that
// holds gives the class:
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
//	a trace saw the same routers in turn               routing-loop
//	a trace puts it before the first router, which     own-network
//	  no canary contradicts
//	else                                               real-loss, where paths or reports say
//
// An anchor's own loss alone shows nothing.
func JudgeIncident(inc *Incident, reports []*Report) Verdict {
	return lookAt(inc, reports).judge()
}

// JudgeIncidentIn is JudgeIncident with sentences in another language.
func JudgeIncidentIn(inc *Incident, reports []*Report, lang Lang) Verdict {
	v := lookAt(inc, reports)
	v.lang = lang
	return v.judge()
}

func (v *incidentView) judge() Verdict {
	d := Verdict{Class: NotProven, Grade: Weak, Rules: []string{}, Loss: v.loss, RulesVersion: RulesVersion}
	rules := []func(*Verdict) bool{v.ownMachine, v.ownNetwork, v.uplink, v.otherPath, v.slower, v.tooFew, v.targetOnly, v.looping}
	done := false
	for _, rule := range rules {
		if done = rule(&d); done {
			break
		}
	}
	if !done {
		v.lossy(&d)
	}
	v.spellsOf(&d)
	return d
}

// tell adds a sentence to a verdict.
func (v *incidentView) tell(d *Verdict, key string, args ...any) {
	d.Sentence = v.lang.join(d.Sentence, v.lang.Say(key, args...))
}

// what says who lost how much and when.
func (v *incidentView) what(d *Verdict) {
	if v.loss == nil {
		v.tell(d, "inc.lost", v.subject(), v.span())
		return
	}
	v.tell(d, "inc.lost.of", v.subject(), v.lang.counted(v.loss, "ping"), v.span())
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
	if n := v.lost(); n > 0 {
		return v.lang.count(n, "chance")
	}
	return v.lang.Say("n.chance.none")
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
	v.tell(d, v.number("inc.path"), v.subject(), v.span(), v.lostWords())
	if m == nil {
		v.tell(d, "inc.path.lost")
		d.Settle = v.lang.Say("inc.path.lost.settle")
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
	v.tell(d, "inc.path.hops", m.name(), hopWords(v.lang, diff))
	d.Settle = v.lang.Say("shift.settle")
	return true
}

// slower is R8: at the target, which is the end of the path, a step in
// round-trip time is real.
func (v *incidentView) slower(d *Verdict) bool {
	if v.inc.Trigger != TriggerLatency && v.inc.Trigger != TriggerJitter || v.lost() >= someLost {
		return false
	}
	d.Class, d.Rules = Latency, []string{"R8"}
	key := "inc.slower"
	if v.inc.Trigger == TriggerJitter {
		key = "inc.jitter"
	}
	v.tell(d, v.number(key), v.subject(), v.span(), v.lostWords())
	d.Settle = v.lang.Say("slower.settle")
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
		v.tell(d, "inc.slower.few")
		return true
	}
	v.tell(d, "inc.slower.by", m.name(), msText(now.P50), msText(now.P95), v.lang.count(n, "answer"), msText(usec(m.Usual.P50US)), msText(usec(m.Usual.P95US)))
	switch above := now.P50 > usec(m.Usual.P95US) || v.inc.Trigger == TriggerJitter && now.P95-now.P50 > usec(m.Usual.P95US-m.Usual.P50US); {
	case above && n >= someProbes && m.Usual.Sent >= manyProbes:
		d.Grade = Certain
	case above && n >= enough:
		d.Grade = Likely
	}
	if c, diff := v.moved(); c != nil {
		d.rule("R12")
		v.tell(d, "inc.path.hops", c.name(), hopWords(v.lang, diff))
	}
	v.slowerWhere(d)
	return true
}

// tooFew is R13: less was lost than an incident needs.
func (v *incidentView) tooFew(d *Verdict) bool {
	if v.lost() >= someLost {
		return false
	}
	d.Rules = []string{"R13"}
	if v.lost() == 0 {
		v.tell(d, "inc.none", v.name(), v.span())
	} else {
		v.what(d)
		v.others(d)
		v.tell(d, "inc.few")
	}
	d.Settle = v.lang.Say("inc.few.settle")
	return true
}

// targetOnly is R5: one target is silent, no other, and its trace says
// that the routers before it answer.
func (v *incidentView) targetOnly(d *Verdict) bool {
	if v.inc.Affected > 1 || len(v.inc.Members) != 1 || v.loss == nil || v.loss.Lost < v.loss.Sent || v.placed() {
		return false
	}
	for _, r := range v.reports {
		rd := v.verdictOf(r)
		if rd.Class != TargetFilters {
			continue
		}
		d.Class, d.Grade = TargetFilters, rd.Grade
		d.Rules = append(d.Rules, list(rd.Rules)...)
		d.atMost(byCounts(v.loss))
		v.what(d)
		v.tell(d, "inc.only", strings.TrimSpace(short(Printable(rd.Sentence), maxSaid)))
		d.Settle = short(Printable(rd.Settle), maxSaid)
		d.settle(v.lang.Say("inc.only.settle"))
		return true
	}
	return false
}

// looping is R7: a trace saw the same routers in turn.
func (v *incidentView) looping(d *Verdict) bool {
	for _, r := range v.reports {
		rd := v.verdictOf(r)
		if rd.Class != RoutingLoop || rd.Grade == Weak {
			continue
		}
		d.Class, d.Grade, d.Link = RoutingLoop, rd.Grade, rd.Link
		d.rule("R7")
		d.atMost(byCounts(v.loss))
		v.what(d)
		v.tell(d, "inc.trace", strings.TrimSpace(short(Printable(rd.Sentence), maxSaid)))
		d.Settle = short(Printable(rd.Settle), maxSaid)
		return true
	}
	return false
}

// lossy is R2: packets are lost, and the paths or a trace say where.
func (v *incidentView) lossy(d *Verdict) {
	d.Class = RealLoss
	v.what(d)
	if v.loss == nil || v.loss.Lost < someLost {
		d.rule("R13")
	}
	all := Stats{Lost: v.other.inLost, Sent: v.other.in}
	if v.loss != nil {
		all.Lost, all.Sent = all.Lost+v.loss.Lost, all.Sent+v.loss.Sent
	}
	// Bursts and dense series go through sockets of their own: they tell as much as the rhythm does.
	d.Grade = byCounts(all.Interval())
	if v.loss == nil || v.loss.Sent < someProbes {
		v.others(d)
	}
	v.where(d)
	d.rule("R9")
	if c, l := v.gateway(); c != nil {
		d.atMost(Likely)
		v.tell(d, "inc.gateway.few", v.lang.counted(l, "ping"))
	}
	if m, diff := v.moved(); m != nil {
		d.rule("R12")
		v.tell(d, "inc.path.hops", m.name(), hopWords(v.lang, diff))
	}
	if !v.fromBehind(d) {
		d.settle(v.lang.Say("inc.settle"))
	}
}
