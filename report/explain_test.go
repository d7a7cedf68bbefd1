package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// TestExplain: what a beginner reads of a table with every sort of line.
func TestExplain(t *testing.T) {
	w := network{length: 8, lossAt: 5, loss: during(1, 5000, 16000), rand: seeded(3), limits: map[int]func(float64) float64{2: always(0.6), 3: always(1)}}
	r := fold(t, w.trace(30, nil))
	for lang, want := range map[Lang][]string{
		English: {"Verdict: real loss (certain).", "Look at the last line first", "The first router: this machine's gateway. It answers all of",
			"behind it none of", "its own limit on answers; harmless.", "It never answers, but what lies behind it does",
			"The loss begins on the way here, or on the way back from here.", "The target: it loses", "This is the figure that counts.", "To settle it: the trace from the other end.", "R2  Loss that begins at a hop"},
		Chinese: {"结论：确有丢包（确定）。", "先看最后一行", "该路由器限制应答，无妨。", "它只转发、不应答", "丢包始于到这一跳的去程", "应以这个数字为准", "R2  从某一跳起"},
	} {
		text := strings.Join(strings.Fields(ExplainText(r, lang)), " ")
		for _, s := range want {
			if !strings.Contains(text, strings.Join(strings.Fields(s), " ")) {
				t.Errorf("%s: it does not say %q:\n%s", lang, s, ExplainText(r, lang))
			}
		}
	}
	x := Explain(r, English)
	if len(x.Rows) != len(Table(r)) {
		t.Fatalf("%d rows explained of %d", len(x.Rows), len(Table(r)))
	}
	for i, row := range x.Rows {
		begins := strings.Contains(row.Text, "The loss begins on the way here")
		if at := i+1 == x.Verdict.Link.To.TTL; begins != at {
			t.Errorf("row %d, loss at %d: %s", i+1, x.Verdict.Link.To.TTL, row.Text)
		}
	}
}

