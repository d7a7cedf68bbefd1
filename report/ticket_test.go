package report

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
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
		Others: []*Report{trace(3, 20, 0.3, node, func(t *Target) { t.Protocol, t.Port = "tcp", 443 })},
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
			for _, want := range []string{"198.51.100.20", "203.0.113.7", "GZ-2231", "noc@example.net", "AS64501", "AS64500", "2026-11-23 14:05:33 +08:00", "06:05:33 UTC"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s %s: no %q in\n%s", p.Key, l, want, text)
				}
			}
			if p.Beijing && !strings.Contains(text, l.Say("ticket.beijing", "2026-11-23 14:05:33")) {
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
		{"another direction", "linode", "goes to 203.0.113.7, not to the source 198.51.100.20", func(in *TicketInput, _ *TicketOptions) { in.Reverse = in.Before }},
		{"another time", "linode", "from the other end is of another time: 2026-11-22", func(in *TicketInput, _ *TicketOptions) {
			for _, at := range []*time.Time{&in.Reverse.Evidence.Times.Started, in.Reverse.Evidence.Times.Ended} {
				*at = at.Add(-24 * time.Hour)
			}
		}},
		{"no TCP trace", "aws", "mtrq enqueue --protocol tcp --port 443 203.0.113.7", func(in *TicketInput, _ *TicketOptions) { in.Others = nil }},
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
			in.Incident.Members[0].Sent, in.Incident.Members[0].Lost = 3, 3
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
	in, opts := full(t)
	b, err := os.ReadFile("testdata/foreign/mtr-r.txt")
	if err != nil {
		t.Fatal(err)
	}
	if in.Reverse, in.ReverseText, err = ParseReverse(b); err != nil || in.ReverseText == nil {
		t.Fatal(err)
	}
	x, err := NewTicket(in, opts)
	if err != nil || len(x.Missing) > 0 || !strings.Contains(x.Text(), "24/100") {
		t.Errorf("a text from the other end: %v, missing %q", err, x.Missing)
	}
	if _, err := NewTicket(in, TicketOptions{Profile: "nobody"}); !errors.Is(err, ErrProfile) {
		t.Errorf("profile nobody: %v", err)
	}
	if _, err := NewTicket(TicketInput{}, TicketOptions{}); !errors.Is(err, ErrNothing) {
		t.Errorf("no evidence: %v", err)
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

// TestTicketRedacted: nothing of one's own is left in any form, and the
// evidence is as it was.
func TestTicketRedacted(t *testing.T) {
	in, opts := full(t)
	before := Text(in.Report)
	opts.Redact = true
	opts.Own.Prefixes = []netip.Prefix{netip.MustParsePrefix("198.18.0.4/30")}
	for _, p := range Profiles() {
		for _, l := range Langs {
			opts.Profile, opts.Lang = p.Key, l
			x, err := NewTicket(in, opts)
			if err != nil {
				t.Fatal(err)
			}
			for form, s := range forms(t, x) {
				for _, secret := range []string{"hk1", "Hong Kong", "TKO", "10.20.0.9", "198.18.0.1", "198.18.0.5", "gw-inner", "core1.example.net"} {
					if regexp.MustCompile(regexp.QuoteMeta(secret) + `($|[^0-9])`).MatchString(s) {
						t.Errorf("%s %s %s: %q is left in\n%s", p.Key, l, form, secret, s)
					}
				}
				for _, needed := range []string{"198.51.100.20", "203.0.113.7", "198.18.0.13"} {
					if !strings.Contains(s, needed) {
						t.Errorf("%s %s %s: %q is gone", p.Key, l, form, needed)
					}
				}
			}
		}
	}
	if Text(in.Report) != before {
		t.Error("the original was changed")
	}
}

func TestRedactWords(t *testing.T) {
	for in, want := range map[string]string{
		"198.18.0.1, 198.18.0.12; 198.18.0.1.":    "[own hop 1], 198.18.0.12; [own hop 1].",
		"198.18.0.1:443 and 203.0.113.7:80":       "[own hop 1] and 203.0.113.7:80",
		"HK1 hk12 xhk1 hk1-a":                     "[own name] hk12 xhk1 [own name]-a",
		"at 14:05:33 from fd00::1 to ::1":         "at 14:05:33 from [own address 1] to [own address 2]",
		"10.0.0.1 again fd00::1, ::ffff:10.0.0.1": "[own address 1] again [own address 2], [own address 1]",
	} {
		d := &redactor{l: English, addrs: map[netip.Addr]string{netip.MustParseAddr("198.18.0.1"): "[own hop 1]"}, names: []string{"hk1"}}
		if got := d.text(in); got != want {
			t.Errorf("%q:\n got %q\nwant %q", in, got, want)
		}
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
