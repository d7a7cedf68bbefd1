package report

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// full is the evidence that nobody has more of: a lossy ICMP trace of 300
// packets and its incident, the trace from the other end, a TCP trace, and
// traces before and after.
func full(t testing.TB) (TicketInput, TicketOptions) {
	t.Helper()
	node := Node{Name: "hk1", Place: "Hong Kong, TKO", Address: netip.MustParseAddr("198.51.100.20"), Source: netip.MustParseAddr("10.20.0.9")}
	trace := func(seed uint64, seconds int, loss float64, n Node, edit func(*Target)) *Report {
		w := network{length: 6, lossAt: 4, loss: always(loss), rand: seeded(seed)}
		r, err := Fold(testAsked, n, w.trace(seconds, edit), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	in := TicketInput{
		Report:   trace(1, 60, 0.3, node, nil),
		Incident: documented(),
		Reverse: trace(2, 60, 0.3, Node{Name: "gz2", Address: netip.MustParseAddr("203.0.113.7")}, func(t *Target) {
			t.Asked, t.Address = "198.51.100.20", netip.MustParseAddr("198.51.100.20")
		}),
		Others: []*Report{trace(3, 60, 0.3, node, func(t *Target) { t.Protocol, t.Port = "tcp", 443 })},
		Before: trace(4, 20, 0, node, nil), After: trace(5, 20, 0, node, nil),
	}
	in.Incident.Node = node
	in.Reports = []*Report{in.Report}
	opts := TicketOptions{
		Own: Own{Circuit: "GZ-2231", Customer: "C-77", Contact: "noc@example.net, +852 5550 0100"},
		Names: Names{Of: map[netip.Addr]Named{
			netip.MustParseAddr("203.0.113.7"):   {Name: "edge.example.net", AS: 64501, Org: "Example Edge"},
			netip.MustParseAddr("198.51.100.20"): {AS: 64500, Org: "Example Net"},
			netip.MustParseAddr("198.18.0.5"):    {Name: "core1.example.net", AS: 64500},
			netip.MustParseAddr("198.18.0.1"):    {Name: "gw-inner.example.net"},
		}},
	}
	return in, opts
}

// TestTicketPasses: with all of the evidence each profile's check passes, in
// both languages, and the ten points are there.
func TestTicketPasses(t *testing.T) {
	in, opts := full(t)
	for _, p := range Profiles() {
		for _, l := range Langs {
			opts.Profile, opts.Lang = p.Key, l
			x, err := NewTicket(in, opts)
			if err != nil {
				t.Fatal(err)
			}
			if len(x.Missing) > 0 || len(x.Points) != 10 {
				t.Errorf("%s %s: %d points, missing %q", p.Key, l, len(x.Points), x.Missing)
			}
			text := x.Text()
			for _, want := range []string{"198.51.100.20", "203.0.113.7", "GZ-2231", "noc@example.net", "AS64501", "AS64500", "2026-11-23 14:05:33.1 +08:00", "06:05:33.1 UTC"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s %s: no %q in\n%s", p.Key, l, want, text)
				}
			}
			if p.Beijing && !strings.Contains(text, l.Say("ticket.beijing", "2026-11-23 14:05:33.1")) {
				t.Errorf("%s %s: no Beijing time", p.Key, l)
			}
			if p.Chat != (x.Chat != "") {
				t.Errorf("%s %s: chat text %q", p.Key, l, x.Chat)
			}
		}
	}
}

// TestTicketCheck takes one thing away at a time.
func TestTicketCheck(t *testing.T) {
	for _, c := range []struct {
		name, profile, want string
		edit                func(*TicketInput, *TicketOptions)
	}{
		{"too few packets", "hetzner", "Hetzner wants 200 packets to the destination: this trace has", func(in *TicketInput, _ *TicketOptions) { in.Report = in.After }},
		{"one direction", "linode", "wants the trace from the other end to 198.51.100.20", func(in *TicketInput, _ *TicketOptions) { in.Reverse = nil }},
		{"another direction", "linode", "does not count: it goes to 203.0.113.7, not to this source (198.51.100.20)", func(in *TicketInput, _ *TicketOptions) { in.Reverse = in.Before }},
		{"another time", "linode", "does not count: it ran at another time (2026-11-22 14:05:32 to", func(in *TicketInput, _ *TicketOptions) { moved(in.Reverse, -24*time.Hour) }},
		{"from elsewhere", "linode", "does not count: it was made at 192.0.2.9, not at the destination (", func(in *TicketInput, _ *TicketOptions) {
			in.Reverse.Evidence.Node.Address = netip.MustParseAddr("192.0.2.9")
		}},
		{"few packets from there", "hetzner", "Hetzner wants 200 packets from the other end, too: that trace has 124. There: mtr -nrwzc 200 198.51.100.20", func(in *TicketInput, _ *TicketOptions) {
			short := *in.Reverse
			short.Evidence.Ping, short.Evidence.Hops = in.Before.Evidence.Ping, in.Before.Evidence.Hops
			in.Reverse = &short
		}},
		{"TCP probes are no pings", "alibaba", "wants 100 pings of the same time: there are 0", func(in *TicketInput, _ *TicketOptions) {
			in.Report, in.Incident, in.Reports, in.Others = in.Others[0], nil, nil, nil
		}},
		{"no TCP trace", "aws", "mtrq enqueue --protocol tcp --port 443 --rounds 200 --interval 200ms 203.0.113.7", func(in *TicketInput, _ *TicketOptions) { in.Others = nil }},
		{"a first look over TCP", "aws", "AWS wants 200 packets of the TCP trace, too: that one has 124. While it lasts: mtrq enqueue --protocol tcp", func(in *TicketInput, _ *TicketOptions) {
			short := *in.Others[0]
			short.Evidence.Ping, short.Evidence.Hops = in.Before.Evidence.Ping, in.Before.Evidence.Hops
			in.Others[0] = &short
		}},
		{"a first look over ICMP", "aws", "AWS wants 200 packets of the ICMP trace, too: that one has 124. While it lasts: mtrq enqueue --protocol icmp", func(in *TicketInput, _ *TicketOptions) {
			in.Report, in.Others = in.Others[0], []*Report{in.Before}
		}},
		{"no ICMP trace", "aws", "AWS wants an ICMP trace", func(in *TicketInput, _ *TicketOptions) { in.Report = in.Others[0] }},
		{"no circuit", "cn-carrier", "wants the circuit number", func(in *TicketInput, o *TicketOptions) {
			o.Own.Circuit = ""
			in.Incident.Members[0].Tags = nil
			in.Report.Evidence.Requests[0].Tags = nil
		}},
		{"no public address", "tencent", "the public address of the source", func(in *TicketInput, _ *TicketOptions) {
			in.Incident.Node.Address, in.Report.Evidence.Node.Address = netip.Addr{}, netip.Addr{}
		}},
		{"few pings", "alibaba", "wants 100 pings of the same time: there are 3", func(in *TicketInput, _ *TicketOptions) {
			in.Incident.Members[0].Sent, in.Incident.Members[0].Lost, in.Incident.Members[0].Dense = 3, 3, nil
		}},
		{"no customer", "cn-carrier", "A Chinese carrier wants the customer's name", func(in *TicketInput, o *TicketOptions) {
			o.Own.Customer = ""
			in.Incident.Members[0].Tags = nil
		}},
		{"no contact", "cn-carrier", "A Chinese carrier wants a name and a telephone number", func(_ *TicketInput, o *TicketOptions) { o.Own.Contact = "" }},
		{"an unspecified source", "aws", "AWS wants the source's own address as well: it was not recorded", func(in *TicketInput, _ *TicketOptions) {
			in.Incident.Node.Source, in.Report.Evidence.Node.Source = netip.IPv4Unspecified(), netip.IPv4Unspecified()
		}},
		{"no fault", "generic", "a carrier will close the ticket", func(in *TicketInput, _ *TicketOptions) {
			in.Report, in.Incident, in.Reports = in.After, nil, nil
		}},
		{"no trace", "generic", "the incident has none", func(in *TicketInput, _ *TicketOptions) { in.Report, in.Reports = nil, nil }},
	} {
		in, opts := full(t)
		c.edit(&in, &opts)
		opts.Profile = c.profile
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(x.Missing, "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q, missing is\n%s", c.name, c.want, got)
		}
		if s := x.CheckText(); !strings.Contains(s, "Missing before it is sent") || !strings.Contains(s, c.want) {
			t.Errorf("%s: the check says\n%s", c.name, s)
		}
	}
	in, _ := full(t)
	if _, err := NewTicket(in, TicketOptions{Profile: "nobody"}); !errors.Is(err, ErrProfile) {
		t.Errorf("profile nobody: %v", err)
	}
	if _, err := NewTicket(TicketInput{}, TicketOptions{}); !errors.Is(err, ErrNothing) {
		t.Errorf("no evidence: %v", err)
	}
}