// ExplainFaults are the rows that say what their verdict denies, and what the
// verdict says that stands at no row; seen counts what was there to compare.
func ExplainFaults(r *Report, seen map[string]int) (faults []string) {
	x := Explain(r, English)
	d := &x.Verdict
	says := func(s string) bool { return strings.Contains(d.Sentence, s) }
	bad := func(row *ExplainedRow, why string) {
		faults = append(faults, fmt.Sprintf("%s: %s, %s, link %s: %s\n  row %d: %s", why, d.Class, d.Grade, linkText(d.Link), d.Sentence, row.TTL, row.Text))
	}
	loss := d.Class == RealLoss || d.Class == OwnNetwork
	word := map[Grade]string{Certain: "The loss begins on the way here", Likely: "The loss probably begins on the way here", Weak: "The loss may begin on the way here"}[d.Grade]
	text := ""
	for i := range x.Rows {
		row := &x.Rows[i]
		text += row.Text + "\n"
		has := func(s string) bool { return strings.Contains(row.Text, s) }
		inside := d.Link != nil && row.TTL > d.Link.From.TTL && row.TTL <= d.Link.To.TTL
		if row.TTL == 0 { // the target, at no known TTL
			inside = d.Link != nil && d.Link.To.Addr.IsValid() && d.Link.To.Addr == row.Addr
		}
		likeliest := says("Most likely it is the link between") && (row.TTL == d.Likeliest.To.TTL || row.TTL == 0) && (!row.Target || d.Likeliest.To.Addr == row.Addr)
		begins, clean := has("begins on the way here") || has("begin on the way here"), row.Target && row.Stats.Lost == 0
		switch {
		case begins && (!loss || !inside):
			bad(row, "the loss does not begin here")
		case begins && says("Most likely it is before hop 1"): // the verdict's own words stand for the grade's
			if first := row.TTL == 1; first != has("The loss most likely begins on the way here") || !first && !has("The loss may begin on the way here") {
				bad(row, "hop 1 is the most likely")
			}
		case begins && likeliest != has("The loss most likely begins on the way here"):
			bad(row, "the likeliest link")
		case begins && !likeliest && !has(word):
			bad(row, "another grade")
		case begins && has("It answers all of") && !has("too few"):
			bad(row, "the loss begins where all is answered")
		case !begins && loss && inside && says("begins between") && row.Addr.IsValid():
			bad(row, "the loss begins here")
		case loss && d.Link != nil && row.TTL > 0 && row.TTL <= d.Link.From.TTL && (has("or the line's loss") || has("behind the place")):
			bad(row, "the loss begins behind it")
		case has("figure that counts") && !loss && d.Class != RoutingLoop:
			bad(row, "these losses show nothing of the line")
		case has("Nothing is lost") && (says("there was a loss") || says("was over when the trace began")):
			bad(row, "the watchdog saw a loss")
		case d.Class == RoutingLoop && (has("own processor") || has("longer up to the end")):
			bad(row, "the times are of the loop's turns")
		case d.Class == Latency && inside && (!has("The time is lost on the way here") || has("own processor")):
			bad(row, "the time is lost here")
		case says("had no route for") && has("or the line's loss"):
			bad(row, "this machine had no route")
		case says("too little to tell why") && has("or the line's loss"), clean && has("or the line's loss"):
			bad(row, "it is harmless")
		case has("% ") && !has("95 % interval"):
			bad(row, "a bare percentage")
		}
	}
	want := func(what string, holds bool, row string) {
		if !holds {
			return
		}
		if seen != nil {
			seen[what]++
		}
		if !strings.Contains(text, row) {
			faults = append(faults, fmt.Sprintf("no row says %q: %s\n%s", row, d.Sentence, ExplainText(r, English)))
		}
	}
	want("place", loss && says("begins between"), "on the way here")
	want("wide", loss && says("begins between") && d.Link.To.TTL > d.Link.From.TTL+1, "or on another line between")
	want("likeliest", says("Most likely it is the link between"), "The loss most likely begins")
	want("first", says("Most likely it is before hop 1"), "The loss most likely begins")
	want("loop", d.Class == RoutingLoop, "packets go round")
	want("round", d.Class == RoutingLoop, "come round")
	want("stall", says("this program stood still"), "it shows nothing of the line")
	want("even pace", says("even pace"), "it shows nothing of the line")
	want("perhaps", says("would look like this") || says("UDP probes get"), "it proves no loss of the line")
	want("unreachable", says("cannot be reached"), "cannot be reached")
	want("back", says("sent packets back"), "cannot be reached")
	want("alone", says("there was a loss"), "The target: it answers all")
	want("alone", says("there was a loss"), "the watchdog's own pings lost packets meanwhile")
	want("over", says("was over when the trace began"), "was over by then")
	want("no route", says("had no route for"), "it shows nothing of the line")
	want("unclear", says("too little to tell why"), "too little to tell why")
	if fault := badlyWrapped(ExplainText(r, Chinese)); fault != "" {
		faults = append(faults, "in Chinese: "+fault)
	}
	return faults
}

// TestExplainIncident: an incident is walked, too: its targets, what was clean
// meanwhile, what each trace says, and the table of the first that shows it.
func TestExplainIncident(t *testing.T) {
	all := incidents(t)
	text := func(name string, lang Lang) string {
		s := all[name]
		return ExplainIncidentText(s.inc, s.reports, lang)
	}
	for _, c := range []struct {
		name string
		says []string
	}{
		{"loss", []string{"203.0.113.7 lost 10 of 10 pings (100 %, 95 % interval 69.1 to 100 %), from 14:05:31.6 to 14:05:41.6.", "39 of 40 watched targets answered all the while.",
			"The gateway 192.0.2.254, behind this machine's own network: it answered all of 71 pings.", "real loss (likely), between hop 3 (198.18.0.13) and hop 4 (198.18.0.17).",
			"Line by line, the first trace that shows it: 203.0.113.7 (" + idOf(1).String() + ").", "4 198.18.0.17 (lost 12 of 33, 4.2 ms) The loss probably begins on the way here",
			"The target: it loses 58 of 184 probes"}},
		{"shared", []string{"203.0.113.18 lost 5 of 14 pings", "203.0.113.8 (" + idOf(2).String() + "): real loss (likely)"}},
		{"storm", []string{"and 600 more", "No trace of it is at hand"}},
		{"latency", []string{"Targets in trouble: 198.51.100.9 lost 0 of 40 pings"}},
	} {
		got := strings.Join(strings.Fields(text(c.name, English)), " ")
		for _, s := range c.says {
			if !strings.Contains(got, s) {
				t.Errorf("%s: it does not say %q:\n%s", c.name, s, text(c.name, English))
			}
		}
	}
	for name := range all {
		for _, l := range Langs {
			got := text(name, l)
			safeText(t, got)
			if fault := badlyWrapped(got); l == Chinese && name != "hostile" && name != "long" && fault != "" {
				t.Errorf("%s: %s", name, fault)
			}
		}
	}
	// A trace that says another thing than the incident does not have the last word.
	s := all["loss"]
	inc := *s.inc
	inc.Canaries = []Canary{{Kind: CanaryLoopback, Target: "127.0.0.1", Known: true, Lost: 40, Sent: 71}}
	if got := strings.Join(strings.Fields(ExplainIncidentText(&inc, s.reports, English)), " "); !strings.Contains(got, "the verdict counts") || strings.Contains(text("loss", English), "the verdict counts") {
		t.Errorf("which of the two counts:\n%s", got)
	}
}

