package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// TestJoin folds a trace that two more requests joined: each is named, the
// second with what it asked for, and each begins with the first probe that left after it was
// accepted.
func TestJoin(t *testing.T) {
	events := lines(t, `
{"e":"p","n":0,"ttl":0,"ms":1,"kind":"reply","us":9000,"addr":"203.0.113.7"}
{"e":"join","id":"01KAR1ABZE6M8QAEVZC39SKXQ7","ms":5000,"request":{"id":"01KAR1ABZE6M8QAEVZC39SKXQ7","accepted":"2026-11-23T14:05:37.131002+08:00","source":"http","by":"192.0.2.10","asked":"edge.example.net","freshness":""}}
{"e":"p","n":1,"ttl":0,"ms":5040,"kind":"reply","us":9000,"addr":"203.0.113.7"}
{"e":"join","id":"01KAR1AC0M6M8QAEVZC39SKXQ7","ms":9000,"request":{"id":"01KAR1AC0M6M8QAEVZC39SKXQ7","accepted":"2026-11-23T14:05:41.131002+08:00","source":"cli","asked":"203.0.113.7","freshness":""}}
{"e":"join","id":"01KAR1AC0M6M8QAEVZC39SKXQ7","ms":9000,"request":{"id":"01KAR1AC0M6M8QAEVZC39SKXQ7","accepted":"2026-11-23T14:05:41.131002+08:00","source":"cli","asked":"203.0.113.7","freshness":""}}
`)
	var written []byte
	for _, e := range events {
		written = AppendEvent(written, e)
	}
	if !strings.Contains(string(written), "\n"+`{"e":"join","id":"01KAR1ABZE6M8QAEVZC39SKXQ7",`) {
		t.Errorf("the ID does not come first, where recovery looks for it:\n%s", written)
	}
	b := Builder{Requests: []Request{{ID: ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ"), Accepted: events[0].At, Source: "cli"}}}
	if garbage, err := ReadEvents(strings.NewReader(string(written)), b.Add); garbage != 0 || err != nil {
		t.Fatalf("read again: %d lines of garbage, %v", garbage, err)
	}
	r, err := b.Report()
	if err != nil {
		t.Fatal(err)
	}
	type asked struct {
		Source, Asked string
		Waited        float64 // -1: no probe
	}
	var got []asked
	for _, q := range r.Evidence.Requests {
		a := asked{q.Source, q.Asked, -1}
		if q.AskedToFirstProbe != nil {
			a.Waited = *q.AskedToFirstProbe
		}
		got = append(got, a)
	}
	if diff := cmp.Diff([]asked{{"cli", "", 1}, {"http", "edge.example.net", 40}, {"cli", "", -1}}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if text := Text(r); !strings.Contains(text, "by http (192.0.2.10) for edge.example.net,") {
		t.Errorf("the text does not say what was asked for:\n%s", text)
	}
	for _, line := range []string{
		`{"e":"join","id":"x","ms":1}`,
		`{"e":"join","ms":1,"request":{"id":"00000000000000000000000000","accepted":"2026-11-23T14:05:37+08:00"}}`,
		`{"e":"join","ms":1,"request":{"id":"01KAR1AC0M6M8QAEVZC39SKXQ7","accepted":"0001-11-23T14:05:37+08:00"}}`,
		`{"e":"join","ms":1,"request":{"id":"01KAR1AC0M6M8QAEVZC39SKXQ7","accepted":"2026-11-23T14:05:37+08:00","reason":"` + strings.Repeat("x", maxText+1) + `"}}`,
	} {
		if e, err := ParseEvent([]byte(line)); err == nil {
			t.Errorf("%.80s: read as %+v", line, e)
		}
	}
}