// TestTicketOfWatchdog: a trace of the watchdog whose incident is not at hand
// says where that is, in place of advice that has been taken.
func TestTicketOfWatchdog(t *testing.T) {
	const id = "01KAR1ACT0W4M6E8G2N7P3QRSZ"
	advice := []string{"need.clock", "need.control", "need.before", "need.after"}
	for _, l := range Langs {
		for _, c := range []struct {
			name, source, event string
			there, named        bool
		}{
			{"its incident", "watchdog", id, false, true},
			{"at hand", "watchdog", id, true, false},
			{"none", "watchdog", "", false, false},
			{"no incident of ours", "zabbix", id, false, false},
			{"no ID", "watchdog", "481516", false, false},
		} {
			in, opts := full(t)
			opts.Lang = l
			in.Before, in.After = nil, nil
			in.Report.Evidence.Clock = nil
			in.Report.Evidence.Requests = slices.Clone(in.Report.Evidence.Requests)
			q := &in.Report.Evidence.Requests[0]
			q.Source, q.Event = c.source, c.event
			if !c.there {
				in.Incident, in.Reports = nil, nil
			}
			x, err := NewTicket(in, opts)
			if err != nil {
				t.Fatal(err)
			}
			hints := strings.Join(x.Hints, "\n")
			if got := strings.Contains(hints, "mtrq show "+id+" --format ticket"); got != c.named {
				t.Errorf("%s %s: the incident is named: %v, want %v:\n%s", l, c.name, got, c.named, hints)
			}
			for _, key := range advice {
				s, _, _ := strings.Cut(l.Say(key), "%")
				if got := strings.Contains(hints, s); got && (c.named || c.there) || !got && !c.named && !c.there {
					t.Errorf("%s %s: %s is said: %v", l, c.name, key, got)
				}
			}
			if text := x.Text(); c.named && (!strings.Contains(text, id) || strings.Contains(text, l.Say("ticket.affected.one"))) {
				t.Errorf("%s %s: the text does not name the incident:\n%s", l, c.name, text)
			}
		}
	}
}

