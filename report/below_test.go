package report

import (
	"net/netip"
	"strings"
	"testing"
)

// TestSharedFootnote: a router that answered all it was asked shows no limit.
func TestSharedFootnote(t *testing.T) {
	for name, c := range map[string]struct {
		answered int
		want     string
	}{
		"all":  {3, "Shared: 192.0.2.254 answered 3 of 3 probes of all traces together meanwhile.\n"},
		"some": {1, "Shared: 192.0.2.254 answered 1 of 3 probes of all traces together meanwhile; it shows the router's limit and is no evidence of loss.\n"},
	} {
		w := network{length: 5, rand: seeded(1)}
		r, err := Fold(testAsked, Node{}, w.trace(5, nil), Options{})
		if err != nil {
			t.Fatal(err)
		}
		r.Evidence.Shared = []Shared{{Addr: netip.MustParseAddr("192.0.2.254"), Sent: 3, Answered: c.answered}}
		if got := string(AppendText(nil, r, TextOptions{Unwrapped: true})); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %q in\n%s", name, c.want, got)
		}
	}
}
