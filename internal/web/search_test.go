package web

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/report"
)

// TestSearchRouter: a search looks for targets; of what may be a router, which
// it does not find, it says how that is looked for.
func TestSearchRouter(t *testing.T) {
	n := newNode(t)
	n.archived(sample(newID(noon), noon))
	for _, tt := range []struct{ q, find string }{
		{"198.18.0.1", "mtrq find 198.18.0.1"}, // a hop of the report
		{"::ffff:198.18.0.1", "mtrq find 198.18.0.1"},
		{"2001:DB8:ffff::1", "mtrq find 2001:db8:ffff::1"},
		{"198.18.0.7/24", "mtrq find 198.18.0.0/24"},
		{"203.0.113.7", ""}, // a target
		{"edge.example.net", ""},
		{"<b>", ""},
	} {
		for _, ask := range [][]string{nil, {asBrowser}, {asBrowser, "Accept-Language: zh-CN"}, {"Accept: application/json"}} {
			a := n.get("/search?q="+url.QueryEscape(tt.q), ask...)
			if tt.find == "" && strings.Contains(a.body, "mtrq find") || !strings.Contains(a.body, tt.find) {
				t.Errorf("%s %v: want %q in\n%s", tt.q, ask, tt.find, a.body)
			}
		}
	}
}

// TestSearchAS finds the targets of an AS, where somebody knows them, and
// says so where nobody does.
func TestSearchAS(t *testing.T) {
	ours := netip.MustParsePrefix("203.0.113.0/24")
	known := func(a netip.Addr) (report.Named, bool) {
		return report.Named{AS: 64500, Org: "Example <b>Carrier"}, ours.Contains(a)
	}
	for _, tt := range []struct {
		q    string
		as   func(netip.Addr) (report.Named, bool)
		says string
	}{
		{"AS64500", known, "203.0.113.7"},
		{"as64500", known, "203.0.113.7"},
		{"AS64501", known, "mtrq find AS64501"},
		{"AS9999999999", known, "nothing found"},
		{"AS64500", nil, "[asn] database"},
	} {
		n := newNode(t, func(s *Server) { s.AS = tt.as })
		n.archived(sample(newID(noon), noon))
		if got := n.get("/search?q=" + tt.q); got.StatusCode != 200 || !strings.Contains(got.body, tt.says) {
			t.Errorf("%s: %s: %q, want %q in it", tt.q, got.Status, got.body, tt.says)
		}
	}
}