// TestTicketOfTCP: probes of a TCP trace are no pings, and the trace is the
// one of another protocol that a carrier wants.
func TestTicketOfTCP(t *testing.T) {
	in, opts := full(t)
	icmp := in.Report
	in.Report, in.Incident, in.Reports, in.Others = in.Others[0], nil, nil, nil
	for _, c := range []struct {
		others      []*Report
		lost, other string
	}{
		{nil, "Lost: none at hand", "TCP or UDP trace: the one of point 3 ICMP trace: none at hand"},
		{[]*Report{icmp}, "Lost: 77 of 303 pings", "TCP or UDP trace: the one of point 3"},
	} {
		in.Others = c.others
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(x.Text()), " ")
		for _, want := range []string{"4. Ping of the same time " + c.lost, c.other} {
			if !strings.Contains(text, want) {
				t.Errorf("%d others: no %q in\n%s", len(c.others), want, x.Text())
			}
		}
		if strings.Contains(text, "ICMP trace: none") == (len(c.others) > 0) {
			t.Errorf("the ICMP trace is at hand:\n%s", x.Text())
		}
	}
}

// TestTicketTimes: the round-trip times are those of the answers that are
// counted: none where all pings were lost, and none from after recovery.
func TestTicketTimes(t *testing.T) {
	const label = "Round trip, best / mean / worst: "
	for _, c := range []struct {
		name string
		edit func(*Member)
		want string // "": no row
	}{
		{"all lost, clean after recovery", func(*Member) {}, ""},
		{"dense ones from after recovery", func(m *Member) {
			us := ptr[int64](9100)
			m.Dense = &Pings{From: *m.Recovered, TxMS: []int64{0, 200, 400}, RTTUS: []*int64{us, us, us}, Answer: "rrr"}
		}, ""},
		{"slow, and quick after recovery", func(m *Member) {
			m.Lost, m.Pings.Answer = 0, strings.Repeat("r", len(m.Pings.Answer))
			m.Pings.RTTUS = slices.Clone(m.Pings.RTTUS)
			for i := range m.Pings.RTTUS {
				if at := m.Pings.at(i); !at.Before(m.Began) && at.Before(*m.Recovered) {
					m.Pings.RTTUS[i] = ptr[int64](256900)
				}
			}
		}, "256.9 / 256.9 / 256.9 ms"},
	} {
		in, opts := full(t)
		m := &in.Incident.Members[0]
		c.edit(m)
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		if text := x.Text(); strings.Contains(text, label) != (c.want != "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, text)
		}
	}
}

