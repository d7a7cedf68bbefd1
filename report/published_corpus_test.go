package report_test

import (
	"strings"
	"testing"

	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/report"
)

// TestPublished judges texts that carriers, clouds and operators have
// published, most with an explanation: class right in 98 of 100, and nobody
// is blamed from a text who lost nothing.
func TestPublished(t *testing.T) {
	all, err := cases.ReadPublished("testdata/published")
	if err != nil {
		t.Fatal(err)
	}
	s, err := cases.JudgePublished(all, func(e *report.Evidence) report.Verdict {
		d := report.Judge(e)
		if strings.Contains(d.Sentence, "invalid IP") {
			t.Error(d.Sentence)
		}
		return d
	})
	if err != nil {
		t.Error(err)
	}
	var b strings.Builder
	s.Print(&b)
	t.Log("\n" + b.String())
	for _, w := range s.Wrong {
		t.Log(w)
	}
	if s.Cases < 25 {
		t.Errorf("%d texts, want 25 at least", s.Cases)
	}
	for _, c := range []report.Class{report.Clean, report.RateLimitOnly, report.RealLoss, report.TargetFilters, report.Latency, report.RoutingLoop,
		report.OwnNetwork, report.NotProven} {
		if s.Matrix[c][c] == 0 {
			t.Errorf("no text shows %s", c)
		}
	}
	for _, p := range []report.ForeignProgram{report.ForeignMTR, report.ForeignWinMTR, report.ForeignTraceroute, report.ForeignTracert} {
		if s.Groups[string(p)][1] == 0 {
			t.Errorf("no text of %s", p)
		}
	}
	if len(s.Blamed) > 0 {
		t.Errorf("a loss is spoken of where nothing was lost, or a carrier's where it is not: %v", s.Blamed)
	}
	if 100*s.Right < 98*s.Cases {
		t.Errorf("class right in %d of %d", s.Right, s.Cases)
	}
	if s.Held < s.Named {
		t.Errorf("the stretch holds the place in %d of %d", s.Held, s.Named)
	}
	if 100*s.Placed[2] < 95*s.Enough {
		t.Errorf("place right in %d of %d", s.Placed[2], s.Enough)
	}
	if 100*s.Linked < 95*s.Enough {
		t.Errorf("the link named first is right in %d of %d", s.Linked, s.Enough)
	}
	if s.Sure > 0 {
		t.Errorf("%d are certain: a text without times is likely at best", s.Sure)
	}
}
