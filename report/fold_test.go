package report

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines makes events of an events file's lines behind a start event.
func lines(t testing.TB, text string) []Event {
	t.Helper()
	start := `{"e":"start","at":"2026-11-23T14:05:32.131002+08:00","schema":1,"node":"hk1","source":"192.0.2.1","target":{"asked":"203.0.113.7","address":"203.0.113.7","protocol":"icmp","size":64,"tos":0,"interval_ms":1000,"max_ttl":30}}` + "\n"
	var events []Event
	for line := range strings.Lines(start + text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		e, err := ParseEvent([]byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

// shape is the path as a report has it: TTL and answers of each hop, of
// the pings, and of what lies beyond.
func shape(e *Evidence) string {
	var parts []string
	for i := range e.Hops {
		parts = append(parts, e.Hops[i].Answer)
	}
	s := strings.Join(parts, "/") + " ping " + e.Ping.Answer
	for i := range e.Beyond {
		s += " beyond " + e.Beyond[i].Answer
	}
	return s
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		name        string
		text        string
		interrupted bool
		shape       string
		state       State
		ttl         int // 0: nil
		ended       Ended
	}{
		{name: "nothing yet", shape: " ping ", state: Unprobed, ended: EndedRunning},
		{name: "died before a probe", interrupted: true, shape: " ping ", state: Unprobed, ended: EndedInterrupted},
		{name: "a word replaces an earlier one", text: `
{"e":"p","n":0,"ttl":1,"ms":0}
{"e":"p","n":0,"ttl":1,"ms":0.1,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":0,"ttl":1,"ms":0.1,"deadline_ms":200,"kind":"late","us":300000,"addr":"198.18.0.1"}`,
			shape: "l ping ", state: Silent, ended: EndedRunning},
		{name: "unsent counts as nothing", text: `
{"e":"p","n":0,"ttl":1,"ms":0.1,"kind":"unsent"}
{"e":"p","n":1,"ttl":2,"ms":0.1,"kind":"expired","us":5,"addr":"198.18.0.5"}`,
			shape: "/e ping ", state: Silent, ended: EndedRunning},
		{name: "only unsent", text: `{"e":"p","n":0,"ttl":0,"ms":0.1,"kind":"unsent"}`,
			shape: " ping ", state: Unprobed, ended: EndedRunning},
		{name: "a crash: lost where the time was over, else pending", interrupted: true, text: `
{"e":"p","n":0,"ttl":0,"ms":0,"deadline_ms":500}
{"e":"p","n":1,"ttl":1,"ms":1,"deadline_ms":1000}
{"e":"p","n":2,"ttl":1,"ms":200,"deadline_ms":500,"kind":"expired","us":300000,"addr":"198.18.0.1"}
{"e":"p","n":3,"ttl":0,"ms":499}`,
			shape: "?e ping -?", state: Silent, ended: EndedInterrupted},
		{name: "an end tells that time went by", text: `
{"e":"p","n":0,"ttl":0,"ms":0,"deadline_ms":500}
{"e":"p","n":1,"ttl":0,"ms":700,"deadline_ms":500}
{"e":"end","ms":1000,"ended":"shutdown"}`,
			shape: " ping -?", state: Silent, ended: EndedShutdown},
		{name: "sorted by the time of sending", text: `
{"e":"p","n":1,"ttl":0,"ms":5,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":0,"ttl":0,"ms":1,"deadline_ms":200,"kind":"lost"}`,
			shape: " ping -r", state: Reached, ended: EndedRunning},
		{name: "beyond the target", text: `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"expired","us":5,"addr":"198.18.0.1"}
{"e":"p","n":2,"ttl":2,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":3,"ttl":3,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":4,"ttl":4,"ms":1,"deadline_ms":200,"kind":"lost"}`,
			shape: "e/r ping  beyond r beyond -", state: Reached, ttl: 2, ended: EndedRunning},
		{name: "the path became longer", text: `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"expired","us":5,"addr":"198.18.0.1"}
{"e":"p","n":2,"ttl":2,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":3,"ttl":3,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":4,"ttl":4,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":5,"ttl":2,"ms":9,"kind":"expired","us":5,"addr":"198.18.0.5"}
{"e":"p","n":6,"ttl":2,"ms":11,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":7,"ttl":0,"ms":12,"kind":"reply","us":5,"addr":"203.0.113.7"}`,
			shape: "e/re-/r ping r beyond r", state: Reached, ttl: 2, ended: EndedRunning},
		{name: "a router turns back: nothing behind it", text: `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"expired","us":5,"addr":"198.18.0.1"}
{"e":"p","n":2,"ttl":2,"ms":1,"kind":"unreachable","us":5,"addr":"198.18.0.5"}
{"e":"p","n":3,"ttl":3,"ms":1,"kind":"unreachable","us":5,"addr":"198.18.0.5"}
{"e":"p","n":4,"ttl":0,"ms":1,"kind":"unreachable","us":5,"addr":"198.18.0.5"}`,
			shape: "e/u ping u beyond u", state: Unreachable, ended: EndedRunning},
		{name: "no route", text: `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"no-route"}
{"e":"p","n":4,"ttl":0,"ms":1,"kind":"no-route"}`,
			shape: "n ping n", state: NoRoute, ended: EndedRunning},
		{name: "the target only ever answers late", text: `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"late","us":900000,"addr":"203.0.113.7"}`,
			shape: "l ping ", state: Reached, ttl: 1, ended: EndedRunning},
		{name: "another protocol answers", text: `
{"e":"p","n":1,"ttl":0,"ms":1,"deadline_ms":200,"kind":"lost"}
{"e":"other","ms":9,"protocol":"tcp","port":443,"kind":"reply"}`,
			shape: " ping -", state: Filtered, ended: EndedRunning},
		{name: "another protocol is silent", text: `
{"e":"p","n":1,"ttl":0,"ms":1,"deadline_ms":200,"kind":"lost"}
{"e":"other","ms":9,"protocol":"tcp","port":443,"kind":"lost"}`,
			shape: " ping -", state: Silent, ended: EndedRunning},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Fold(testAsked, Node{}, lines(t, c.text), Options{Interrupted: c.interrupted})
			if err != nil {
				t.Fatal(err)
			}
			e := &r.Evidence
			ttl := 0
			if e.Target.TTL != nil {
				ttl = *e.Target.TTL
			}
			if shape(e) != c.shape || e.Target.State != c.state || ttl != c.ttl || e.Ended != c.ended {
				t.Errorf("got %q, %s, TTL %d, %s; want %q, %s, TTL %d, %s", shape(e), e.Target.State, ttl, e.Ended, c.shape, c.state, c.ttl, c.ended)
			}
			if e.Node.Name != "hk1" || e.Node.Source != netip.MustParseAddr("192.0.2.1") {
				t.Errorf("got node %+v, want it from the start event", e.Node)
			}
			for i, us := range e.Ping.RTTUS {
				if (us != nil) != (e.Ping.Answer[i] == AnswerReply) {
					t.Errorf("ping %d: answer %c with rtt_us %v: only the target's own answers have one", i, e.Ping.Answer[i], us)
				}
			}
			if err := e.check(); err != nil {
				t.Error(err)
			}
			safeText(t, Text(r))
		})
	}
}