// TestTicketBaseline: nothing is called not at hand that stands below.
func TestTicketBaseline(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after bool
		want, not     []string
	}{
		{"both", true, true, []string{"Trace before: ", "Trace after: "}, []string{"Before: ", "After recovery: "}},
		{"before alone", true, false, []string{"Trace before: ", "After recovery: none at hand"}, []string{"Before: "}},
		{"neither", false, false, []string{"Before: none at hand", "After recovery: none at hand"}, []string{"Trace "}},
	} {
		in, opts := full(t)
		in.Incident, in.Reports, in.Reverse = nil, nil, nil
		if !c.before {
			in.Before = nil
		}
		if !c.after {
			in.After = nil
		}
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		_, point, _ := strings.Cut(x.Text(), "\n5. Before and after\n")
		point, _, _ = strings.Cut(point, "\n6. ")
		for _, s := range c.want {
			if !strings.Contains(point, s) {
				t.Errorf("%s: no %q in\n%s", c.name, s, point)
			}
		}
		for _, s := range c.not {
			if strings.Contains(point, s) {
				t.Errorf("%s: %q in\n%s", c.name, s, point)
			}
		}
	}
}

// TestTicketNoTrace: what is not at hand is a value, also where a trace was
// asked for and nothing was sent.
func TestTicketNoTrace(t *testing.T) {
	unsent := samples(t)["unresolved"]
	for _, r := range []*Report{nil, unsent} {
		in, opts := full(t)
		in.Report, in.Reports = r, nil
		for l, want := range map[Lang]string{English: "Forward: none at hand", Chinese: "去程：暂无"} {
			opts.Lang = l
			x, err := NewTicket(in, opts)
			if err != nil || !strings.Contains(x.Text(), want+"\n") {
				t.Errorf("%v: no %q in\n%s", err, want, x.Text())
			}
		}
	}
}

