package drill

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

func id(n byte) ulid.ULID { return ulid.ULID{15: n} }

// held is a drill that went as it should: a plan, and all that is seen at
// its end.
func held(t *testing.T) (*plan, *seen) {
	t.Helper()
	top, err := lab.Tree(targets, minHops, maxHops, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := choose(top, 100, 30)
	if err != nil {
		t.Fatal(err)
	}
	s := &seen{
		started: true, ready: true, over: true,
		loss: span{after(0), after(10000)}, other: span{after(1000), after(11000)},
		sent:   map[int]*sent{},
		onDisk: map[ulid.ULID]time.Time{id(1): after(1400), id(2): after(4000)},
		right:  map[ulid.ULID]time.Time{id(1): after(1400)},
	}
	for k, i := range p.behind {
		s.sent[i] = lostAll(100 * k)
		s.reports = append(s.reports, traced(p.target(i), report.InEvent))
	}
	s.sent[p.other] = lostAll(1500)
	s.incidents = []*report.Incident{incidentOf(id(1), p, p.behind), incidentOf(id(2), p, []int{p.other})}
	s.incidents[0].Common = &report.Common{From: p.from, To: p.to, Chance: 0.99}
	return p, s
}

func lostAll(ms int) *sent {
	return &sent{pings: slices.Repeat([]ping{{lost: true}}, 30), firstLost: after(ms + 100), trace: after(ms + 610), whole: after(ms + 640)}
}

func traced(a netip.Addr, f report.Freshness) *report.Report {
	return &report.Report{Evidence: report.Evidence{Target: report.Target{Address: a}, Requests: []report.Request{{Freshness: f}}}}
}

func incidentOf(id ulid.ULID, p *plan, of []int) *report.Incident {
	inc := &report.Incident{Schema: report.IncidentSchema, ID: id, State: report.IncidentOpen, Trigger: report.TriggerLoss, At: after(13000)}
	inc.Times = report.IncidentTimes{Began: after(100), Noticed: after(600), Opened: after(900)}
	for k, i := range of {
		ms := 100 * (k + 1)
		inc.Members = append(inc.Members, report.Member{
			Target: p.target(i).String(), Address: p.target(i), Trigger: report.TriggerLoss,
			Began: after(ms), Noticed: after(ms + 500), Opened: after(ms + 800),
			Pings: pings(after(ms-3000), "rrr----------rrr"),
		})
	}
	return inc
}

// pings is one a second.
func pings(from time.Time, answer string) report.Pings {
	p := report.Pings{From: from, Answer: answer}
	for i := range answer {
		p.TxMS, p.RTTUS = append(p.TxMS, int64(1000*i)), append(p.RTTUS, nil)
	}
	return p
}

// states are milestones by name, those that are as they should be left out.
func states(ms ...[]Milestone) map[Name]State {
	out := map[Name]State{}
	for _, m := range slices.Concat(ms...) {
		if m.State != Reached {
			out[m.Name] = m.State
		}
	}
	return out
}

func TestMilestones(t *testing.T) {
	type want map[Name]State
	for name, tt := range map[string]struct {
		change func(p *plan, s *seen)
		want   want
		says   string // a part of what is said of the first that failed
	}{
		"as it should be": {func(*plan, *seen) {}, want{}, ""},
		"place named by the verdict alone": {func(p *plan, s *seen) {
			s.incidents[0].Common = nil
			s.incidents[0].Verdict.Link = &report.Link{From: report.LinkEnd{TTL: p.ttl - 1, Addr: p.from}, To: report.LinkEnd{TTL: p.ttl, Addr: p.to}}
		}, want{}, ""},
		"place is the link before": {func(p *plan, s *seen) {
			path := p.paths[p.behind[0]]
			s.incidents[0].Common = &report.Common{From: path[p.ttl-3], To: p.from, Chance: 0.99}
		}, want{Place: Failed}, ": wrong"},
		"place is half the path": {func(p *plan, s *seen) {
			s.incidents[0].Common = &report.Common{From: p.paths[0][0], To: p.to, Chance: 0.99}
		}, want{Place: Failed}, "too many"},
		"no place": {func(_ *plan, s *seen) { s.incidents[0].Common = nil }, want{Place: Failed}, "names none"},
		"nobody noticed": {func(_ *plan, s *seen) {
			s.incidents, s.reports = s.incidents[1:], nil
		}, want{Noticed: Failed, Incident: Failed, Place: Failed, Members: Failed, Answers: Failed, Reports: Failed}, "not by the watchdog"},
		"an incident of before": {func(_ *plan, s *seen) {
			for i := range s.incidents[0].Members {
				s.incidents[0].Members[i].Began = after(-5000)
			}
		}, want{Noticed: Failed, Incident: Failed, Place: Failed, Members: Failed, Answers: Failed}, "not by the watchdog"},
		"nobody pinged": {func(p *plan, s *seen) { s.sent = map[int]*sent{}; s.incidents, s.reports = nil, nil }, want{
			LostPing: Failed, Noticed: Failed, Trace: Failed, Path: Failed, Paths: Failed, Incident: Failed, Place: Failed,
			Members: Failed, Answers: Failed, Reports: Failed, OtherIncident: Failed}, "nobody pinged"},
		"no trace of one": {func(p *plan, s *seen) {
			s.sent[p.behind[1]].trace, s.sent[p.behind[1]].whole = time.Time{}, time.Time{}
			s.reports = slices.Delete(s.reports, 1, 2)
		}, want{Paths: Failed, Reports: Failed}, "not each hop was asked"},
		"a trace that came too late": {func(p *plan, s *seen) {
			s.reports[0].Evidence.Requests[0].Freshness = report.After
		}, want{Reports: Failed}, "no trace of the loss itself"},
		"one target is missing": {func(p *plan, s *seen) {
			s.incidents[0].Members = s.incidents[0].Members[1:]
		}, want{Members: Failed}, "should be in the incident"},
		"a target that lost nothing": {func(p *plan, s *seen) {
			clean := slices.IndexFunc(p.paths, func(path []netip.Addr) bool {
				n := p.number(path[len(path)-1])
				return n != p.other && !slices.Contains(p.behind, n)
			})
			s.incidents = append(s.incidents, incidentOf(id(3), p, []int{clean}))
		}, want{Quiet: Failed}, "which lost nothing"},
		"the other one in the same incident": {func(p *plan, s *seen) {
			s.incidents[0].Members = append(s.incidents[0].Members, s.incidents[1].Members...)
			s.incidents = s.incidents[:1]
		}, want{Members: Failed, OtherIncident: Failed}, "has nothing to do with it"},
		"the other one was not found": {func(p *plan, s *seen) { s.incidents = s.incidents[:1] }, want{OtherIncident: Failed}, "lost packets too"},
		"the other one had luck": {func(p *plan, s *seen) {
			s.incidents = s.incidents[:1]
			s.sent[p.other].pings = make([]ping, 12)
		}, want{OtherIncident: NotJudged}, ""},
		"no answers since": {func(p *plan, s *seen) {
			s.incidents[0].Members[2].Pings = pings(after(-2000), "rr----------??")
		}, want{Answers: Failed}, "was not seen to answer again"},
		"too few answers since": {func(p *plan, s *seen) {
			s.incidents[0].Members[2].Pings = pings(after(-2000), "rr-----------rr?")
		}, want{Answers: Failed}, "was not seen to answer again"},
		"one of them had luck at 60 %": {func(p *plan, s *seen) {
			p.percent = 60
			i := p.behind[3]
			s.sent[i] = &sent{pings: make([]ping, 12)}
			s.incidents[0].Members = s.incidents[0].Members[:3]
			s.reports = s.reports[:3]
		}, want{}, ""},
		"cut short in the middle": {func(p *plan, s *seen) { s.loss.to, s.other = time.Time{}, span{} }, want{
			LossEnds: NotHeld, Answers: Failed, Other: NotHeld, OtherIncident: NotHeld, OtherEnds: NotHeld}, "after the end"},
		"cut short before it began": {func(p *plan, s *seen) { *s = seen{started: true, over: true} }, want{
			Ready: Failed, Loss: NotHeld, LostPing: NotHeld, Noticed: NotHeld, Trace: NotHeld, Path: NotHeld, Paths: NotHeld,
			Incident: NotHeld, Place: NotHeld, Members: NotHeld, LossEnds: NotHeld, Answers: NotHeld, Reports: NotHeld,
			Quiet: NotHeld, Other: NotHeld, OtherIncident: NotHeld, OtherEnds: NotHeld}, "get to know"},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := held(t)
			tt.change(p, s)
			loss, other := p.milestones(s)
			got := states(loss, other)
			for _, m := range slices.Concat(loss, other) {
				if got[m.Name] != tt.want[m.Name] {
					t.Errorf("%s: got %q, want %q: %s", m.Name, got[m.Name], tt.want[m.Name], m.Text)
				}
			}
			failed := slices.IndexFunc(slices.Concat(loss, other), func(m Milestone) bool { return m.State == Failed })
			if tt.says != "" && (failed < 0 || !strings.Contains(slices.Concat(loss, other)[failed].Text, tt.says)) {
				t.Errorf("the first that failed does not say %q: %v", tt.says, slices.Concat(loss, other))
			}
		})
	}
}

