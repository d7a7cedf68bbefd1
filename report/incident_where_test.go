package report

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestWhereBothSay: the paths of targets name a place, and traces another, or
// the same.
func TestWhereBothSay(t *testing.T) {
	member := func(target string) Member {
		m := memberOf(target, beat(20*time.Second, 40*time.Second, time.Second, lossy(1, 0, 20000, 1)), after(20*time.Second))
		m.Before = pathOf(8, 0)
		return m
	}
	trace := func(n, lossAt int) *Report {
		r := tracing(t, idOf(n), "203.0.113.7", network{length: 8, lossAt: lossAt, loss: during(1, 5000, 15000)}, 30)
		if d := r.Evidence.Verdict; d.Grade != Certain || linkText(d.Link) != linkText(&Link{LinkEnd{TTL: lossAt - 1}, LinkEnd{TTL: lossAt}}) {
			t.Fatalf("the trace names %s, %s", linkText(d.Link), d.Grade)
		}
		return r
	}
	target := netip.MustParseAddr("203.0.113.7")
	for _, c := range []struct {
		name    string
		targets int
		common  Common
		reports []*Report
		link    string
		grade   Grade
		says    string
	}{
		{"one target: the trace knows better", 1, Common{From: router(7), To: target, Behind: 1, Lossy: 1, Chance: 0.995},
			[]*Report{trace(1, 4)}, "3-4", Likely, "It probably begins between hop 3 (198.18.0.13) and hop 4 (198.18.0.17)"},
		{"one target: the trace is closer", 1, Common{From: router(2), To: target, Behind: 1, Lossy: 1, Chance: 0.9999},
			[]*Report{trace(1, 4)}, "3-4", Certain, "It begins between hop 3"},
		{"one target: clean targets are closer", 1, Common{From: router(3), To: router(4), Behind: 1, Lossy: 1, Chance: 0.9999},
			[]*Report{trace(1, 4)}, "3-4", Certain, "In trouble"},
		{"one target: the trace knows nothing", 1, Common{From: router(3), To: router(4), Behind: 1, Lossy: 1, Chance: 0.9999},
			[]*Report{tracing(t, idOf(1), "203.0.113.7", network{length: 8}, 20)}, "3-4", Certain, "It begins between hop 3"},
		{"several: a trace agrees", 3, Common{From: router(3), To: router(4), Behind: 3, Lossy: 3, Chance: 0.995},
			[]*Report{trace(1, 4)}, "3-4", Certain, "It begins between hop 3"},
		{"several: a trace names the link next to it", 3, Common{From: router(3), To: router(4), Behind: 3, Lossy: 3, Chance: 0.995},
			[]*Report{trace(1, 5)}, "3-4", Certain, "It begins between hop 3"},
		{"several: a trace contradicts", 3, Common{From: router(3), To: router(4), Behind: 3, Lossy: 3, Chance: 0.995},
			[]*Report{trace(1, 7)}, "3-4", Likely, "It probably begins between hop 3 (198.18.0.13) and hop 4"},
		{"several: one of three contradicts", 3, Common{From: router(3), To: router(4), Behind: 3, Lossy: 3, Chance: 0.995},
			[]*Report{trace(1, 4), trace(2, 4), trace(3, 7)}, "3-4", Likely, "1 of the 3 traces"},
		{"several: two of three contradict", 3, Common{From: router(3), To: router(4), Behind: 3, Lossy: 3, Chance: 0.995},
			[]*Report{trace(1, 7), trace(2, 7), trace(3, 4)}, "3-7", Likely, "between hop 3 (198.18.0.13) and hop 7 (198.18.0.29)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var members []Member
			for i := range c.targets {
				members = append(members, member([]string{"203.0.113.7", "203.0.113.8", "203.0.113.9"}[i]))
			}
			inc := incidentOf(members...)
			inc.Common = &c.common
			d := JudgeIncident(inc, c.reports)
			if d.Class != RealLoss || linkText(d.Link) != c.link || d.Grade != c.grade || !strings.Contains(d.Sentence, c.says) {
				t.Errorf("got %s, %s, %s: %s; want %s, %s, %q", d.Class, linkText(d.Link), d.Grade, d.Sentence, c.link, c.grade, c.says)
			}
			if got := inc.Common.Chance; got != c.common.Chance {
				t.Errorf("the incident's own chance is %v now, was %v", got, c.common.Chance)
			}
		})
	}
}

// TestWhereTheTargetIs: a stretch that ends at the target ends where the path
// does, not behind the router that it begins at.
func TestWhereTheTargetIs(t *testing.T) {
	inc := incidentOf(memberOf("203.0.113.7", beat(20*time.Second, 40*time.Second, time.Second, lossy(0.5, 0, 20000, 1)), after(20*time.Second)))
	target := inc.Members[0].Address
	for _, c := range []struct {
		name   string
		before *Path
		trace  *Report
		from   netip.Addr
		link   string
	}{
		{"known from the path", pathOf(8, 0), nil, router(2), "2-8"},
		{"from this machine on", pathOf(8, 0), nil, netip.Addr{}, "0-8"},
		{"known from a trace", nil, tracing(t, idOf(1), "203.0.113.7", network{length: 8}, 20), router(2), "2-8"},
	} {
		inc.Members[0].Before = c.before
		inc.Common = &Common{From: c.from, To: target, Behind: 1, Lossy: 1, Chance: 0.999}
		if d := JudgeIncident(inc, []*Report{c.trace}); linkText(d.Link) != c.link {
			t.Errorf("%s: got %s (%s), want %s", c.name, linkText(d.Link), d.Sentence, c.link)
		}
	}
}

// TestLikeliestLink: where one link of a trace's stretch is the likeliest, the
// incident says so, too, and the rows of the trace.
func TestLikeliestLink(t *testing.T) {
	seen := 0
	for seed := range uint64(200) {
		r := tracing(t, idOf(int(seed)), "203.0.113.7", network{length: 8, lossAt: 4, loss: during(0.3, 3000, 8000)}, 9)
		rd := r.Evidence.Verdict
		if rd.Likeliest == nil {
			continue
		}
		seen++
		l := rd.Likeliest
		if l.To.TTL != l.From.TTL+1 || rd.Link.To.TTL-rd.Link.From.TTL < 2 || l.From.TTL < rd.Link.From.TTL || l.To.TTL > rd.Link.To.TTL || l.Chance < likelyLink || l.Chance > mostLikely {
			t.Errorf("seed %d: %+v of %s", seed, l, linkText(rd.Link))
		}
		inc := incidentOf(memberOf("203.0.113.7", beat(20*time.Second, 40*time.Second, time.Second, lossy(0.6, 0, 20000, 1)), after(20*time.Second)))
		d := JudgeIncident(inc, []*Report{r})
		const says = "Most likely it is the link between hop "
		if d.Likeliest == nil || *d.Likeliest != *l || !strings.Contains(d.Sentence, says) || !strings.Contains(rd.Sentence, says) {
			t.Errorf("seed %d: got %+v, want %+v: %s", seed, d.Likeliest, l, d.Sentence)
		}
		for _, fault := range ExplainFaults(r, nil) {
			t.Error(fault)
		}
		if zh := JudgeIncidentIn(inc, []*Report{r}, Chinese); !strings.Contains(zh.Sentence, "其中最可能的是第 ") {
			t.Errorf("in Chinese: %s", zh.Sentence)
		}
	}
	if seen < 5 {
		t.Errorf("%d of 200 traces name a likeliest link: too few to prove anything", seen)
	}
}