// TestTicketScope is of the clock, the nodes that saw it and the targets that
// were clean.
func TestTicketScope(t *testing.T) {
	clock := func(r *Report, c *HostClock) *Report {
		out := *r
		out.Evidence.Clock = c
		return &out
	}
	for _, c := range []struct {
		name string
		edit func(*TicketInput)
		want string
		not  string
		hint bool // a known clock is wished for
	}{
		{"an incident and the other end", func(*TicketInput) {}, "Nodes that saw it: 2 of 2 known Control: 38 targets answered all the while, such as 198.51.100.77, 203.0.113.9, 203.0.113.78", "", false},
		{"nobody else looked", func(in *TicketInput) { in.Reverse = nil }, "Nodes that saw it: 1 of 1 known", "", false},
		{"a reverse that does not count", func(in *TicketInput) { moved(in.Reverse, time.Hour) }, "Nodes that saw it: 1 of 1 known", "", false},
		{"the other end saw none", func(in *TicketInput) {
			in.Reverse.Evidence.Ping, in.Reverse.Evidence.Hops = in.Before.Evidence.Ping, in.Before.Evidence.Hops
		}, "Nodes that saw it: 1 of 2 known", "", false},
		{"a report alone", func(in *TicketInput) { in.Incident, in.Reports, in.Reverse = nil, nil, nil },
			"Clock of the source: not recorded", "", true},
		{"a report alone", func(in *TicketInput) { in.Incident, in.Reports, in.Reverse = nil, nil, nil }, "Nodes that saw it: 1 of 1 known", "", true},
		{"a report that knows its clock", func(in *TicketInput) {
			in.Report = clock(in.Report, &HostClock{Synced: true, OffsetUS: ptr[int64](-84), ErrorUS: ptr[int64](12500)})
			in.Incident, in.Reports = nil, nil
		}, "Clock of the source: synchronised, last adjusted by -0.1 ms", "", false},
		{"a clock that nobody keeps", func(in *TicketInput) {
			in.Report = clock(in.Report, &HostClock{ErrorUS: ptr[int64](16000000)})
			in.Incident, in.Reports = nil, nil
		}, "Clock of the source: not synchronised", "", true},
		{"an incident whose kernel did not say", func(in *TicketInput) { in.Incident.Host.Opened.Clock = HostClock{} }, "Clock of the source: not recorded", "", true},
	} {
		in, opts := full(t)
		c.edit(&in)
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(strings.Fields(x.Text()), " "); !strings.Contains(text, c.want) {
			t.Errorf("%s: no %q in\n%s", c.name, c.want, x.Text())
		}
		if got := strings.Contains(x.CheckText(), English.Say("need.clock")); got != c.hint {
			t.Errorf("%s: a clock is wished for: %v", c.name, got)
		}
	}
}

// TestTicketGolden holds the words as a carrier reads them.
func TestTicketGolden(t *testing.T) {
	in, opts := full(t)
	for _, c := range []struct{ file, profile string }{{"ticket-generic-en.txt", "generic"}, {"ticket-cn-carrier-zh.txt", "cn-carrier"}, {"ticket-aws-en.md", "aws"}} {
		opts.Profile, opts.Lang = c.profile, English
		if strings.Contains(c.file, "-zh.") {
			opts.Lang = Chinese
		}
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		got := x.Text()
		if strings.HasSuffix(c.file, ".md") {
			got = x.Markdown()
		}
		path := filepath.Join("testdata", c.file)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || got != string(want) {
			t.Errorf("%s differs (%v): -update writes it anew\n%s", path, err, got)
		}
	}
}

func forms(t testing.TB, x *Ticket) map[string]string {
	t.Helper()
	html, err := x.HTML()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"text": x.Text(), "markdown": x.Markdown(), "html": html}
}

// TestTicketOfUTC: a time whose zone is UTC stands there once.
func TestTicketOfUTC(t *testing.T) {
	in, opts := full(t)
	in.Incident.Times.Began = in.Incident.Times.Began.UTC()
	x, err := NewTicket(in, opts)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"2026-11-23 06:05:33.1 UTC", "2026-11-23 06:08:43.1 UTC"} {
		if got := x.Points[0].Facts[i].Value; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if s := x.Text(); !strings.Contains(s, "times in UTC") || strings.Contains(s, "+08:00\n14:") {
		t.Errorf("no zone of the strip in\n%s", s)
	}
}

// TestTicketPingsBeside: pings of an incident through sockets of their own
// count, too, and say when they were sent.
func TestTicketPingsBeside(t *testing.T) {
	in, opts := full(t)
	m := &in.Incident.Members[0]
	m.Sent, m.Lost = 10, 7
	m.Dense = &Pings{From: m.Began, Answer: strings.Repeat("-r", 60)}
	for i := range len(m.Dense.Answer) {
		m.Dense.TxMS, m.Dense.RTTUS = append(m.Dense.TxMS, int64(200*i)), append(m.Dense.RTTUS, nil)
	}
	opts.Profile = "alibaba"
	x, err := NewTicket(in, opts)
	if err != nil || len(x.Missing) > 0 {
		t.Errorf("%v, missing %q", err, x.Missing)
	}
	want := "Several a second: 14:05:33 to 14:05:56 +08:00, through sockets of their own: 60 of 120 pings (50 %"
	if s := strings.Join(strings.Fields(x.Text()), " "); !strings.Contains(s, want) {
		t.Errorf("no %q in\n%s", want, x.Text())
	}
}

