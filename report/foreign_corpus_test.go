package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/report"
)

// asText judges what is left of a trace when only its text was kept.
func asText(t *testing.T) func(*report.Evidence) report.Verdict {
	return func(e *report.Evidence) report.Verdict {
		all, err := report.ParseForeign([]byte(report.Text(&report.Report{Evidence: *e})))
		if err != nil {
			if e.TargetStats().Sent > 0 {
				t.Errorf("%s: %v", e.ID, err)
			}
			return report.Verdict{Class: report.NotProven, Grade: report.Weak}
		}
		f := all[0]
		f.SetTarget(e.Target.Asked, e.Target.Address)
		if got, want := f.Hops[len(f.Hops)-1], e.TargetStats(); e.Target.TTL != nil && (got.Sent != want.Sent || got.Lost != want.Lost) {
			t.Errorf("%s: %d of %d lost in the text, %d of %d in the report", e.ID, got.Lost, got.Sent, want.Lost, want.Sent)
		}
		return report.Judge(&f.Report().Evidence)
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
	s, err := cases.Judge(append(all, cases.Draw(20261123, 300)...), asText(t))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	s.Print(&b)
	t.Log("\n" + b.String())
	// A machine that stood still loses the same at every hop and the target:
	// only the times of the probes tell, and the text has none.
	s.Blamed = slices.DeleteFunc(s.Blamed, func(name string) bool { return strings.HasPrefix(name, "stall-") })
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