// TestMilestonesAsTheyCome holds that what may still come is pending, and
// never failed.
func TestMilestonesAsTheyCome(t *testing.T) {
	p, s := held(t)
	all := *s
	*s = seen{started: true, ready: true, onDisk: s.onDisk, right: s.right, loss: span{from: after(0)}}
	want := map[Name]State{}
	loss, other := p.milestones(s)
	for _, m := range slices.Concat(loss[3:], other) {
		want[m.Name] = Pending
	}
	check := func(reached ...Name) {
		t.Helper()
		for _, n := range reached {
			delete(want, n)
		}
		loss, other := p.milestones(s)
		got := states(loss, other)
		for _, m := range slices.Concat(loss, other) {
			if got[m.Name] != want[m.Name] {
				t.Errorf("%s: got %q, want %q: %s", m.Name, got[m.Name], want[m.Name], m.Text)
			}
		}
	}
	check()
	s.sent = all.sent
	s.other.from = all.other.from
	check(LostPing, Trace, Path, Paths, Other)
	s.incidents = all.incidents[:1]
	check(Noticed, Incident, Place, Members)
	s.loss = all.loss
	check(LossEnds, Answers)
	s.incidents, s.other = all.incidents, all.other
	check(OtherIncident, OtherEnds)
	s.reports, s.over = all.reports, true
	check(Reports, Quiet)
}

