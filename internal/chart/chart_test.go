package chart

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

var hongKong = time.FixedZone("+08", 8*3600)

var began = time.Date(2026, 11, 23, 0, 0, 0, 0, hongKong)

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	sound(t, got)
	file := filepath.Join("testdata", name+".svg")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: got +, want - (-update rewrites it):\n%s", file, diff)
	}
}

// sound checks that a picture is well-formed XML that a strict policy lets
// through, painted with colours of the palette only.
func sound(t testing.TB, svg []byte) {
	t.Helper()
	allowed := []string{"svg", "title", "desc", "rect", "path", "text", "a"}
	dec := xml.NewDecoder(bytes.NewReader(svg))
	badge := bytes.Contains(svg, []byte(badgeLabel))
	if bytes.Contains(svg, []byte("></text>")) {
		t.Error("a text without words")
	}
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		el, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !slices.Contains(allowed, el.Name.Local) {
			t.Fatalf("element %s", el.Name.Local)
		}
		for _, a := range el.Attr {
			n, v := a.Name.Local, a.Value
			if n == "style" || n == "class" || strings.HasPrefix(n, "on") || n == "href" && !strings.HasPrefix(v, "/") {
				t.Fatalf("attribute %s=%q of %s", n, v, el.Name.Local)
			}
			if strings.Contains(v, "NaN") || strings.Contains(v, "Inf") || strings.Contains(v, "url(") {
				t.Fatalf("attribute %s=%q of %s", n, v, el.Name.Local)
			}
			if (n == "fill" || n == "stroke") && v != "none" && v != "#000" && !badge && !slices.Contains(Palette(), v) {
				t.Fatalf("%s is %q, which is not in the palette", n, v)
			}
		}
	}
}

func ptr[T any](x T) *T { return &x }

func usec(n int) *time.Duration { return ptr(time.Duration(n) * time.Microsecond) }

// cells are so many of a length each: mostly measured, now and then lossy,
// not known, or not measured at all.
func cells(n int, length time.Duration, seed uint64) []Cell {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]Cell, n)
	for i := range out {
		c := &out[i]
		c.Start, c.Length = began.Add(time.Duration(i)*length), length
		switch x := r.IntN(20); {
		case i >= n/3 && i < n/3+n/10:
			continue // not measured
		case x == 0:
			c.Reports, c.Unknown = 1, 1
			continue
		case x < 3:
			c.Reports, c.Sent, c.Lost = 3, 300, r.IntN(300)
			c.Worst = ptr(min(100, float64(r.IntN(130))))
		default:
			c.Reports, c.Sent, c.Worst = 2, 200, ptr(0.0)
		}
		base := 9000 + r.IntN(600)
		if i > n*3/4 {
			base += 14000
		}
		c.Min, c.Low, c.Median, c.High, c.Max = usec(base), usec(base+200), usec(base+400), usec(base+900), usec(base+1500+r.IntN(4000))
		if i == n/2 {
			c.Max = usec(812000)
		}
		c.Title, c.URL = fmt.Sprintf("%s: lost %d of %d", c.Start.Format("15:04"), c.Lost, c.Sent), "/target/203.0.113.7?at=1"
	}
	return out
}

func history(n int, length time.Duration, wide float64) History {
	return History{
		ID: "h", From: began, To: began.Add(time.Duration(n) * length), Zone: hongKong, Cells: cells(n, length, 7), Wide: wide,
		Spans: []Span{{began.Add(time.Duration(n/5) * length), began.Add(time.Duration(n/5+2) * length), "incident <1>", "/incident/01KAR2MCWD"}},
		Marks: []Mark{{began.Add(time.Duration(n*5/8) * length), "2 of 12"}, {began.Add(time.Duration(n*6/8) * length), "1 of 12"}},
		Words: Words{Title: "203.0.113.7 over 3 hours", Desc: "least, median and greatest", RTT: "round-trip time, ms", Loss: "worst loss, %",
			Empty: "Nothing was measured in this time.", Beyond: "up to %s ms", Zone: "times at +08:00", Suspect: "missed pings, no incident"},
	}
}

