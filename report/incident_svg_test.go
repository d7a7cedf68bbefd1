package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestIncidentSVGGolden(t *testing.T) {
	for name, s := range incidents(t) {
		t.Run(name, func(t *testing.T) {
			got := IncidentSVG(s.inc, s.reports)
			sound(t, got)
			golden(t, filepath.Join("testdata", "incident-"+name+".svg"), string(got))
		})
	}
}

// TestIncidentSVGIsForScreenReaders: it has a role, and a title and a
// description of its own.
func TestIncidentSVGIsForScreenReaders(t *testing.T) {
	s := incidents(t)["hostile"]
	var root struct {
		Role  string `xml:"role,attr"`
		By    string `xml:"aria-labelledby,attr"`
		Title struct {
			ID   string `xml:"id,attr"`
			Text string `xml:",chardata"`
		} `xml:"title"`
		Desc struct {
			ID   string `xml:"id,attr"`
			Text string `xml:",chardata"`
		} `xml:"desc"`
	}
	if err := xml.Unmarshal(IncidentSVG(s.inc, s.reports), &root); err != nil {
		t.Fatal(err)
	}
	if root.Role != "img" || root.By != root.Title.ID+" "+root.Desc.ID || !strings.Contains(root.Title.Text, "</title><script>") || !strings.Contains(root.Desc.Text, "lost 5 of 10 pings") {
		t.Errorf("got %+v", root)
	}
}

// TestIncidentSVGIsBounded: a day of pings of many targets and a long path
// that loses at random, every pixel something else.
func TestIncidentSVGIsBounded(t *testing.T) {
	r := seeded(5)
	var members []Member
	for i := range 12 {
		fate := func(ms float64) (byte, int64) {
			switch x := r.IntN(10); {
			case x < 4 && ms >= 0:
				return AnswerLost, 0
			case x == 9:
				return AnswerLate, 600000 + r.Int64N(300000)
			}
			return AnswerReply, r.Int64N(400000)
		}
		m := memberOf(fmt.Sprintf("2001:db8:ffff:ffff:ffff:ffff:ffff:%x", 0xff00+i), beat(time.Hour, 23*time.Hour, time.Second, fate), nil)
		m.Reports = []ulid.ULID{idOf(1)}
		members = append(members, m)
	}
	inc := incidentOf(members...)
	w := network{length: 60, lossAt: 1, loss: always(0.4), limits: map[int]func(float64) float64{}}
	for ttl := range 60 {
		w.limits[ttl] = always(0.3)
	}
	trace := tracing(t, idOf(1), "203.0.113.7", w, 300)
	for _, seen := range []time.Duration{90 * time.Second, 5 * time.Minute, 23 * time.Hour} {
		inc.At = *after(seen)
		svg := IncidentSVG(inc, []*Report{trace})
		sound(t, svg)
		if !bytes.Contains(svg, []byte("not shown")) {
			t.Error("it hides hops and does not say so")
		}
		t.Logf("%d bytes", len(svg))
	}
}

// TestIncidentSVGNeverHidesLoss: one lost ping of a day of them is a mark
// of full height.
func TestIncidentSVGNeverHidesLoss(t *testing.T) {
	for _, lost := range []float64{0, 7, 43210, 79999} {
		m := memberOf("203.0.113.7", beat(0, 80000*time.Second, time.Second, func(ms float64) (byte, int64) {
			if ms == 1000*lost {
				return AnswerLost, 0
			}
			return AnswerReply, 9000
		}), nil)
		inc := incidentOf(m)
		inc.At = *after(80000 * time.Second)
		if n := fullHeight(t, IncidentSVG(inc, nil)); n != 1 {
			t.Errorf("a ping lost after %g s: got %d marks of full height, want 1", lost, n)
		}
	}
}

// fullHeight counts the marks of loss in the first row.
func fullHeight(t *testing.T, svg []byte) int {
	t.Helper()
	n := 0
	dec := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		el, ok := token.(xml.StartElement)
		if !ok || el.Name.Local != "path" {
			continue
		}
		at := make(map[string]string)
		for _, a := range el.Attr {
			at[a.Name.Local] = a.Value
		}
		for _, c := range ramp {
			if at["fill"] == c {
				n += strings.Count(at["d"], fmt.Sprintf("v%d", firstTall))
			}
		}
	}
}
