package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Explanation walks a report for a reader who has never read one: what
// counts, then each line of the table in words, then the rules that led to
// the verdict. Every text is one or more whole sentences.
type Explanation struct {
	Lang    Lang
	Verdict Verdict // in the same language
	Lead    string  // how to read the table
	Rows    []ExplainedRow
	Rules   []ExplainedRule
}

// ExplainedRow is a line of the table, with what it means.
type ExplainedRow struct {
	TableRow
	Text string
}

// ExplainedRule is a rule of the verdict in words.
type ExplainedRule struct {
	Rule string // "R3"
	Text string
}

// Explain explains a report. It is pure, and of the same figures as its
// text.
func Explain(r *Report, lang Lang) Explanation {
	v := lookWith(&r.Evidence, Around{Lang: lang})
	x := Explanation{Lang: v.lang, Verdict: v.judge(), Lead: v.lang.Say("explain.lead")}
	rows := Table(r)
	for i := range rows {
		x.Rows = append(x.Rows, ExplainedRow{rows[i], strings.Join(v.explain(rows, i, &x.Verdict), v.lang.Say("space"))})
	}
	x.Rules = ExplainRules(x.Verdict.Rules, lang)
	return x
}

// ExplainRules says what rules mean; such as nobody knows are left out.
func ExplainRules(rules []string, lang Lang) []ExplainedRule {
	var out []ExplainedRule
	for _, rule := range rules {
		if text := lang.Say("rule." + rule); text != "rule."+rule {
			out = append(out, ExplainedRule{rule, text})
		}
	}
	return out
}

// explain says what line i of the table means.
func (v *view) explain(rows []TableRow, i int, d *Verdict) []string {
	row := rows[i]
	var out []string
	say := func(key string, args ...any) { out = append(out, v.lang.Say(key, args...)) }
	if l := d.Link; l != nil && (row.TTL > 0 && row.TTL == l.To.TTL || row.TTL == 0 && l.To.Addr.IsValid() && l.To.Addr == row.Addr) {
		switch d.Class {
		case Latency:
			say("explain.slow.here")
		case RoutingLoop: // its link is two of the routers
		default:
			say("explain.here")
		}
	}
	switch {
	case row.Target:
		v.explainTarget(row, say)
		return out
	case row.Stats.Sent == 0:
		say("explain.unasked")
		return out
	case row.TTL == 1:
		say("explain.first")
	}
	switch {
	case row.Stats.Answered == 0:
		v.explainSilent(rows, i, say)
	case row.Stats.Lost == 0:
		say("explain.all", v.lang.count(row.Stats.Sent, "probe"))
	default:
		v.explainLossy(rows, i, d, say)
	}
	v.explainTimes(rows, i, say)
	switch n := len(row.Others); {
	case n > 0 && v.shift() != nil && slices.ContainsFunc(v.shift().hops, func(h hopChange) bool { return h.ttl == row.TTL }):
		say("explain.moved", v.clock(v.shift().at))
	case n > 0:
		say("explain.several", n+1)
	}
	return out
}

func (v *view) explainTarget(row TableRow, say func(string, ...any)) {
	s := row.Stats
	switch {
	case s.Sent == 0:
		say("explain.target.unasked")
	case s.Answered == 0:
		say("explain.target.silent", v.lang.count(s.Sent, "probe"))
	case s.Lost == 0:
		say("explain.target.all", v.lang.count(s.Sent, "probe"))
	case !proven(s.Lost, s.Sent):
		say("explain.target.chance", v.lang.of(s.Lost, s.Sent, "probe"))
	default:
		say("explain.target.lost", v.lang.counted(s.Interval(), "probe"))
	}
}

// explainSilent is R6.
func (v *view) explainSilent(rows []TableRow, i int, say func(string, ...any)) {
	behind := slices.ContainsFunc(rows[i+1:], func(r TableRow) bool { return r.Stats.Answered > 0 })
	switch {
	case behind:
		say("explain.silent")
		if lost, asked, ok := v.usualAt(i); ok && lost == asked {
			say("explain.usual.silent")
		}
	case i > 0 && rows[i-1].Stats.Answered == 0:
		say("explain.silent.too")
	default:
		say("explain.silent.end")
	}
}