func TestFoldOdds(t *testing.T) {
	if _, err := Fold(nil, Node{}, nil, Options{}); !errors.Is(err, ErrNoRequest) {
		t.Errorf("no request: got %v", err)
	}
	// A job that was given back before a probe left starts afresh.
	events := lines(t, `
{"e":"start","at":"2026-11-23T15:00:00+08:00","node":"hk2"}
{"e":"p","n":1,"ttl":0,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"start","at":"2026-11-23T16:00:00+08:00","node":"hk3"}
{"e":"shared","ms":5,"addr":"198.18.0.1","sent":2,"answered":1}
{"e":"shared","ms":6,"addr":"198.18.0.1","sent":9,"answered":3}
{"e":"note","ms":7,"text":"clock stepped"}
{"e":"later","ms":7}`)
	r, err := Fold(testAsked, Node{}, events, Options{Garbage: 2})
	if err != nil {
		t.Fatal(err)
	}
	e := r.Evidence
	if got := e.Times.Started.Format(time.TimeOnly); got != "15:00:00" {
		t.Errorf("started %s", got)
	}
	if diff := cmp.Diff([]Shared{{netip.MustParseAddr("198.18.0.1"), 9, 3}}, e.Shared, byValue); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"clock stepped", "lines of the events file that could not be read: 2"}, e.Notes); diff != "" {
		t.Error(diff)
	}
}

