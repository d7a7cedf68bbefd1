package report

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// moved shifts when a trace ran.
func moved(r *Report, by time.Duration) {
	ended := r.Evidence.Times.Ended.Add(by)
	r.Evidence.Times.Started, r.Evidence.Times.Ended = r.Evidence.Times.Started.Add(by), &ended
}

// TestTicketReverse: a trace from the other end changes the verdict only if it
// is one of that time; else the ticket says why it does not count, and shows
// none in its place that goes elsewhere.
func TestTicketReverse(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*TicketInput)
		says  string
		shown bool // its table
		sure  bool // that a carrier would not take it
	}{
		{"it counts", func(*TicketInput) {}, "", true, false},
		{"the same report", func(in *TicketInput) { in.Reverse = in.Report }, "it goes to 203.0.113.7, not to this source (198.51.100.20)", false, true},
		{"this node's own, days before", func(in *TicketInput) {
			old := *in.Before
			old.Evidence.Target.Address = netip.MustParseAddr("192.0.2.77")
			in.Reverse = &old
			moved(in.Reverse, -11*24*time.Hour)
		}, "it goes to 192.0.2.77, not to this source", false, true},
		{"a loop on the way to another", func(in *TicketInput) {
			loop := network{length: 9, rand: seeded(6), rewrite: func(e *Event, at int, _ *rand.Rand) {
				if us := int64(at) * 900; at >= 3 {
					e.Kind, e.Addr, e.US = KindExpired, router(3+(at+e.TTL)%2), &us
				}
			}}
			in.Reverse = fold(t, loop.trace(30, func(g *Target) { g.Address = netip.MustParseAddr("192.0.2.77") }))
			if c := in.Reverse.Evidence.Verdict.Class; c != RoutingLoop {
				t.Fatalf("it shows %s", c)
			}
		}, "it goes to 192.0.2.77, not to this source", false, true},
		{"days before", func(in *TicketInput) { moved(in.Reverse, -11*24*time.Hour) }, "it ran at another time (2026-11-12", false, true},
		{"ten minutes later", func(in *TicketInput) { moved(in.Reverse, 10*time.Minute) }, "it ran at another time (2026-11-23 14:15:32", true, false},
		{"nobody knows this source", func(in *TicketInput) {
			for _, n := range []*Node{&in.Report.Evidence.Node, &in.Incident.Node} {
				n.Address = netip.Addr{}
			}
		}, "it goes to 198.51.100.20, which is not known to be this source", true, false},
	} {
		for _, withIncident := range []bool{true, false} {
			in, opts := full(t)
			opts.Profile = "cn-carrier"
			c.edit(&in)
			if !withIncident {
				in.Incident, in.Reports = nil, nil
			}
			alone := in
			alone.Reverse = nil
			x, err := NewTicket(in, opts)
			y, err2 := NewTicket(alone, opts)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			name := fmt.Sprintf("%s, incident %v", c.name, withIncident)
			if c.says == "" {
				if x.Verdict == y.Verdict || strings.Contains(x.Verdict, "not counted") || !strings.Contains(x.Text(), "HOST: gz2") || !strings.Contains(x.Chat, "both directions") {
					t.Errorf("%s: %s\n%s", name, x.Verdict, x.Text())
				}
				continue
			}
			if want := English.Say("reverse.not", c.says); !strings.Contains(x.Verdict, strings.TrimSuffix(want, ".")) {
				t.Errorf("%s: no %q in %s", name, want, x.Verdict)
			}
			if grade, _, _ := strings.Cut(y.Verdict, ")"); !strings.HasPrefix(x.Verdict, grade+")") || x.Settle != y.Settle {
				t.Errorf("%s: it makes %q of %q; settle %q of %q", name, x.Verdict, y.Verdict, x.Settle, y.Settle)
			}
			point := x.Points[2]
			if got := point.Facts[0].Value; !strings.Contains(got, c.says) {
				t.Errorf("%s: point 3 says %q", name, got)
			}
			shown := slices.ContainsFunc(point.Blocks, func(b TicketBlock) bool { return strings.HasPrefix(b.Title, "Reverse") })
			if shown != c.shown || c.sure == strings.Contains(x.Chat, "both directions") {
				t.Errorf("%s: shown %v, chat %q", name, shown, x.Chat)
			}
			in1, list := x.Hints, "hints"
			if c.sure {
				in1, list = x.Missing, "missing"
			}
			if !slices.ContainsFunc(in1, func(s string) bool { return strings.Contains(s, c.says) }) {
				t.Errorf("%s: not among what is %s: %q", name, list, in1)
			}
		}
	}
}