// explainLossy is R2, R3, R4 and R15.
func (v *view) explainLossy(rows []TableRow, i int, d *Verdict, say func(string, ...any)) {
	s := rows[i].Stats
	lost := v.lang.of(s.Lost, s.Sent, "probe")
	share := percent(100 * float64(s.Lost) / float64(s.Sent))
	switch {
	case rows[i].Limited:
		ttl, best := v.leastBehind(i)
		who := v.lang.Say("name.target")
		if ttl > 0 {
			who = v.lang.Say("explain.hop", ttl)
		}
		if best.Lost == 0 {
			say("explain.limited", share, lost, who, v.lang.count(best.Sent, "probe"))
		} else {
			say("explain.limited.less", share, lost, who, percent(100*float64(best.Lost)/float64(best.Sent)))
		}
	case d.Link != nil && rows[i].TTL >= d.Link.To.TTL && v.target.Lost > 0:
		say("explain.lossy", lost)
	case s.Lost <= 2:
		say("explain.lossy.few", lost)
	default:
		say("explain.lossy.open", lost)
	}
	if l, asked, ok := v.usualAt(i); ok && l > 0 {
		if worse(s.Lost, s.Sent, l, asked) >= newsworthy {
			say("explain.usual", v.lang.of(asked-l, asked, "probe"))
		} else {
			say("explain.usual.less", v.lang.of(asked-l, asked, "probe"))
		}
	}
	for _, sh := range v.e.Shared {
		if sh.Addr == rows[i].Addr && sh.Sent > 0 {
			say("explain.shared", v.lang.of(sh.Answered, sh.Sent, "probe"))
		}
	}
}

// explainTimes is R8: a step that persists, and one that does not.
func (v *view) explainTimes(rows []TableRow, i int, say func(string, ...any)) {
	const step = 20 * time.Millisecond
	t := rows[i].Stats.RTT
	if t == nil {
		return
	}
	least := leastTime(rows[i+1:])
	before := time.Duration(0)
	for j, r := range rows[:i] {
		if b := r.Stats.RTT; b != nil && b.P50 <= leastTime(rows[j+1:])+step { // else its own processor is slow
			before = max(before, b.P50)
		}
	}
	switch {
	case least >= 0 && t.P50 > least+step:
		say("explain.slow.own", msText(t.P50), msText(least))
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

// ExplainText is an explanation as text: the verdict, each line of the table
// with what it means, what would settle it, and the rules. It holds no
// control byte but newlines.
func ExplainText(r *Report, lang Lang) string {
	x := Explain(r, lang)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s\n", x.verdictText())
	line("%s\n", x.Lead)
	for i := range x.Rows {
		row := &x.Rows[i]
		ttl, who := "?", "???"
		if row.TTL > 0 {
			ttl = fmt.Sprint(row.TTL)
		}
		if row.Addr.IsValid() {
			who = row.Addr.String()
		} else if f := r.Evidence.Foreign; f != nil && row.TTL > 0 && row.TTL <= len(f.Hops) && len(f.Hops[row.TTL-1].Hosts) > 0 {
			who = f.Hops[row.TTL-1].Hosts[0].String()
		}
		figures := x.Lang.Say("explain.figures.none")
		if s := row.Stats; s.Sent > 0 {
			figures = x.Lang.Say("explain.figures", s.Lost, s.Sent)
			if s.RTT != nil {
				figures += x.Lang.Say("comma") + msText(s.RTT.P50) + " ms"
			}
		}
		line("%3s  %s  (%s)\n       %s", ttl, who, figures, row.Text)
	}
	x.below(line)
	return string(wrap([]byte(b.String()), 0, textWidth))
}

func (x *Explanation) verdictText() string { return verdictText(&x.Verdict, x.Lang) }

func verdictText(d *Verdict, l Lang) string {
	return l.Say("explain.verdict", l.Say("class."+string(d.Class)), l.Say("grade."+string(d.Grade)), d.Sentence)
}

func (x *Explanation) below(line func(string, ...any)) {
	line("")
	if x.Verdict.Settle != "" {
		line("%s\n", x.Lang.Say("explain.settle", strings.TrimRight(x.Verdict.Settle, ". ")))
	}
	if len(x.Rules) > 0 {
		line("%s", x.Lang.Say("explain.rules"))
	}
	for _, r := range x.Rules {
		line("  %s  %s", r.Rule, r.Text)
	}
}

// ExplainIncidentText explains an incident: its verdict, what would settle
// it, and the rules.
func ExplainIncidentText(inc *Incident, reports []*Report, lang Lang) string {
	x := Explanation{Lang: lang, Verdict: JudgeIncidentIn(inc, reports, lang)}
	x.Rules = ExplainRules(x.Verdict.Rules, lang)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", x.verdictText())
	x.below(line)
	return string(wrap([]byte(b.String()), 0, textWidth))
}
