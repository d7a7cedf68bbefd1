package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/report"
)

// TestDrawIsPure: the same seed gives the same cases.
func TestDrawIsPure(t *testing.T) {
	written := func(seed uint64) string {
		b, err := json.Marshal(Draw(seed, 40))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	a, again := written(5), written(5)
	if a != again {
		t.Error("the same seed gives others")
	}
	if a == written(6) {
		t.Error("another seed gives the same")
	}
}

// TestEveryGroupIsDrawn: 500 cases hold each sort of trouble.
func TestEveryGroupIsDrawn(t *testing.T) {
	n := map[string]int{}
	for _, c := range Draw(1, 500) {
		n[c.Group]++
	}
	for _, g := range Groups() {
		if n[g] == 0 {
			t.Errorf("no case of %s in 500", g)
		}
	}
}

func TestWriteRead(t *testing.T) {
	want := Draw(9, 8)
	file := filepath.Join(t.TempDir(), "x.jsonl.gz")
	if err := Write(file, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		a, errA := want[i].Fold()
		b, errB := got[i].Fold()
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		var x, y bytes.Buffer
		if err := report.Encode(&x, a); err != nil {
			t.Fatal(err)
		}
		if err := report.Encode(&y, b); err != nil {
			t.Fatal(err)
		}
		if x.String() != y.String() || got[i].Label.Truth != want[i].Label.Truth {
			t.Errorf("%s: another report after writing and reading", want[i].Name)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(bytes.NewReader(data[:len(data)/2])); err == nil {
		t.Error("half a file is read without an error")
	}
	if _, err := ReadDir(t.TempDir()); err == nil {
		t.Error("an empty directory is read without an error")
	}
}

// TestSurely compares with sums of the binomial by hand.
func TestSurely(t *testing.T) {
	for _, c := range []struct {
		lost, sent int
		want       bool
	}{{0, 100, false}, {1, 10, false}, {2, 11, true}, {2, 100, true}, {2, 300, false}, {3, 300, true}} {
		if got := Surely(c.lost, c.sent); got != c.want {
			t.Errorf("%d of %d: %v", c.lost, c.sent, got)
		}
	}
}

// TestLimitLabel: only what chance does not make is a limit for sure, one lost
// answer is never one, and a silent router is none.
func TestLimitLabel(t *testing.T) {
	for _, c := range []struct {
		hops []Held
		sent int
		want string
	}{
		{[]Held{{0, 30}, {0, 30}}, 150, "clean []"},
		{[]Held{{1, 3}}, 150, "clean []"},
		{[]Held{{1, 100}}, 500, "clean []"},
		{[]Held{{30, 30}}, 150, "clean []"},
		{[]Held{{2, 30}}, 150, "clean [rate-limit-only]"},
		{[]Held{{4, 10}}, 10, "clean [rate-limit-only]"}, // 0.043
		{[]Held{{0, 30}, {9, 30}}, 150, "rate-limit-only []"},
	} {
		var l Label
		l.Decide(Counts{Sent: c.sent, Length: len(c.hops) + 1, Hops: c.hops})
		if got := fmt.Sprint(l.Class, " ", l.Also); got != c.want || !l.Innocent {
			t.Errorf("%v beside %d: %s, innocent %v; want %s", c.hops, c.sent, got, l.Innocent, c.want)
		}
	}
}

// TestScoreSees: verdicts that blame everybody, or nobody, are found out.
func TestScoreSees(t *testing.T) {
	all := Draw(2, 200)
	blame := func(e *report.Evidence) report.Verdict {
		return report.Verdict{Class: report.RealLoss, Grade: report.Certain, Link: &report.Link{From: report.LinkEnd{TTL: 0}, To: report.LinkEnd{TTL: 1}}}
	}
	s, err := Judge(all, blame)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Blamed) < 50 || s.Right > s.Cases*7/10 || s.Placed[wide-1] > s.Enough/2 || s.SureNo == 0 || len(s.Wrong) == 0 {
		t.Errorf("blaming the first link each time: %d innocent, %d of %d right, %d of %d placed", len(s.Blamed), s.Right, s.Cases, s.Placed[wide-1], s.Enough)
	}
	var b strings.Builder
	s.Print(&b)
	if !strings.Contains(b.String(), fmt.Sprintf("of %d)", s.Cases)) {
		t.Error(b.String())
	}
}

// TestScoreTells what is right beside the label, how narrow a right place is,
// and what is certain but for its place.
func TestScoreTells(t *testing.T) {
	s := newScore()
	verdict := func(c report.Class, g report.Grade, from, to int) report.Verdict {
		d := report.Verdict{Class: c, Grade: g}
		if to > 0 {
			d.Link = &report.Link{From: report.LinkEnd{TTL: from}, To: report.LinkEnd{TTL: to}}
		}
		return d
	}
	likeliest := func(d report.Verdict, from int, chance float64) report.Verdict {
		d.Likeliest = &report.Likeliest{From: report.LinkEnd{TTL: from}, To: report.LinkEnd{TTL: from + 1}, Chance: chance}
		return d
	}
	lossy := Label{Class: report.RealLoss, From: 3, To: 4, Enough: true}
	for _, c := range []struct {
		label Label
		d     report.Verdict
	}{
		{Label{Class: report.Clean, Also: []report.Class{report.RateLimitOnly}}, verdict(report.Clean, report.Certain, 0, 0)},
		{Label{Class: report.Clean, Also: []report.Class{report.RateLimitOnly}}, verdict(report.RateLimitOnly, report.Certain, 0, 0)},
		{Label{Class: report.Clean}, verdict(report.RateLimitOnly, report.Weak, 0, 0)}, // wrong
		{lossy, verdict(report.RealLoss, report.Certain, 3, 4)},
		{lossy, verdict(report.RealLoss, report.Likely, 3, 5)},
		{lossy, verdict(report.RealLoss, report.Likely, 2, 5)},
		{lossy, verdict(report.RealLoss, report.Certain, 2, 7)}, // too wide
		{lossy, verdict(report.RealLoss, report.Likely, 5, 6)},  // elsewhere, a single link
		{lossy, likeliest(verdict(report.RealLoss, report.Likely, 2, 5), 3, 0.75)},
		{lossy, likeliest(verdict(report.RealLoss, report.Likely, 2, 5), 4, 0.5)}, // the link beside it
	} {
		s.add(&Case{Label: c.label}, c.d)
	}
	if s.Cases != 10 || s.Right != 9 || s.AlsoRight != 1 || s.Matrix[report.Clean][report.Clean] != 1 || s.Also[report.Clean][report.RateLimitOnly] != 1 {
		t.Errorf("%d of %d right, %d of them not as labelled; %v, %v", s.Right, s.Cases, s.AlsoRight, s.Matrix, s.Also)
	}
	if s.Enough != 7 || s.Placed != [wide]int{1, 2, 5} || s.Named != 7 || s.Held != 6 || s.Exact != 1 || s.Sure != 4 || s.SureWide != 1 || s.SureNo != 0 {
		t.Errorf("placed %v of %d, named %d, held %d, one link %d; certain %d, wide %d, wrong %d", s.Placed, s.Enough, s.Named, s.Held, s.Exact, s.Sure, s.SureWide, s.SureNo)
	}
	if s.Linked != 2 || s.Picked != 2 || s.PickedRight != 1 || s.PickedChance != 1.25 {
		t.Errorf("the very link first in %d; likeliest right in %d of %d, said to be in %.2f", s.Linked, s.PickedRight, s.Picked, s.PickedChance)
	}
	var b strings.Builder
	s.Print(&b)
	for _, want := range []string{"| 90.0 % (9 of 10) | 10.0 % (1 of 10) |", "| 28.6 % (2 of 7) | 14.3 % (1 of 7) | 28.6 % (2 of 7) | 71.4 % (5 of 7) |", "| 50.0 % (1 of 2) | 62.5 % |", "| clean | 1 | 1, 1 also | |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
