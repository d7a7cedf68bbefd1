package report

import (
	"bytes"
	"encoding/json"
	"net/netip"
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
			"behind it", "this router answers few probes; harmless.", "It never answers, but what lies behind it does",
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
		begins := strings.Contains(row.Text, "The loss begins")
		if at := i+1 == x.Verdict.Link.To.TTL; begins != at {
			t.Errorf("row %d, loss at %d: %s", i+1, x.Verdict.Link.To.TTL, row.Text)
		}
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

// TestChineseIsChinese: no verdict or explanation in Chinese has an English
// word in it but those that engineers use as they are.
func TestChineseIsChinese(t *testing.T) {
	known := "ping ICMP TCP UDP TTL CPU DNS IP IPv watch anchors p ms host port hk gz"
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
		if bad := words(strings.ReplaceAll(ExplainIncidentText(s.inc, s.reports, Chinese), "R", " ")); len(bad) > 0 {
			t.Errorf("%s explained: %v", name, bad)
		}
	}
	for name, r := range samples(t) {
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