func TestHistoryGolden(t *testing.T) {
	for name, h := range map[string]History{
		"history-3h": history(180, time.Minute, 900), "history-10d": history(240, time.Hour, 900),
		"history-360d": history(360, 24*time.Hour, 900), "history-narrow": history(90, 20*time.Minute, 360),
		"history-empty": {ID: "h", From: began, To: began.Add(3 * time.Hour), Zone: hongKong, Wide: 900, Words: history(1, time.Hour, 900).Words},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, h.Draw()) })
	}
}

func TestStripsGolden(t *testing.T) {
	golden(t, "status", Status("s", "Availability", "3 of 36 lossy", cells(36, 5*time.Minute, 3), 900))
	golden(t, "year", Year("y", "A year", "", cells(360, 24*time.Hour, 5), hongKong, 900))
	golden(t, "year-narrow", Year("y", "A year", "", cells(360, 24*time.Hour, 5), hongKong, 360))
	p := report.Pings{From: began, Answer: strings.Repeat("r", 40) + "--lu?n" + strings.Repeat("r", 20)}
	for i := range len(p.Answer) {
		p.TxMS = append(p.TxMS, int64(i)*1000)
	}
	golden(t, "pings", Pings("p", "pings", &p, nil, began, began.Add(70*time.Second), 240, 20))
}

func TestBadgeGolden(t *testing.T) {
	golden(t, "badge", Badge("203.0.113.7", "lossy 12/300", ToneBad))
	golden(t, "badge-hostile", Badge("</text><script>alert(1)</script>\x1b[2J\u202e"+strings.Repeat("长", 60), "正常\r\n", ToneGood))
}

// TestCoarseKeepsTheWorst: whatever is joined, the worst, the least and the
// greatest are those of the members, and counts are their sums.
func TestCoarseKeepsTheWorst(t *testing.T) {
	for seed := range uint64(200) {
		fine := cells(1+int(seed), time.Minute, seed)
		n := 1 + int(seed%7)
		coarse := Coarse(fine, n)
		k := 0
		for part := range slices.Chunk(fine, n) {
			c := &coarse[k]
			k++
			var worst, greatest, least float64 = -1, -1, -1
			sent, lost, reports, unknown := 0, 0, 0, 0
			for i := range part {
				m := &part[i]
				sent, lost, reports, unknown = sent+m.Sent, lost+m.Lost, reports+m.Reports, unknown+m.Unknown
				if m.Worst != nil {
					worst = max(worst, *m.Worst)
				}
				if m.Max != nil {
					greatest = max(greatest, ms(*m.Max))
				}
				if m.Min != nil && (least < 0 || ms(*m.Min) < least) {
					least = ms(*m.Min)
				}
			}
			known := func(f float64, set bool) bool { return (f >= 0) == set }
			if !known(worst, c.Worst != nil) || !known(greatest, c.Max != nil) || !known(least, c.Min != nil) {
				t.Fatalf("seed %d: known where it is not, or the other way round: %+v", seed, c)
			}
			if c.Worst != nil && *c.Worst != worst || c.Max != nil && ms(*c.Max) != greatest || c.Min != nil && ms(*c.Min) != least {
				t.Fatalf("seed %d: worst, greatest or least is not that of the members: %+v", seed, c)
			}
			if c.Sent != sent || c.Lost != lost || c.Reports != reports || c.Unknown != unknown || c.Blank() != (reports == 0 && sent == 0) {
				t.Fatalf("seed %d: counts %+v", seed, c)
			}
		}
		if k != len(coarse) {
			t.Fatalf("%d cells of %d", len(coarse), k)
		}
	}
}

