package report

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// TestTicketRedactedText: names in the other end's text that are one's own go,
// whether an address stands beside them or not.
func TestTicketRedactedText(t *testing.T) {
	const head = "Start: 2026-11-23T14:05:33+0800\nHOST: gz2    Loss%   Snt   Last   Avg  Best  Wrst StDev\n"
	row := func(ttl int, who string) string {
		return fmt.Sprintf("  %d.|-- %s  0.0%%   100    0.4   0.4   0.3   0.6   0.1\n", ttl, who)
	}
	for name, text := range map[string]string{
		"addresses": head + row(1, "core9.example.net (198.18.0.21)") + row(2, "ae7.example.net (198.18.0.13)") + row(3, "bankhq-fw01.corp.example (198.18.0.5)") +
			row(4, "10.20.0.1") + row(5, "bankhq.example (198.51.100.20)"),
		"an address asked for": "traceroute to 198.51.100.20 (198.51.100.20), 30 hops max, 60 byte packets\n 1  core9.example.net (198.18.0.21)  0.4 ms\n" +
			" 2  ae7.example.net (198.18.0.13)  0.6 ms\n 3  bankhq.example (198.51.100.20)  0.9 ms\n",
		"names only": head + row(1, "core9.example.net") + row(2, "ae7.example.net") + row(3, "bankhq-fw01.corp.example") + row(4, "bankhq-sw1.corp.example") + row(5, "bankhq.example"),
	} {
		in, opts := full(t)
		opts.Redact = true
		opts.Names.Of[netip.MustParseAddr("198.18.0.13")] = Named{Name: "ae7.example.net"}
		opts.Names.Of[netip.MustParseAddr("198.18.0.21")] = Named{Name: "core9.example.net"}
		var err error
		if in.Reverse, in.ReverseText, err = ParseReverse([]byte(text)); err != nil || in.ReverseText == nil {
			t.Fatal(name, err)
		}
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		for form, s := range forms(t, x) {
			s = strings.ReplaceAll(s, "\\", "")
			if strings.Contains(s, "bankhq") || strings.Contains(s, "10.20.0.1") {
				t.Errorf("%s, %s: one's own is left in\n%s", name, form, s)
			}
			if !strings.Contains(s, "ae7.example.net") || !strings.Contains(s, "core9.example.net") {
				t.Errorf("%s, %s: a carrier's router is gone from\n%s", name, form, s)
			}
		}
	}
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

// TestTicketWithheld: what a carrier asks for and is blanked on purpose is not
// called missing, and the ticket not complete.
func TestTicketWithheld(t *testing.T) {
	in, opts := full(t)
	opts.Profile, opts.Redact = "aws", true
	want := map[Lang][]string{
		English: {"This has all that AWS asks for but what --redact has blanked.\n", "Blanked on purpose:\n  - AWS wants the source's own address as well"},
		Chinese: {"AWS 要求的内容，除 --redact 隐去的以外均已齐全。\n", "有意隐去：\n  - AWS 还要求源端接口地址"},
	}
	for _, l := range Langs {
		opts.Lang = l
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		got := x.CheckText()
		for _, s := range want[l] {
			if !strings.Contains(got, s) {
				t.Errorf("%s: no %q in\n%s", l, s, got)
			}
		}
		if len(x.Missing) > 0 || strings.Contains(got, "10.20.0.9") {
			t.Errorf("%s:\n%s", l, got)
		}
	}
	opts.Lang = English
	in.Incident.Node.Source, in.Report.Evidence.Node.Source = in.Incident.Node.Address, in.Incident.Node.Address
	x, err := NewTicket(in, opts)
	if err != nil || len(x.Withheld) > 0 || !strings.Contains(x.CheckText(), "This has all that AWS asks for.\n") {
		t.Errorf("nothing is translated: %v\n%s", err, x.CheckText())
	}
}

func TestRedactWords(t *testing.T) {
	for in, want := range map[string]string{
		"198.18.0.1, 198.18.0.12; 198.18.0.1.":    "[own hop 1], 198.18.0.12; [own hop 1].",
		"198.18.0.1:443 and 203.0.113.7:80":       "[own hop 1] and 203.0.113.7:80",
		"at 14:05:33 from fd00::1 to ::1":         "at 14:05:33 from [own address 1] to [own address 2]",
		"10.0.0.1 again fd00::1, ::ffff:10.0.0.1": "[own address 1] again [own address 2], [own address 1]",
		"hk1: a word; www.bank.example: none":     "hk1: a word; [own name]: none",
	} {
		d := &redactor{l: English, addrs: map[netip.Addr]string{netip.MustParseAddr("198.18.0.1"): "[own hop 1]"}, names: []string{"www.bank.example", "hk1"}}
		if got := d.text(in); got != want {
			t.Errorf("%q:\n got %q\nwant %q", in, got, want)
		}
	}
	d := &redactor{l: English, names: []string{"hk1"}}
	if got, want := d.words("HK1 hk12 xhk1 hk1-a"), "[own name] hk12 xhk1 [own name]-a"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTicketRedactedNames: a name goes where it stands as one, and neither from
// the words around it nor from what the sender wrote for the carrier.
func TestTicketRedactedNames(t *testing.T) {
	for _, c := range []struct {
		name, node, place, target, circuit string
		lang                               Lang
		stays                              []string
	}{
		{"a place that is a time", "hk1", "Beijing", "", "IPLC-HK1-2231", English, []string{"Circuit IPLC-HK1-2231,", "(Beijing time)", "Circuit: IPLC-HK1-2231", "Source machine: [own name]\n"}},
		{"the same in Chinese", "hk1", "北京", "", "北京电信-2231", Chinese, []string{"电路号北京电信-2231，", "：北京时间 2026", "专线号/电路号：北京电信-2231", "源端机器：[己方名称]\n"}},
		{"a node named as a place", "北京", "", "", "北京电信-2231", Chinese, []string{"北京时间", "北京电信-2231", "HOST: [己方名称] "}},
		{"a node named as a word", "trace", "", "", "trace-1", English, []string{"The trace from the other end lost", "HOST: [own name] ", "trace-1"}},
		{"a target named as a word", "hk1", "", "loss", "loss-1", English, []string{"Packet loss to 203.0.113.7", "Destination, name (a remark): [own name]\n", "loss-1"}},
		{"a target in the circuit", "hk1", "", "www.bank.example", "www.bank.example/7", English, []string{"Circuit www.bank.example/7,", "Destination, name (a remark): [own name]\n"}},
	} {
		in, opts := full(t)
		opts.Profile, opts.Lang, opts.Redact, opts.Own.Circuit = "cn-carrier", c.lang, true, c.circuit
		for _, r := range []*Report{in.Report, in.Others[0], in.Before, in.After} {
			r.Evidence.Node.Name, r.Evidence.Node.Place = c.node, c.place
		}
		in.Incident.Node = in.Report.Evidence.Node
		in.Incident.Members[0].Tags = nil
		if c.target != "" {
			in.Report.Evidence.Target.Asked, in.Incident.Members[0].Target = c.target, c.target
		}
		x, err := NewTicket(in, opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.stays {
			text := strings.ReplaceAll(x.Text(), "\n  ", map[Lang]string{English: " "}[c.lang]) // where a line is wrapped
			if !strings.Contains(text, want) && !strings.Contains(x.Text(), want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, x.Text())
			}
		}
	}
}

// TestTicketRedactedNodes: two nodes of one's own stay two.
func TestTicketRedactedNodes(t *testing.T) {
	in, opts := full(t)
	other := *in.Report
	other.Evidence.Node.Name = "hk2"
	in.Reports = append(in.Reports, &other)
	for _, redact := range []bool{false, true} {
		opts.Redact = redact
		x, err := NewTicket(in, opts)
		if err != nil || !strings.Contains(x.Text(), "Nodes that saw it: 3 of 3 known") || redact && strings.Contains(x.Text(), "hk2") {
			t.Errorf("redacted %v: %v\n%s", redact, err, x.Text())
		}
	}
}
