package web

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/report"
)

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
		{"AS64501", known, "nothing found"},
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
