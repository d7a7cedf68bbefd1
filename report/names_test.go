package report

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTextWithNames has rows with AS and name, with one of them and with
// neither, further addresses of a hop included.
func TestTextWithNames(t *testing.T) {
	names := Names{Of: map[netip.Addr]Named{
		netip.MustParseAddr("198.18.0.1"):  {AS: 4294967295},
		netip.MustParseAddr("198.18.0.5"):  {Name: "core1.example.net", AS: 64500, Org: "Example Net"},
		netip.MustParseAddr("198.18.0.10"): {Name: "core2.example.net\x1b[2J"},
		netip.MustParseAddr("203.0.113.7"): {Name: "edge.example.net", AS: 64501},
	}}
	for name, r := range samples(t) {
		if name != "example" && name != "silent" {
			continue
		}
		got := string(AppendText(nil, r, TextOptions{Names: &names}))
		safeText(t, got)
		table, below, _ := strings.Cut(got, "\n\n")
		if _, plain, _ := strings.Cut(Text(r), "\n\n"); below != plain {
			t.Errorf("%s: names change what is below the table:\n%s", name, below)
		}
		golden(t, filepath.Join("testdata", "names-"+name+".txt"), table+"\n")
	}
}

// TestTextWithNamesIsRead: what is printed is read as mtr's own is.
func TestTextWithNamesIsRead(t *testing.T) {
	a := netip.MustParseAddr("198.18.0.5")
	text := AppendText(nil, samples(t)["example"], TextOptions{Names: &Names{Of: map[netip.Addr]Named{a: {Name: "core1.example.net", AS: 64500}}}})
	all, err := ParseForeign(text)
	if err != nil || len(all) != 1 {
		t.Fatal(len(all), err)
	}
	if h := all[0].Hops[1]; len(h.Hosts) != 1 || h.Hosts[0] != (ForeignHost{Name: "core1.example.net", Addr: a, AS: 64500}) {
		t.Errorf("hop 2: %+v", h.Hosts)
	}
}

// TestTicketNamesAreForTheSender: that names are missing is said in the check,
// that AS numbers are in the ticket, which has a column for them.
func TestTicketNamesAreForTheSender(t *testing.T) {
	in, opts := full(t)
	for _, l := range Langs {
		opts.Lang = l
		for kind, hint := range map[LackKind]string{LackNoDNS: "need.names", LackDNS: "need.names.late", LackDatabase: ""} {
			opts.Names.Missing = []NamesLack{{Kind: kind}}
			x, err := NewTicket(in, opts)
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Contains(x.Text(), l.Say("ticket.names.missing")+x.colon())
			if said != (hint == "") {
				t.Errorf("%s %s: said in the ticket: %v", l, kind, said)
			}
			if hint != "" && !slices.Contains(x.Hints, l.Say(hint)) {
				t.Errorf("%s %s: hints %q", l, kind, x.Hints)
			}
		}
	}
}

// TestZone shows evidence that was written in another zone.
func TestZone(t *testing.T) {
	at := time.FixedZone("", -5*3600)
	for name, r := range samples(t) {
		was := Text(r)
		text := Text(r.In(at))
		if strings.Contains(text, "+0800") || strings.Contains(text, "+08:00") || !strings.Contains(text, "-0500") || !strings.Contains(text, "-05:00") {
			t.Errorf("%s:\n%s", name, text)
		}
		if back := Text(r.In(at).In(r.Evidence.Times.Started.Location())); back != was {
			t.Errorf("%s: there and back it says\n%s", name, back)
		}
	}
	in, opts := full(t)
	in.Reports = append(in.Reports, in.Reverse)
	here := in.In(at)
	if here.Reports[0] != here.Report || here.Reports[1] != here.Reverse {
		t.Error("a report that was there twice is two")
	}
	x, err := NewTicket(here, opts)
	if err != nil {
		t.Fatal(err)
	}
	if text := x.Text(); strings.Contains(text, "+08") || !strings.Contains(text, "2026-11-23 01:05:33.1 -05:00") {
		t.Errorf("a ticket:\n%s", text)
	}
	if text := IncidentText(here.Incident, here.Reports); strings.Contains(text, "+08") || !strings.Contains(text, "01:05:33.1") {
		t.Errorf("an incident:\n%s", text)
	}
}