// TestExplainTimes: a slow processor and a step that persists are told apart.
func TestExplainTimes(t *testing.T) {
	w := network{length: 6, rand: seeded(3), rewrite: nil}
	events := w.trace(10, nil)
	for i := range events {
		e := &events[i]
		if e.US == nil {
			continue
		}
		us := *e.US
		switch {
		case e.Addr == router(2):
			us += 80000
		case e.Addr == router(4) || e.Addr == router(5) || e.Addr == testTarget:
			us += 45000
		}
		e.US = &us
	}
	x := Explain(fold(t, events), English)
	for i, want := range map[int]string{1: "its own processor, not the line", 3: "ms longer up to the end"} {
		if !strings.Contains(x.Rows[i].Text, want) {
			t.Errorf("hop %d: %s", i+1, x.Rows[i].Text)
		}
	}
	if strings.Contains(x.Rows[4].Text, "longer") {
		t.Errorf("hop 5: %s", x.Rows[4].Text)
	}
}

var ruleName = regexp.MustCompile(`\b(R\d+|[0-9A-Z]{26}|2001:db8:\S+)`) // and IDs, and addresses

// TestChineseIsChinese: no verdict or explanation in Chinese has an English
// word in it but those that engineers use as they are.
func TestChineseIsChinese(t *testing.T) {
	known := "ping ICMP TCP UDP MTR TTL CPU DNS IP IPv watch anchors p ms hk gz"
	words := func(s string) (bad []string) {
		for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) || r > unicode.MaxASCII }) {
			if len(w) > 1 && !strings.Contains(" "+known+" ", " "+w+" ") {
				bad = append(bad, w)
			}
		}
		return bad
	}
	seen := map[Class]bool{}
	check := func(name string, d Verdict) {
		seen[d.Class] = true
		if d.Sentence == "" {
			t.Errorf("%s: no sentence", name)
		}
		for _, s := range []string{d.Sentence, d.Settle} {
			if bad := words(s); len(bad) > 0 {
				t.Errorf("%s: %v in %q", name, bad, s)
			}
			if strings.Contains(s, "%!") || strings.Contains(s, "MISSING") {
				t.Errorf("%s: %q", name, s)
			}
		}
	}
	for name, s := range incidents(t) {
		if name == "hostile" || name == "long" {
			continue // their names are words
		}
		check(name, JudgeIncidentIn(s.inc, s.reports, Chinese))
		if bad := words(ruleName.ReplaceAllString(ExplainIncidentText(s.inc, s.reports, Chinese), " ")); len(bad) > 0 {
			t.Errorf("%s explained: %v", name, bad)
		}
	}
	all := samples(t)
	w := network{length: 6, mute: true, rand: seeded(1)}
	all["filters"] = fold(t, append(w.trace(20, nil), Event{E: EventOther, Protocol: "tcp", Port: 443, Kind: KindReply}))
	for name, r := range all {
		if name == "wide" || name == "unresolved" {
			continue
		}
		check(name, JudgeIn(&r.Evidence, Chinese))
		for _, row := range Explain(r, Chinese).Rows {
			if bad := words(row.Text); len(bad) > 0 {
				t.Errorf("%s: %v in %q", name, bad, row.Text)
			}
		}
	}
	if len(seen) < 6 {
		t.Errorf("only %v were seen", seen)
	}
}