// TestBuilder calls Report between any two events: it must neither
// depend on how often it was called nor change what it gave before.
func TestBuilder(t *testing.T) {
	w := network{length: 6, lossAt: 3, loss: during(0.5, 2000, 6000), rand: seeded(5)}
	events := w.trace(8, nil)
	b := Builder{Requests: testAsked, Node: Node{Name: "hk1", Place: "Hong Kong"}, Options: Options{Versions: Versions{MTRQ: "0.1.0", MTRPacket: "0.95"}}}
	var middle *Report
	before := ""
	for i, e := range events {
		b.Add(e)
		r, err := b.Report()
		if err != nil {
			t.Fatal(err)
		}
		if i == len(events)/2 {
			middle, before = r, Text(r)
		}
	}
	r, err := b.Report()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fold(t, events), r, byValue); diff != "" {
		t.Errorf("one by one and all at once differ:\n%s", diff)
	}
	if after := Text(middle); after != before {
		t.Errorf("a report changed after it was given:\n%s", cmp.Diff(before, after))
	}
	if !strings.Contains(before, "Running: ") {
		t.Errorf("not marked as running:\n%s", before)
	}
}

// TestTargetSamples: what counts as a probe to the target.
func TestTargetSamples(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"pings and the probes at its TTL, in order", `
{"e":"p","n":1,"ttl":0,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":2,"ttl":1,"ms":2,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":3,"ttl":0,"ms":3,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":4,"ttl":1,"ms":4,"kind":"reply","us":5,"addr":"203.0.113.7"}`, "r-rr"},
		{"not those beyond it", `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":2,"ttl":2,"ms":2,"deadline_ms":200,"kind":"lost"}`, "r"},
		{"a router's word is none of the target", `
{"e":"p","n":1,"ttl":0,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":2,"ttl":0,"ms":2,"kind":"unreachable","us":5,"addr":"198.18.0.1"}
{"e":"p","n":3,"ttl":0,"ms":3,"kind":"expired","us":5,"addr":"198.18.0.1"}
{"e":"p","n":4,"ttl":0,"ms":4,"kind":"late","us":900000,"addr":"203.0.113.7"}`, "r--l"},
		{"with two lengths only the pings", `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"reply","us":5,"addr":"203.0.113.7"}
{"e":"p","n":2,"ttl":1,"ms":2,"kind":"expired","us":5,"addr":"198.18.0.1"}
{"e":"p","n":3,"ttl":1,"ms":3,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":4,"ttl":0,"ms":4,"kind":"reply","us":5,"addr":"203.0.113.7"}`, "r"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fold(t, lines(t, c.text))
			s := r.Evidence.TargetSeries()
			if s.Answer != c.want {
				t.Errorf("got %q, want %q", s.Answer, c.want)
			}
			for i := range len(s.Answer) {
				if (s.RTTUS[i] != nil) != (s.Answer[i] == AnswerReply) {
					t.Errorf("probe %d: answer %c with rtt %v", i, s.Answer[i], s.RTTUS[i])
				}
			}
		})
	}
}
