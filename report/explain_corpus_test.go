package report_test

import (
	"testing"

	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/report"
)

// explainedCases are reports of every sort, by name: the corpus, drawn ones,
// and texts that others have published.
func explainedCases(t *testing.T) map[string]*report.Report {
	t.Helper()
	all, err := cases.ReadDir("testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, cases.Draw(1, 500)...)
	out := make(map[string]*report.Report)
	for i := range all {
		r, err := all[i].Fold()
		if err != nil {
			t.Fatal(err)
		}
		out[all[i].Name] = r
	}
	published, err := cases.ReadPublished("testdata/published")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range published {
		traces, err := report.ParseForeign(p.Text)
		if err != nil {
			t.Fatalf("%s: %v", p.File, err)
		}
		out[p.File] = traces[0].Report()
	}
	return out
}

// TestExplainAgrees: no row says what its verdict denies, and what the verdict
// says of a row stands there.
func TestExplainAgrees(t *testing.T) {
	seen := make(map[string]int)
	for name, r := range explainedCases(t) {
		for _, fault := range report.ExplainFaults(r, seen) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	for _, what := range []string{"place", "wide", "first", "loop", "round", "stall", "even pace", "perhaps", "unreachable", "over", "unclear"} {
		if seen[what] == 0 {
			t.Errorf("no case of %q", what)
		}
	}
	t.Log(seen)
}
