package report

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestStoredVerdictIsNotBelieved has a report of another node whose verdict
// says what no rule of ours does, control characters included.
func TestStoredVerdictIsNotBelieved(t *testing.T) {
	r := samples(t)["lossy"]
	honest := IncidentText(incidentOf(lossyMember()), []*Report{r})
	for _, class := range []Class{RealLoss, TargetFilters, RoutingLoop, "\x1b[31m"} {
		told := *r
		told.Evidence.Verdict = Verdict{Class: class, Grade: "\x1b[1m", Rules: []string{"R5\x1b[31m"}, Link: &Link{To: LinkEnd{TTL: 1}}, Sentence: "Pay\x1b[2J", RulesVersion: RulesVersion}
		back, err := Decode(bytes.NewReader(encoded(t, &told)))
		if err != nil {
			continue // refused is as good
		}
		text := IncidentText(incidentOf(lossyMember()), []*Report{back})
		safeText(t, text)
		if diff := cmp.Diff(honest, text); diff != "" {
			t.Errorf("%q: told something else, it says something else:\n%s", class, diff)
		}
	}
}

func lossyMember() Member {
	return memberOf("203.0.113.7", beat(0, 9*time.Second, time.Second, lossy(1, 0, 5000, 1)), nil)
}

// TestReportBounds has a text, a list or a stack in a report that is longer
// than any trace makes it.
func TestReportBounds(t *testing.T) {
	long := strings.Repeat("x", maxText+1)
	for name, edit := range map[string]func(*Evidence){
		"node":      func(e *Evidence) { e.Node.Name = long },
		"place":     func(e *Evidence) { e.Node.Place = long },
		"error":     func(e *Evidence) { e.Error = long },
		"note":      func(e *Evidence) { e.Notes = []string{"", long} },
		"version":   func(e *Evidence) { e.Versions.MTRPacket = long },
		"reason":    func(e *Evidence) { e.Requests[0].Reason = long },
		"source":    func(e *Evidence) { e.Requests[0].Source = long },
		"sent as":   func(e *Evidence) { e.Requests[0].SentAs = long },
		"freshness": func(e *Evidence) { e.Requests[0].Freshness = Freshness(long) },
		"tag":       func(e *Evidence) { e.Requests[0].Tags = map[string]string{"x": long} },
		"protocol":  func(e *Evidence) { e.Others = []Other{{Protocol: long}} },
		"stacks": func(e *Evidence) {
			e.Hops[0].MPLS = slices.Repeat([]MPLS{{Labels: []Label{{}}}}, len(e.Hops[0].Answer)+1)
		},
	} {
		r := *samples(t)["example"]
		r.Evidence.Requests = slices.Clone(r.Evidence.Requests)
		r.Evidence.Hops = slices.Clone(r.Evidence.Hops)
		edit(&r.Evidence)
		if _, err := Decode(bytes.NewReader(encoded(t, &r))); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// TestRowsAreNotAsWideAsAnyName has names as long as a report may have them.
func TestRowsAreNotAsWideAsAnyName(t *testing.T) {
	r := *samples(t)["silent"]
	long := strings.Repeat("界", maxText/len("界"))
	r.Evidence.Node.Name, r.Evidence.Target.Asked, r.Evidence.Target.Address = long, long, netip.Addr{}
	names := Names{Of: map[netip.Addr]Named{}}
	for _, a := range r.Addresses() {
		names.Of[a] = Named{Name: long, Org: long}
	}
	text := string(AppendText(nil, &r, TextOptions{Names: &names}))
	table, _, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(table) {
		if n := utf8.RuneCountInString(line); n > 400 {
			t.Errorf("a row of %d characters", n)
		}
	}
}

// TestShrink takes the probes of a hop into account, a gap at a time.
func TestShrink(t *testing.T) {
	for _, c := range []struct {
		gaps []span
		tx   []float64
		want []span
	}{
		{[]span{{0, 10}, {10, 20}}, nil, []span{{0, 10}, {10, 20}}},
		{[]span{{0, 10}, {10, 20}}, []float64{0, 10, 20, 30}, []span{{0, 10}, {10, 20}}},
		{[]span{{0, 10}, {10, 20}}, []float64{2, 4, 17}, []span{{4, 10}, {10, 17}}},
		{[]span{{0, 10}, {20, 30}}, []float64{8, 9, 15, 22}, []span{{0, 8}, {22, 30}}},
		{[]span{{0, 10}}, []float64{5, 7}, []span{{0, 5}}},
	} {
		shrink(c.gaps, c.tx)
		if !slices.Equal(c.gaps, c.want) {
			t.Errorf("probes at %v: %v, want %v", c.tx, c.gaps, c.want)
		}
	}
}

// TestDeaf counts what left up to a second before a stall, or in it.
func TestDeaf(t *testing.T) {
	at := func(ms float64) *time.Time { x := time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond); return &x }
	series := func(shape string, tx ...float64) Series {
		s := drawn(shape)
		s.TxMS = tx
		return s
	}
	e := Evidence{
		Times: Times{Started: *at(0), LongLook: at(0), Ended: at(20000)},
		Ping:  series("r--rr-rr-r", 500, 1500, 2000, 6000, 6200, 8000, 8200, 8400, 12000, 12200),
		Hops:  []Hop{{TTL: 1, Series: series("EE", 4000, 9500)}},
	}
	v := look(&e)
	if got := v.stalls(); !slices.Equal(got, []span{{2000, 4000}, {6200, 8000}, {9500, 12000}, {12200, 20000}}) {
		t.Errorf("stalls %v", got)
	}
	if n := v.deaf(); n != 3 {
		t.Errorf("%d deaf, want 3: at 1500, 2000 and 12000", n)
	}
}

// TestManyStalls looks into a report of 300,000 pings, two seconds apart, with
// as many probes of a hop. One list walked in the other would take minutes.
func TestManyStalls(t *testing.T) {
	const n = 300_000
	e := Evidence{Times: Times{Started: time.Unix(0, 0), LongLook: new(time.Time)}, Hops: []Hop{{TTL: 1, Series: newSeries()}}}
	*e.Times.LongLook = e.Times.Started
	for _, s := range []*Series{&e.Ping, &e.Hops[0].Series} {
		for i := range n {
			s.TxMS = append(s.TxMS, float64(i)*2000)
		}
		s.RTTUS, s.LateUS, s.Addr = make([]*int64, n), make([]*int64, n), make([]*int, n)
	}
	e.Ping.Answer, e.Hops[0].Answer = strings.Repeat("-", n), strings.Repeat("e", n)
	v := view{e: &e, series: e.TargetSeries()}
	if got := v.deaf(); got != n-1 {
		t.Errorf("%d deaf, want %d", got, n-1)
	}
}

// TestRouteLeavesItsHop reads a line that turns out to be none of traceroute's.
func TestRouteLeavesItsHop(t *testing.T) {
	h := ForeignHop{TTL: 1, Hosts: []ForeignHost{{Name: "a", AS: 1}}}
	more := h
	if more.route("   [AS65000] (192.0.2.1) and some more words") {
		t.Error("words are read")
	}
	if h.Hosts[0] != (ForeignHost{Name: "a", AS: 1}) {
		t.Errorf("the hop is %+v", h.Hosts[0])
	}
}

// TestWorstGateway compares counts whose products are more than an int64 holds.
func TestWorstGateway(t *testing.T) {
	c := func(addr string, lost, sent int) Canary {
		return Canary{Kind: CanaryGateway, Addr: netip.MustParseAddr(addr), Known: true, Lost: lost, Sent: sent}
	}
	for _, all := range [][]Canary{
		{c("192.0.2.1", maxCounter/2, maxCounter), c("192.0.2.2", maxCounter, maxCounter)},
		{c("192.0.2.1", 1, 10), c("192.0.2.2", 2, 10), c("192.0.2.3", 19, 100)},
		{c("192.0.2.2", 3<<38, 1<<40), c("192.0.2.1", 1<<39, 1<<40)},
	} {
		v := lookAt(&Incident{Canaries: all}, nil)
		if worst, _ := v.gateway(); worst == nil || worst.Addr != netip.MustParseAddr("192.0.2.2") {
			t.Errorf("%+v: %+v", all, worst)
		}
	}
}

// TestStacks finds the label stacks of each address of a hop.
func TestStacks(t *testing.T) {
	e := Evidence{Addresses: routersAB}
	l := func(n int) []Label { return []Label{{Label: n}} }
	h := Hop{MPLS: []MPLS{{1, l(16)}, {0, l(17)}, {1, l(18)}, {9, l(19)}, {-1, l(20)}}}
	want := map[netip.Addr][][]Label{routersAB[0]: {l(17)}, routersAB[1]: {l(16), l(18)}}
	if diff := cmp.Diff(want, e.stacks(&h), byValue); diff != "" {
		t.Error(diff)
	}
}

// TestTicketsAreValidUTF8, for each profile in each language, complete and
// with nothing at hand.
func TestTicketsAreValidUTF8(t *testing.T) {
	all, opts := full(t)
	bare := TicketInput{Report: samples(t)["silent"]}
	for _, p := range Profiles() {
		for _, l := range Langs {
			for _, in := range []TicketInput{all, bare, {Incident: all.Incident}} {
				opts.Profile, opts.Lang, opts.Own = p.Key, l, Own{}
				x, err := NewTicket(in, opts)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range []string{x.Text(), x.Markdown(), x.CheckText()} {
					if !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
						t.Errorf("%s %s: not valid UTF-8:\n%q", p.Key, l, s)
					}
				}
			}
		}
	}
}
