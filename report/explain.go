package report

import (
	"fmt"
	"strings"
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
	w := walk{view: v, rows: Table(r), d: &x.Verdict}
	if x.Verdict.Class == RoutingLoop {
		w.loop = v.loop()
	}
	if v.said("unreachable", "unreachable.self", "back", "back.self") {
		w.wall, w.wallTTL, w.turned = v.whoTurnedBack()
	}
	for i := range w.rows {
		x.Rows = append(x.Rows, ExplainedRow{w.rows[i], strings.Join(w.explain(i), v.lang.Say("space"))})
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

// ExplainText is an explanation as text: the verdict, each line of the table
// with what it means, what would settle it, and the rules. It holds no
// control byte but newlines.
func ExplainText(r *Report, lang Lang) string {
	x := Explain(r, lang)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", x.verdictText())
	if len(x.Rows) > 0 {
		line("\n%s\n", x.Lead)
		x.table(r, line)
	}
	x.below(line)
	return string(wrap([]byte(b.String()), 0, textWidth))
}

// table is each line of the table with what it means.
func (x *Explanation) table(r *Report, line func(string, ...any)) {
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
