package report_test

import (
	"strings"
	"testing"

	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/report"
)

// stoodStill are the requests of traces whose machine stood still. Their
// losses are the machine's own, which is what own-network means where a text
// cannot tell more; so that is right for them, if the sentence says so. So is
// not-proven.
func stoodStill(all []cases.Case) map[string]bool {
	found := make(map[string]bool)
	for i := range all {
		if l := &all[i].Label; l.Class == report.MeasurementFault {
			l.Also, l.Innocent = append(l.Also, report.OwnNetwork, report.NotProven), false
			found[all[i].Requests[0].ID.String()] = true
		}
	}
	return found
}

// asText judges what is left of a trace when only its text was kept.
func asText(t *testing.T, still map[string]bool) func(*report.Evidence) report.Verdict {
	seen := 0
	t.Cleanup(func() {
		if seen < len(still) || seen == 0 {
			t.Errorf("%d of %d traces of a machine that stood still were judged", seen, len(still))
		}
	})
	return func(e *report.Evidence) report.Verdict {
		all, err := report.ParseForeign([]byte(report.Text(&report.Report{Evidence: *e})))
		if err != nil {
			if e.TargetStats().Sent > 0 {
				t.Errorf("%s: %v", e.ID, err)
			}
			return report.Verdict{Class: report.NotProven, Grade: report.Weak}
		}
		if len(all) != 1 {
			t.Errorf("%s: %d traces in its text", e.ID, len(all))
		}
		f := all[0]
		f.SetTarget(e.Target.Asked, e.Target.Address)
		if got, want := f.Hops[len(f.Hops)-1], e.TargetStats(); e.Target.TTL != nil && (got.Sent != want.Sent || got.Lost != want.Lost) {
			t.Errorf("%s: %d of %d lost in the text, %d of %d in the report", e.ID, got.Lost, got.Sent, want.Lost, want.Sent)
		}
		d := report.Judge(&f.Report().Evidence)
		if still[e.ID.String()] {
			seen++
			if d.Class == report.OwnNetwork && !strings.Contains(d.Sentence, "stands still") || d.Class == report.RealLoss || d.Class == report.UplinkCut {
				t.Errorf("%s: a machine that stood still is called %s: %s", e.ID, d.Class, d.Sentence)
			}
		}
		return d
	}
}

// TestCorpusAsText judges the texts of the traces over networks whose truth is
// known: counts without times carry less, but what they carry is as true, and
// nobody is blamed who lost nothing.
func TestCorpusAsText(t *testing.T) {
	all, err := cases.ReadDir("testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, cases.Draw(20261123, 300)...)
	s, err := cases.Judge(all, asText(t, stoodStill(all)))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	s.Print(&b)
	t.Log("\n" + b.String())
	if len(s.Blamed) > 0 {
		t.Errorf("a loss is spoken of where nothing was lost: %v", s.Blamed)
	}
	if 100*s.Held < 95*s.Named {
		t.Errorf("the stretch holds the place in %d of %d", s.Held, s.Named)
	}
	if s.Sure > 0 {
		t.Errorf("%d are certain: a text without times is likely at best", s.Sure)
	}
	if 100*s.Right < 70*s.Cases {
		t.Errorf("class right in %d of %d", s.Right, s.Cases)
	}
}