// TestSameInBothLanguages: class, grade, rules, link and figures do not
// depend on the language.
func TestSameInBothLanguages(t *testing.T) {
	for name, s := range incidents(t) {
		en, zh := JudgeIncident(s.inc, s.reports), JudgeIncidentIn(s.inc, s.reports, Chinese)
		en.Sentence, en.Settle, zh.Sentence, zh.Settle = "", "", "", ""
		a, _ := json.Marshal(en)
		b, _ := json.Marshal(zh)
		if !bytes.Equal(a, b) {
			t.Errorf("%s:\n%s\n%s", name, a, b)
		}
	}
	for name, r := range samples(t) {
		en, zh := Judge(&r.Evidence), JudgeIn(&r.Evidence, Chinese)
		en.Sentence, en.Settle, zh.Sentence, zh.Settle = "", "", "", ""
		a, _ := json.Marshal(en)
		b, _ := json.Marshal(zh)
		if !bytes.Equal(a, b) {
			t.Errorf("%s:\n%s\n%s", name, a, b)
		}
	}
	r := samples(t)["lossy"]
	if got := JudgeIn(&r.Evidence, "xx"); got.Sentence != Judge(&r.Evidence).Sentence {
		t.Errorf("a language that there is not: %s", got.Sentence)
	}
}

// TestJudgeStrange: what no trace of ours would leave is judged and
// explained without a panic: nothing sent, 255 hops, all silent, fields that
// are missing.
func TestJudgeStrange(t *testing.T) {
	all := func(name string, r *Report) {
		for _, l := range Langs {
			d := JudgeIn(&r.Evidence, l)
			if d.Class == "" || d.Grade == "" || d.Sentence == "" {
				t.Errorf("%s: %+v", name, d)
			}
			if text := ExplainText(r, l); strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unicode.IsControl) {
				t.Errorf("%s: control bytes in %q", name, text)
			}
		}
		JudgeIncident(&Incident{Members: []Member{{Target: "x"}}}, []*Report{r})
	}
	all("nothing at all", &Report{})
	w := network{length: 255, rand: seeded(1), loss: during(0.5, 0, 5000), lossAt: 100, limits: map[int]func(float64) float64{}}
	for ttl := 1; ttl < 255; ttl += 2 {
		w.limits[ttl] = always(0.5)
	}
	events := w.trace(12, nil)
	for ttl := 1; ttl <= 255; ttl++ {
		events = append(events, w.probe(100000+ttl, ttl, 13000))
	}
	all("255 hops", fold(t, events))
	mute := network{length: 255, rand: seeded(1), mute: true, lossAt: 1, loss: always(1)}
	all("all silent", fold(t, mute.trace(20, nil)))

	// Each field of a report missing, one at a time.
	for _, name := range []string{"example", "lossy"} {
		r := samples(t)[name]
		r.Evidence.Usual = pathOf(6, 0)
		r.Evidence.Usual.Hops[3].TTL = 9 // a gap
		r.Evidence.Usual.Hops = r.Evidence.Usual.Hops[:4]
		r.Evidence.Watch = &Pings{From: testStart, TxMS: []int64{0}, RTTUS: []*int64{nil}, Answer: "-"}
		var whole map[string]any
		if err := json.Unmarshal(encoded(t, r), &whole); err != nil {
			t.Fatal(err)
		}
		n := 0
		lacking(t, whole, func() {
			b, err := json.Marshal(whole)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Decode(bytes.NewReader(b)); err == nil {
				n++
				all(name, got)
			}
		})
		if n < 50 {
			t.Errorf("%s: only %d of the reports with a field missing could be read", name, n)
		}
	}
	r := samples(t)["lossy"]
	r.Evidence.Schema = Schema + 1
	if _, err := Decode(bytes.NewReader(encoded(t, r))); err == nil {
		t.Error("a report of a newer schema was read")
	}
	r.Evidence.Schema = Schema
	r.Evidence.Addresses[0] = netip.Addr{}
	all("an address that is none", r)
}

// lacking calls f with each key of a value missing in turn.
func lacking(t *testing.T, v any, f func()) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			delete(v, k)
			f()
			v[k] = x
			lacking(t, x, f)
		}
	case []any:
		if len(v) > 0 {
			lacking(t, v[0], f)
		}
	}
}