// TestTimes holds that moments are against the beginning of the loss.
func TestTimes(t *testing.T) {
	p, s := held(t)
	loss, other := p.milestones(s)
	want := map[Name]time.Duration{
		Loss: 0, LostPing: 100 * time.Millisecond, Noticed: 600 * time.Millisecond, Trace: 610 * time.Millisecond,
		Path: 640 * time.Millisecond, Paths: 940 * time.Millisecond, Incident: 1400 * time.Millisecond, Place: 1400 * time.Millisecond,
		Members: 1200 * time.Millisecond, LossEnds: 10 * time.Second, Answers: 10400 * time.Millisecond,
		Other: time.Second, OtherIncident: 4 * time.Second, OtherEnds: 11 * time.Second,
	}
	for _, m := range slices.Concat(loss, other) {
		at, timed := want[m.Name]
		switch {
		case timed && (m.At == nil || *m.At != at):
			t.Errorf("%s at %v, want %s", m.Name, m.At, at)
		case !timed && m.At != nil:
			t.Errorf("%s at %s, want no moment", m.Name, *m.At)
		}
	}
}

// TestResult holds that what others wrote reaches no terminal as
// it is, and that the result is JSON that reads as it was.
func TestResult(t *testing.T) {
	p, s := held(t)
	s.incidents[0].Members[0].Target = "edge\x1b[31m.example.net"
	s.incidents[0].Members = append(s.incidents[0].Members, report.Member{
		Target: "strange\x1b]0;x\a\u202e", Address: netip.MustParseAddr("203.0.113.200"), Began: after(0), Pings: pings(after(0), "---"),
	})
	d := &Drill{plan: p, seen: *s}
	r := d.result(nil)
	r.AddChecks([]Check{{"clock", CheckWarn, "not synchronised\x1b[2J", "run ntpd\nor chrony"}, {"disk", CheckFail, "full", ""}})
	text := r.Text(Places{"/var/spool/mtrq", "/var/lib/mtrq/archive"})
	if i := strings.IndexFunc(text, func(c rune) bool { return c < ' ' && c != '\n' || c == '\u202e' }); i >= 0 {
		t.Errorf("control byte in %q", text[max(0, i-20):])
	}
	for _, want := range []string{"Verdict: ", "xxxxxxxxxx", "/var/spool/mtrq/state/incidents/", "FAIL  disk", "\n                     or chrony\n",
		"drill: failed: members, answers-again, no-others (see above)\n", "drill: failed: check of disk: full\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "drill: passed") || r.Passed {
		t.Error("passed")
	}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema     int
		Passed     bool
		Failed     []string
		Loss       struct{ Targets []string }
		Milestones []struct {
			Name, State string
			AtMS        *float64 `json:"at_ms"`
		}
		Checks []struct{ What, State string }
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != 1 || got.Passed || len(got.Failed) != len(r.Failed) || len(got.Loss.Targets) != len(p.behind) || len(got.Milestones) != len(r.Milestones) || len(got.Checks) != 2 {
		t.Errorf("got %+v of\n%s", got, b.String())
	}
	i := slices.IndexFunc(r.Milestones, func(m Milestone) bool { return m.Name == Noticed })
	if m := got.Milestones[i]; m.Name != "noticed" || m.State != "ok" || m.AtMS == nil || *m.AtMS != 600 {
		t.Errorf("got %+v, want noticed at 600 ms", m)
	}
}

func TestPassed(t *testing.T) {
	p, s := held(t)
	r := (&Drill{plan: p, seen: *s}).result(nil)
	r.AddChecks([]Check{{"clock", CheckWarn, "not synchronised", "run ntpd"}})
	if text := r.Text(Places{}); !r.Passed || !strings.HasSuffix(text, "\ndrill: passed\n") {
		t.Errorf("passed %v:\n%s", r.Passed, text)
	}
}