// TestLossIsSeen: a single lossy cell among hundreds, however small the
// loss, has a bar of its colour, and what nobody measured has none.
func TestLossIsSeen(t *testing.T) {
	for _, percent := range []float64{0.01, 1, 9.9, 31, 99.9, 100} {
		h := history(360, time.Minute, 360)
		h.Spans, h.Marks = nil, nil
		for i := range h.Cells {
			h.Cells[i] = Cell{Start: h.Cells[i].Start, Length: time.Minute}
		}
		h.Cells[200].Reports, h.Cells[200].Sent, h.Cells[200].Worst = 1, 100, &percent
		for name, svg := range map[string][]byte{"history": h.Draw(), "status": Status("s", "", "", h.Cells, 900), "year": Year("y", "", "", h.Cells, hongKong, 360)} {
			sound(t, svg)
			want := fmt.Sprintf(`fill="%s"`, ramp[Step(percent)])
			if n := strings.Count(string(svg), want); n != 1 {
				t.Errorf("%s: %g %%: %d paths of %s, want 1", name, percent, n, want)
			}
			if name != "status" && strings.Contains(string(svg), inkInner) {
				t.Errorf("%s: what nobody measured is drawn as clean", name)
			}
		}
	}
}

// TestPingsShowTheWorst: one lost ping among thousands is seen.
func TestPingsShowTheWorst(t *testing.T) {
	for _, at := range []int{0, 777, 4999} {
		answers := bytes.Repeat([]byte("r"), 5000)
		answers[at] = '-'
		p := report.Pings{From: began, Answer: string(answers)}
		for i := range answers {
			p.TxMS = append(p.TxMS, int64(i)*1000)
		}
		svg := string(Pings("p", "", &p, nil, began, began.Add(5000*time.Second), 120, 20))
		if n := strings.Count(svg, ramp[0]); n != 1 { // 1 of some 80 on the same pixels
			t.Errorf("ping %d is lost: %d marks of it, want 1", at, n)
		}
	}
	if svg := string(Pings("p", "", nil, nil, began, began.Add(time.Minute), 120, 20)); strings.Contains(svg, inkAnswer) || strings.Contains(svg, ramp[0]) {
		t.Error("pings that nobody sent are drawn")
	}
}

// TestTicksOfADayOfTwentyThreeHours: midnights are where the zone has them,
// none is said twice, and an hour that the day does not have is not there.
func TestTicksOfADayOfTwentyThreeHours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []string{"2026-03-29", "2026-10-25"} {
		from, err := time.ParseInLocation(time.DateOnly, day, berlin)
		if err != nil {
			t.Fatal(err)
		}
		to := from.AddDate(0, 0, 1)
		list := ticksOf(from, to, berlin, 24)
		for i, k := range list {
			if i > 0 && !k.at.After(list[i-1].at) {
				t.Errorf("%s: %s after %s", day, k.at, list[i-1].at)
			}
		}
		if last := list[len(list)-1]; !last.at.Equal(to) || !last.major {
			t.Errorf("%s: the last tick is %v, want midnight", day, last)
		}
	}
	for _, length := range []time.Duration{time.Second, time.Minute, time.Hour, 30 * time.Hour, 240 * time.Hour, 360 * 24 * time.Hour, 20 * 366 * 24 * time.Hour} {
		for _, most := range []int{3, 12} {
			if n := len(ticksOf(began, began.Add(length), hongKong, most)); n > most+1 {
				t.Errorf("%d ticks over %s, want at most %d", n, length, most+1)
			}
		}
	}
}

func TestTextWidth(t *testing.T) {
	if w := TextWidth("lossy 12/300", 11); w < 65 || w > 80 {
		t.Errorf("got %g", w)
	}
	for _, s := range []string{"", "abc", strings.Repeat("長", 100), strings.Repeat("i", 1000)} {
		if c := Cut(s, 11, 100); TextWidth(c, 11) > 100 {
			t.Errorf("%q is still %g wide", c, TextWidth(c, 11))
		}
	}
}

func BenchmarkHistory(b *testing.B) {
	h := history(240, time.Hour, 900)
	for b.Loop() {
		h.Draw()
	}
}
