package report

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestSVGGolden(t *testing.T) {
	for name, r := range samples(t) {
		t.Run(name, func(t *testing.T) {
			got := SVG(r)
			sound(t, got)
			golden(t, filepath.Join("testdata", "report-"+name+".svg"), string(got))
			sound(t, SVGWith(r, SVGOptions{Narrow: true}))
		})
	}
}

// TestSVGNeverHidesLoss: one lost probe to the target, wherever in a trace
// of five minutes, is a mark of full height and a cell that is not clean.
func TestSVGNeverHidesLoss(t *testing.T) {
	for _, at := range []float64{0, 1400, 150000, 298000} {
		w := network{length: 6, lossAt: 7, rand: seeded(3)}
		events := w.trace(300, nil)
		lost := false
		for i := range events {
			if e := &events[i]; e.E == EventProbe && e.TTL == 0 && !lost && e.MS >= at {
				e.Kind, e.US, e.Addr, lost = KindLost, nil, netip.Addr{}, true
			}
		}
		r := fold(t, events)
		if !lost || r.Evidence.TargetStats().Lost != 1 {
			t.Fatalf("the trace lost %d, want 1", r.Evidence.TargetStats().Lost)
		}
		svg := SVG(r)
		if n := fullHeight(t, svg); n != 1 {
			t.Errorf("lost after %g ms: %d marks of full height, want 1", at, n)
		}
		if !strings.Contains(string(svg), fmt.Sprintf(">1/%d<", r.Evidence.TargetStats().Sent)) {
			t.Errorf("lost after %g ms: its figure is not shown", at)
		}
	}
}

// TestSVGSpeaksOneLanguage: with every label replaced no other is left, but
// for numbers, times and addresses.
func TestSVGSpeaksOneLanguage(t *testing.T) {
	words := make(map[string]string)
	for _, w := range SVGWords() {
		words[w] = "译" + w
	}
	pictures := make(map[string][]byte)
	for what, opts := range map[string]SVGOptions{"": {Bare: true, Words: words}, " narrow": {Narrow: true, Words: words}} {
		for name, r := range samples(t) {
			pictures[name+what] = SVGWith(r, opts)
		}
		for name, s := range incidents(t) {
			pictures["incident "+name+what] = IncidentSVGWith(s.inc, s.reports, opts)
		}
	}
	text := regexp.MustCompile(`<text[^>]*>([^<]*)</text>`)
	ttl := regexp.MustCompile(`^[0-9?]+  `)
	plain := regexp.MustCompile(`^([0-9?.:/–]|[0-9a-f:.…]+( \+[0-9]+)?( ~)?|[0-9.]+ ms|edge\.example.*|x+…x+|[0-9]{4}-[0-9]{2}-[0-9]{2})*$`)
	for name, svg := range pictures {
		sound(t, svg)
		for _, m := range text.FindAllSubmatch(svg, -1) {
			if label := ttl.ReplaceAllString(string(m[1]), ""); !strings.HasPrefix(label, "译") && !plain.MatchString(label) {
				t.Errorf("%s: %q is in no list of words", name, label)
			}
		}
	}
}

// TestSVGIsBounded: the longest path, each probe something else.
func TestSVGIsBounded(t *testing.T) {
	w := network{length: 60, lossAt: 1, loss: always(0.4), limits: map[int]func(float64) float64{}, rand: seeded(4)}
	for ttl := range 60 {
		w.limits[ttl] = always(0.3)
	}
	svg := SVG(fold(t, w.trace(300, nil)))
	sound(t, svg)
	if !strings.Contains(string(svg), "not shown") {
		t.Error("it hides hops and does not say so")
	}
	t.Logf("%d bytes", len(svg))
}

func BenchmarkSVG(b *testing.B) {
	w := network{length: 12, lossAt: 6, loss: during(0.4, 10000, 30000), rand: seeded(1)}
	r := fold(b, w.trace(60, nil))
	for b.Loop() {
		SVG(r)
	}
}