// TestTicketHostile: what strangers wrote means nothing in any form, of every
// sample that there is.
func TestTicketHostile(t *testing.T) {
	evil := "<script>alert(1)</script> [x](http://evil.example) `a` \x1b[31m\n# head | @all \u202e"
	for name, r := range samples(t) {
		in := TicketInput{Report: r, Incident: documented()}
		in.Incident.Node.Name, in.Incident.Members[0].Target, in.Incident.Versions.MTRQ = evil, evil, evil
		opts := TicketOptions{Own: Own{Circuit: evil, Contact: evil}, Names: Names{Of: map[netip.Addr]Named{r.Evidence.Target.Address: {Name: evil, AS: 1, Org: evil}},
			Missing: []NamesLack{{LackRead, evil}, {LackDNS, ""}, {LackDatabase, ""}, {LackNoDNS, ""}}}}
		for _, p := range Profiles() {
			for _, withIncident := range []bool{true, false} {
				if !withIncident {
					in.Incident = nil
				}
				opts.Profile, opts.Redact = p.Key, !opts.Redact
				x, err := NewTicket(in, opts)
				if err != nil {
					t.Fatal(err)
				}
				for form, s := range forms(t, x) {
					switch {
					case strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || r == '\u202e') }):
						t.Fatalf("%s %s: a control character in %q", name, form, s)
					case form == "html" && (strings.Contains(s, "<script") || strings.Contains(s, "src=") || strings.Contains(s, "href=")):
						t.Fatalf("%s: the page would run or load something:\n%s", name, s)
					case form == "markdown" && regexp.MustCompile(`(^|[^\\])(<script|\[x\]|@all)`).MatchString(outsideFences(s)):
						t.Fatalf("%s: markup in\n%s", name, s)
					}
				}
			}
		}
	}
}

// outsideFences is a Markdown text without its fenced blocks.
func outsideFences(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "\n```") {
		if i%2 == 0 {
			b.WriteString(part)
		}
	}
	return b.String()
}

// TestTicketOfSamples: a ticket of any report says what is missing, and a
// false zero nowhere.
func TestTicketOfSamples(t *testing.T) {
	for name, r := range samples(t) {
		x, err := NewTicket(TicketInput{Report: r}, TicketOptions{Profile: "aws"})
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Missing) == 0 {
			t.Errorf("%s: nothing is missing", name)
		}
		for _, l := range Langs {
			for _, p := range Profiles() {
				y, err := NewTicket(TicketInput{Report: r}, TicketOptions{Profile: p.Key, Lang: l})
				if err != nil {
					t.Fatal(err)
				}
				if s := y.CheckText(); !utf8.ValidString(s) || strings.Contains(s, "%!") {
					t.Errorf("%s, %s, %s: %q", name, p.Key, l, s)
				}
			}
		}
		if s := x.Text(); strings.Contains(s, "0 of 0") || strings.Contains(s, "invalid IP") || strings.Contains(s, "AS0 ") || strings.Contains(s, "0001-01-01") {
			t.Errorf("%s:\n%s", name, s)
		}
	}
}

func BenchmarkTicket(b *testing.B) {
	in, opts := full(b)
	for b.Loop() {
		if _, err := NewTicket(in, opts); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTicketOfLateMember: the losses of a target that joined an incident later
// begin with its own.
func TestTicketOfLateMember(t *testing.T) {
	in, opts := full(t)
	in.Report = nil
	in.Incident.Members = slices.Clone(in.Incident.Members[:1])
	m := &in.Incident.Members[0]
	m.Began = in.Incident.Times.Began.Add(31 * time.Second).UTC()
	x, err := NewTicket(in, opts)
	if err != nil {
		t.Fatal(err)
	}
	if text := x.Text(); !strings.Contains(text, "From: 2026-11-23 14:06:04.1 +08:00 = ") {
		t.Errorf("the loss begins with the incident's:\n%s", text)
	}
}
