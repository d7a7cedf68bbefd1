package report_test

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/report"
)

// hold checks a score against what verdicts must reach: class right in 98 of
// 100, place, and the very link, in 95 of 100 where the packets suffice, and
// nobody blamed who lost nothing. What is called the likeliest link is right at
// least as often as it says, but for chance.
func hold(t *testing.T, s *cases.Score) {
	t.Helper()
	var b strings.Builder
	s.Print(&b)
	t.Log("\n" + b.String())
	for _, w := range s.Wrong {
		t.Log(w)
	}
	if len(s.Blamed) > 0 {
		t.Errorf("a loss is spoken of where nothing was lost: %v", s.Blamed)
	}
	if 100*s.Right < 98*s.Cases {
		t.Errorf("class right in %d of %d", s.Right, s.Cases)
	}
	if 100*s.Placed[2] < 95*s.Enough {
		t.Errorf("place right in %d of %d", s.Placed[2], s.Enough)
	}
	if 100*s.Linked < 95*s.Enough {
		t.Errorf("the link named first is right in %d of %d", s.Linked, s.Enough)
	}
	if 100*s.Held < 95*s.Named {
		t.Errorf("the stretch holds the place in %d of %d", s.Held, s.Named)
	}
	if n := float64(s.Picked); float64(s.PickedRight) < s.PickedChance-2*math.Sqrt(s.PickedChance*(1-s.PickedChance/n)) {
		t.Errorf("the likeliest link is right in %d of %d, and was said to be in %.0f", s.PickedRight, s.Picked, s.PickedChance)
	}
	if 2*s.Exact < s.Named {
		t.Errorf("a single link in %d of %d: the stretches are too long to be of use", s.Exact, s.Named)
	}
	if 100*s.SureNo > s.Sure {
		t.Errorf("%d of %d that are certain are wrong", s.SureNo, s.Sure)
	}
}

// TestCorpus judges real traces over networks whose truth is known.
func TestCorpus(t *testing.T) {
	all, err := cases.ReadDir("testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 150 {
		t.Errorf("%d cases, want 150 at least", len(all))
	}
	s, err := cases.Judge(all, report.Judge)
	if err != nil {
		t.Fatal(err)
	}
	hold(t, s)
	for _, c := range []report.Class{report.Clean, report.RateLimitOnly, report.RealLoss, report.OwnNetwork, report.TargetFilters, report.Latency, report.PathChanged,
		report.RoutingLoop, report.Recovered, report.NotProven, report.MeasurementFault} {
		if s.Matrix[c][c] == 0 {
			t.Errorf("no case shows %s", c)
		}
	}
}

// TestDrawn judges 500 simulated traces for each of two fixed seeds.
func TestDrawn(t *testing.T) {
	for _, seed := range []uint64{1, 20261123} {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s, err := cases.Judge(cases.Draw(seed, 500), report.Judge)
			if err != nil {
				t.Fatal(err)
			}
			hold(t, s)
		})
	}
}

// TestDrawnIncidents judges 300 simulated incidents for each of two fixed seeds:
// R16 above all, by what several targets share and clean ones do not.
func TestDrawnIncidents(t *testing.T) {
	for _, seed := range []uint64{1, 20261123} {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s, err := cases.JudgeIncidents(cases.DrawIncidents(seed, 300), report.JudgeIncident)
			if err != nil {
				t.Fatal(err)
			}
			hold(t, s)
			for _, c := range []report.Class{report.RealLoss, report.OwnNetwork, report.UplinkCut, report.MeasurementFault} {
				if s.Matrix[c][c] == 0 {
					t.Errorf("no incident shows %s", c)
				}
			}
		})
	}
}

// TestDrawnAnew judges 500 more from a seed that is another each time
// (MTRQ_SEED repeats one). It reports, and fails by no luck of a draw.
func TestDrawnAnew(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("MTRQ_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	s, err := cases.Judge(cases.Draw(seed, 500), report.Judge)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	s.Print(&b)
	t.Logf("seed %d\n%s", seed, b.String())
	for _, w := range s.Wrong {
		t.Log(w)
	}
}

// BenchmarkJudge is a verdict of a report of a minute over 15 hops; it may
// take a millisecond.
func BenchmarkJudge(b *testing.B) {
	var reports []*report.Report
	for _, c := range cases.Draw(3, 100) {
		r, err := c.Fold()
		if err != nil {
			b.Fatal(err)
		}
		reports = append(reports, r)
	}
	for i := 0; b.Loop(); i++ {
		report.Judge(&reports[i%len(reports)].Evidence)
	}
}

// BenchmarkJudgeLong is the worst that the defaults allow: 300 s of loss over
// 29 routers, 1,800 probes to the target and 8,700 to the hops.
func BenchmarkJudgeLong(b *testing.B) {
	long, err := cases.Long()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		report.Judge(&long.Evidence)
	}
}
