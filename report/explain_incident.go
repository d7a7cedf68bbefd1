package report

import (
	"fmt"
	"strings"
)

// ExplainIncidentText walks an incident as ExplainText does a report: its
// verdict, its targets, what else was asked in the same minutes, what each
// trace says, the table of the first one that shows it, what would settle it,
// and the rules. It holds no control byte but newlines.
func ExplainIncidentText(inc *Incident, reports []*Report, lang Lang) string {
	v := lookAt(inc, reports)
	v.lang = lang
	x := Explanation{Lang: lang, Verdict: v.judge()}
	x.Rules = ExplainRules(x.Verdict.Rules, lang)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say := func(key string, args ...any) { line("%s", lang.Say(key, args...)) }
	line("%s\n", x.verdictText())
	v.explainTargets(say, line)
	v.explainControls(say, line)
	v.explainTraces(&x, say, line)
	x.below(line)
	return string(wrap([]byte(b.String()), 0, textWidth))
}

type (
	sayer func(key string, args ...any)
	liner func(format string, args ...any)
)

func (v *incidentView) explainTargets(say sayer, line liner) {
	say("explain.inc.targets")
	for i := range v.inc.Members[:min(len(v.inc.Members), textMembers)] {
		m := &v.inc.Members[i]
		if m.Sent == 0 {
			line("  %s", v.lang.Say("explain.inc.target.none", m.name()))
			continue
		}
		when := v.lang.Say("explain.inc.since", v.clock(m.Began))
		if m.Recovered != nil {
			when = v.lang.Say("explain.inc.from", v.clock(m.Began), v.clock(*m.Recovered))
		}
		line("  %s", v.lang.Say("explain.inc.target", m.name(), v.lang.counted(Stats{Lost: m.Lost, Sent: m.Sent}.Interval(), "ping"), when))
	}
	if n := v.targets() - textMembers; n > 0 {
		line("  %s", v.lang.Say("explain.inc.more", n))
	}
	line("")
}

// explainControls is of what shows by staying clean where the trouble is not.
func (v *incidentView) explainControls(say sayer, line liner) {
	if v.inc.Watched == 0 && len(v.inc.Canaries) == 0 {
		return
	}
	say("explain.inc.controls")
	switch {
	case len(v.inc.Controls) > 0:
		line("  %s", v.lang.Say("explain.inc.clean.some", v.inc.Clean, v.inc.Watched, addrList(v.inc.Controls)))
	case v.inc.Watched > 0:
		line("  %s", v.lang.Say("explain.inc.clean", v.inc.Clean, v.inc.Watched))
	}
	for i := range v.inc.Canaries[:min(len(v.inc.Canaries), textCanaries)] {
		c := &v.inc.Canaries[i]
		who := c.name()
		switch c.Kind {
		case CanaryLoopback:
			who = v.lang.Say("explain.inc.loopback", who)
		case CanaryGateway:
			who = v.lang.Say("explain.inc.gateway", who)
		default:
			who = v.lang.Say("explain.inc.anchor", who)
		}
		switch l := (Stats{Lost: c.Lost, Sent: c.Sent}).Interval(); {
		case !c.Known || l == nil:
			line("  %s", v.lang.Say("explain.inc.mute", who))
		case l.Lost == 0:
			line("  %s", v.lang.Say("explain.inc.answered", who, v.lang.count(l.Sent, "ping")))
		default:
			line("  %s", v.lang.Say("explain.inc.lost", who, v.lang.counted(l, "ping")))
		}
	}
	if n := len(v.inc.Canaries) - textCanaries; n > 0 {
		line("  %s", v.lang.Say("explain.inc.more", n))
	}
	line("")
}

// explainTraces is what each trace says, then the table of one, line by line.
func (v *incidentView) explainTraces(x *Explanation, say sayer, line liner) {
	if len(v.reports) == 0 {
		say("explain.inc.untraced")
		return
	}
	say("explain.inc.traces")
	name := func(r *Report) string { return short(look(&r.Evidence).name(), maxName) }
	for i, r := range v.reports {
		if i == textMembers {
			line("  %s", v.lang.Say("explain.inc.more", len(v.reports)-i))
			break
		}
		d := v.verdictOf(r)
		class, grade := v.lang.Say("class."+string(d.Class)), v.lang.Say("grade."+string(d.Grade))
		if d.Link == nil {
			line("  %s", v.lang.Say("explain.inc.trace", name(r), r.Evidence.ID, class, grade))
			continue
		}
		w := lookWith(&r.Evidence, Around{Lang: v.lang, bare: true})
		line("  %s", v.lang.Say("explain.inc.place", name(r), r.Evidence.ID, class, grade, w.endName(d.Link.From), w.endName(d.Link.To)))
	}
	line("")
	key, r := "explain.inc.walk", v.firstToShow(x.Verdict.Class)
	if r == nil {
		key, r = "explain.inc.walk.first", v.reports[0]
	}
	walked := Explain(r, v.lang)
	say(key, name(r), r.Evidence.ID)
	if differs(&walked.Verdict, &x.Verdict) {
		say("explain.inc.outweighs")
	}
	line("%s\n", walked.Lead)
	walked.table(r, line)
}

// firstToShow is the earliest trace that shows what an incident of a class
// is about; nil: none does.
func (v *incidentView) firstToShow(c Class) *Report {
	for _, r := range v.reports {
		d := v.verdictOf(r)
		if d.Class == c || c != Latency && c != PathChanged && d.Loss != nil && proven(d.Loss.Lost, d.Loss.Sent) {
			return r
		}
	}
	return nil
}

// differs says that a trace says another thing than the incident that it
// belongs to: another class, or another place.
func differs(trace, incident *Verdict) bool {
	if trace.Class != incident.Class {
		return true
	}
	return trace.Link != nil && incident.Link != nil && elsewhere(*trace.Link, *incident.Link)
}
