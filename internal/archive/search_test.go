package archive

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

func TestSearch(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	named := makeReport(t, at, 4, "203.0.113.70")
	named.Evidence.Target.Asked = "Edge.example.net"
	named.Evidence.Node.Name = "gz-node"
	named.Evidence.Requests[0].Tags = map[string]string{"circuit": "GZ-2231", "city": "广州"}
	old := makeReport(t, at.AddDate(0, -3, 0), 5, "198.51.100.1")
	old.Evidence.Verdict.Class = report.RealLoss
	write(t, w, makeReport(t, at, 1, "203.0.113.7"), makeReport(t, at, 2, "2001:db8::7"), makeReport(t, at, 3, "gone.example.net"), named, old)
	inc := makeIncident(t, at, 9, "203.0.113.7")
	writeIncidents(t, w, inc)
	for range 2 { // the second time from what is remembered
		for q, want := range map[string][]string{
			"203.0.113.7":            {"target 203.0.113.7 "},
			"::ffff:203.0.113.7":     {"target 203.0.113.7 "},
			"203.0.113":              {"target 203.0.113.7 ", "target 203.0.113.70 "},
			"203.0.113.0/24":         {"target 203.0.113.7 ", "target 203.0.113.70 "},
			"203.0.113.64/26":        {"target 203.0.113.70 "},
			"2001:db8:0::7":          {"target 2001:db8::7 "},
			"2001:db8::/64":          {"target 2001:db8::7 "},
			"GONE.example":           {"target gone.example.net "},
			"edge.EXAMPLE.net.":      {"target 203.0.113.70 edge.example.net"},
			"198.51":                 {"target 198.51.100.1 "},
			"gz-n":                   {"node gz-node "},
			"circuit=GZ-2231":        {"tag circuit=GZ-2231 "},
			"gz-2231":                {"tag circuit=GZ-2231 "},
			"州":                      {"tag city=广州 "},
			"city":                   {"tag city=广州 "},
			old.Evidence.ID.String(): {"report " + old.Evidence.ID.String() + " real-loss"},
			strings.ToLower(old.Evidence.ID.String()[:9]): {"report " + old.Evidence.ID.String() + " real-loss"},
			inc.ID.String():           {"incident " + inc.ID.String() + " packets to 203.0.113.7 were lost"},
			"no such thing":           {},
			"":                        {},
			"01Z":                     {}, // of an ID, too little
			strings.Repeat("9", 1000): {},
		} {
			hits, err := w.Search(q, 0)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, h := range hits {
				got = append(got, string(h.Kind)+" "+h.Text+" "+h.Detail)
				if h.Kind == HitTarget && h.Target != h.Text || h.Kind == HitReport && (h.ID.String() != h.Text || h.Target == "") {
					t.Errorf("%q: %+v", q, h)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q: %q, not %q", q, got, want)
			}
		}
	}
	if hits, err := w.Search("203", 1); err != nil || len(hits) != 1 {
		t.Errorf("%v, %v", hits, err)
	}
	if hits, err := w.Search("01M", 0); err != nil || len(hits) != 0 {
		t.Errorf("%v, %v", hits, err)
	}
	// What is written later is found.
	write(t, w, makeReport(t, at.Add(time.Hour), 6, "192.0.2.1"))
	if hits, err := w.Search("192.0.2.1", 0); err != nil || len(hits) != 1 {
		t.Errorf("%v, %v", hits, err)
	}
}

// TestViewTargetByName follows a name to its addresses.
func TestViewTargetByName(t *testing.T) {
	w := newWriter(t, t.TempDir(), "Asia/Shanghai")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	under := func(n uint64, at time.Time, name, addr string) *report.Report {
		r := makeReport(t, at, n, addr)
		r.Evidence.Target.Asked = name
		return r
	}
	write(t, w, under(1, at, "edge.example.net", "203.0.113.7"), under(2, at.AddDate(0, 0, -1), "EDGE.example.net.", "203.0.113.8"), under(3, at, "203.0.113.7", "203.0.113.7"),
		makeReport(t, at.AddDate(0, 0, -40), 4, "edge.example.net"), under(5, at.AddDate(0, 0, -40), "edge.example.net", "203.0.113.7"))
	writeIncidents(t, w, makeIncident(t, at, 9, "Edge.example.net"), makeIncident(t, at.AddDate(0, 0, -40), 10, "203.0.113.7", "192.0.2.1"))
	for _, x := range []struct {
		target         string
		from           time.Time
		total, matches int
		incidents      int
	}{
		{"Edge.Example.net", time.Time{}, 4, 4, 1},
		{"edge.example.net.", at.AddDate(0, 0, -2), 2, 2, 1},
		{"203.0.113.7", time.Time{}, 3, 3, 1},
		{"203.0.113.99", time.Time{}, 0, 0, 1}, // the address of the watched name
		{"192.0.2.1", at, 0, 0, 0},             // its incident was over by then
		{"nowhere.example.net", time.Time{}, 0, 0, 0},
	} {
		for range 2 {
			v, err := w.ViewTarget(x.target, x.from, time.Time{}, 10, View{})
			if err != nil {
				t.Fatal(err)
			}
			if v.Total != x.total || len(v.Entries) != x.matches || len(v.Incidents) != x.incidents {
				t.Errorf("%s since %s: %d in all, %d shown, %d incidents", x.target, x.from, v.Total, len(v.Entries), len(v.Incidents))
			}
			if x.total == 0 && (!v.First.IsZero() || v.Buckets != nil) {
				t.Errorf("%s: %+v", x.target, v)
			}
		}
	}
	v, err := w.ViewTarget("203.0.113.8", time.Time{}, time.Time{}, 3, View{Filter: Filter{Prefix: netip.MustParsePrefix("192.0.2.0/24")}})
	if err != nil || v.Total != 1 || v.Matching != 0 || v.Buckets[0].Reports != 0 || v.Buckets[0].WorstLoss != nil {
		t.Errorf("%+v, %v", v, err)
	}
}