// TestTicketReverseText: the other end's own text is looked at for where it
// goes, when it ran, and how many packets it sent.
func TestTicketReverseText(t *testing.T) {
	b, err := os.ReadFile("testdata/foreign/mtr-r.txt")
	if err != nil {
		t.Fatal(err)
	}
	good := strings.ReplaceAll(string(b), "203.0.113.7  ", "198.51.100.20")
	for _, c := range []struct {
		name    string
		old     *strings.Replacer
		missing string // "": nothing
		hint    string
	}{
		{"as it should be", strings.NewReplacer(), "", ""},
		{"to another", strings.NewReplacer("198.51.100.20", "8.8.8.8      "), "does not count: it goes to 8.8.8.8, not to this source (198.51.100.20)", ""},
		{"three packets", strings.NewReplacer("  100 ", "    3 "), "Linode (Akamai) wants 100 packets from the other end, too: that trace has 3.", ""},
		{"another year", strings.NewReplacer("2026-11-23T14:05:33+0800", "2024-01-01T00:00:00+0000"), "does not count: it ran at another time (2024-01-01 08:00:00 to", ""},
		{"another zone", strings.NewReplacer("2026-11-23T14:05:33+0800", "2026-11-23T06:06:00+0000"), "", ""},
		{"ten minutes later", strings.NewReplacer("T14:05:33", "T14:18:00"), "", "it ran at another time (2026-11-23 14:18:00 to 14:19:40 +08:00)"},
		{"of an older mtr, clock in UTC", strings.NewReplacer("2026-11-23T14:05:33+0800", "Mon Nov 23 06:05:33 2026"), "", ""},
		{"of an older mtr, another year", strings.NewReplacer("2026-11-23T14:05:33+0800", "Mon Jan  1 06:05:33 2024"), "does not count: it ran at another time (2024-01-01", ""},
		{"no time", strings.NewReplacer("Start: 2026-11-23T14:05:33+0800\n", ""), "", "its text does not say when it ran"},
		{"names only", strings.NewReplacer("198.51.100.20", "hk1.example   "), "", "it does not say to which address it goes"},
	} {
		in, opts := full(t)
		opts.Profile = "linode"
		if in.Reverse, in.ReverseText, err = ParseReverse([]byte(c.old.Replace(good))); err != nil || in.ReverseText == nil {
			t.Fatal(c.name, err)
		}
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		missing, hints := strings.Join(x.Missing, "\n"), strings.Join(x.Hints, "\n")
		if (missing != "") != (c.missing != "") || !strings.Contains(missing, c.missing) || !strings.Contains(hints, c.hint) || c.hint == "" && strings.Contains(hints, "other end") {
			t.Errorf("%s: missing\n%s\nhints\n%s", c.name, missing, hints)
		}
		if table := strings.Contains(x.Text(), "9.4   12.9"); table == strings.Contains(missing, "does not count") {
			t.Errorf("%s: its table is there: %v, in\n%s", c.name, table, x.Text())
		}
		if c.missing == "" && c.hint == "" && strings.Contains(x.Settle, "the other end") {
			t.Errorf("%s: it is there, and is asked for: %q", c.name, x.Settle)
		}
	}
}

// TestTicketKnowsTheWayBack: an incident of a node without [node] address
// knows the trace from the other end by where its own trace left from.
func TestTicketKnowsTheWayBack(t *testing.T) {
	in, opts := full(t)
	public := in.Incident.Node.Address
	in.Incident.Node.Address, in.Incident.Node.Source = netip.Addr{}, netip.Addr{}
	in.Report.Evidence.Node.Address, in.Report.Evidence.Node.Source = netip.Addr{}, public
	x, err := NewTicket(in, opts)
	if err != nil || !strings.Contains(x.Verdict, "The trace from the other end lost") || strings.Contains(x.Settle, "the other end") {
		t.Errorf("%v: %s\n%s", err, x.Verdict, x.Settle)
	}
	if in.Incident.Node.Source.IsValid() {
		t.Error("the evidence was changed")
	}
}

// TestTicketFamily: what a target over IPv6 is traced from, and back to, is an
// address of IPv6, whatever [node] address is.
func TestTicketFamily(t *testing.T) {
	v4, v6, there := netip.MustParseAddr("198.51.100.20"), netip.MustParseAddr("2001:db8:20::9"), netip.MustParseAddr("2001:db8:7::1")
	text := func(to netip.Addr) string {
		return fmt.Sprintf("Start: 2026-11-23T14:05:33+0800\nHOST: gz2    Loss%%   Snt   Last   Avg  Best  Wrst StDev\n  1.|-- %s  0.0%%   100    0.4   0.4   0.3   0.6   0.1\n", to)
	}
	for _, c := range []struct {
		name        string
		source, to  netip.Addr // of the trace; where the other end's went
		from, there string     // source and command in the ticket
		missing     string
	}{
		{"over IPv4", v6, v4, "Source, public address: " + v6.String(), "", "does not count: it goes to 198.51.100.20 over IPv4, and the probes from here went over IPv6."},
		{"over IPv6", v6, v6, "Source, public address: " + v6.String(), "", ""},
		{"none", v6, netip.Addr{}, "Source, public address: " + v6.String(), "mtr -nrwzc 100 " + v6.String() + " > theirs.txt", "wants the trace from the other end to " + v6.String()},
		{"no address of that family", netip.Addr{}, netip.Addr{}, "Source, public address: not known", "mtr -nrwzc 100 ADDRESS > theirs.txt", "wants the trace from the other end to this source"},
	} {
		for _, withIncident := range []bool{true, false} {
			in, opts := full(t)
			opts.Profile = "linode"
			in.Reverse, in.Others, in.Before, in.After = nil, nil, nil, nil
			w := network{length: 6, lossAt: 4, loss: always(0.3), rand: seeded(1)}
			in.Report = fold(t, w.trace(60, func(g *Target) { g.Address = there }))
			in.Report.Evidence.Node = Node{Name: "hk1", Address: v4, Source: c.source}
			in.Reports = []*Report{in.Report}
			in.Incident.Members[0].Address = there
			if !withIncident {
				in.Incident, in.Reports = nil, nil
			}
			if c.to.IsValid() {
				var err error
				if in.Reverse, in.ReverseText, err = ParseReverse([]byte(text(c.to))); err != nil {
					t.Fatal(err)
				}
			}
			x, err := NewTicket(in, opts)
			if err != nil {
				t.Fatal(err)
			}
			missing := strings.Join(x.Missing, "\n")
			if !strings.Contains(x.Text(), c.from+"\n") || !strings.Contains(missing, c.missing) || c.missing == "" && missing != "" || !strings.Contains(missing, c.there) {
				t.Errorf("%s, incident %v: want %q, %q, %q; missing\n%s\n%s", c.name, withIncident, c.from, c.missing, c.there, missing, x.Text())
			}
		}
	}
}
