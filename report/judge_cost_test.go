package report_test

import (
	"testing"

	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/report"
)

// TestJudgeAllocates bounds what a verdict of the longest report allocates:
// 137 objects, none for each probe of its 10,500.
func TestJudgeAllocates(t *testing.T) {
	long, err := cases.Long()
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(10, func() { report.Judge(&long.Evidence) })
	if n > 250 {
		t.Errorf("%.0f allocations, want 250 at most", n)
	}
}
