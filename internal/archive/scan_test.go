package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mtrq/mtrq/report"
)

var sameEntries = []cmp.Option{cmpopts.EquateComparable(netip.Addr{}), cmp.Comparer(func(a, b time.Time) bool {
	return a.Equal(b) && a.Format(time.RFC3339Nano) == b.Format(time.RFC3339Nano)
})}

// checkLine holds the scanner to encoding/json: what it takes, encoding/json
// takes, and sees the same.
func checkLine(t *testing.T, line []byte) (taken bool) {
	t.Helper()
	day, month := Date{2026, 11, 23}, "2026-11"
	var s scanned
	if taken = scanLine(line, 0, &s); taken {
		got, ok := s.entry()
		want, valid := decodeEntry(line, day)
		got.Day = day
		switch {
		case ok && !valid:
			t.Fatalf("encoding/json does not take %q", line)
		case ok:
			if diff := cmp.Diff(want, got, sameEntries...); diff != "" {
				t.Fatalf("%q (-encoding/json +scanned):\n%s", line, diff)
			}
			if s.at != nanos(want.At) {
				t.Fatalf("%q: at %d, not %d", line, s.at, nanos(want.At))
			}
			if p, _ := parseName(day, want.File); p.id != s.report {
				t.Fatalf("%q: report %s, not %s", line, s.report, p.id)
			}
		}
	}
	if scanLine(line, 30, &s) {
		got, ok := s.entry()
		want, valid := decodeMonthEntry(line, month)
		got.Day = Date{2026, 11, s.dd}
		if ok && !valid {
			t.Fatalf("encoding/json does not take %q in a target's file", line)
		}
		if ok && !cmp.Equal(want, got, sameEntries...) {
			t.Fatalf("%q (-encoding/json +scanned):\n%s", line, cmp.Diff(want, got, sameEntries...))
		}
	}
	return taken
}

// someText is what strangers write.
func someText(r *rand.Rand) string {
	all := []string{"", "loss over 20 %", "Zabbix: \"ICMP loss\" > 20 %", "丢包率过高", "a\\b", "tab\there", "line\nend", "\u2028\u202e", "<b>&amp;", "\x00\x1f\x7f", "\xff\xfe", "😀", `{"id":"`, `","file":"`}
	s := all[r.IntN(len(all))]
	if r.IntN(4) == 0 {
		s += fmt.Sprint(r.IntN(1000))
	}
	return s
}

// someEntry is a row of a day, with much left out or strange.
func someEntry(t testing.TB, r *rand.Rand, at time.Time, n uint64) Entry {
	id := makeID(t, at, n)
	maybe := func() bool { return r.IntN(3) > 0 }
	e := Entry{
		ID: id, At: at.Add(time.Duration(r.IntN(1e9))), Node: []string{"hk1", "fra2", "节点"}[r.IntN(3)],
		Asked: fmt.Sprintf("host%d.example.net", r.IntN(5)), Protocol: "icmp", Source: []string{"cli", "http", "watchdog"}[r.IntN(3)],
		Ended: report.EndedComplete,
	}
	report0 := id
	if r.IntN(5) == 0 { // it joined another one
		report0 = makeID(t, at, n-1)
	}
	dir := dirName(netip.Addr{}, e.Asked)
	if maybe() {
		e.Target = netip.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(8))})
		if r.IntN(4) == 0 {
			e.Target = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", 1+r.IntN(4)))
		}
		dir = dirName(e.Target, "")
		if r.IntN(2) == 0 {
			e.Asked = e.Target.String()
		}
	}
	if maybe() {
		e.Reason, e.Event = someText(r), someText(r)
	}
	if maybe() {
		e.Tags = map[string]string{"circuit": fmt.Sprint("GZ-", r.IntN(3))}
		if r.IntN(3) == 0 {
			e.Tags[someText(r)] = someText(r)
		}
	}
	if maybe() {
		sent := r.IntN(5) * 50
		lost := 0
		if r.IntN(2) == 0 {
			lost = r.IntN(sent + 1)
		}
		e.Sent, e.Lost = &sent, &lost
	}
	if maybe() {
		us := int64(r.IntN(300000))
		e.AvgUS = &us
		if maybe() {
			low, mid, high := us-us/10, us, us+us/5
			e.MinUS, e.MedianUS, e.MaxUS = &low, &mid, &high
		}
	}
	if maybe() {
		ttl, ms := r.IntN(30), float64(r.IntN(1e6))/1000
		e.State, e.TTL, e.AskedToFirstProbe = report.Reached, &ttl, &ms
		e.Verdict = []report.Class{report.Clean, report.RealLoss, report.TargetFilters, report.NotProven}[r.IntN(4)]
		e.Grade, e.Freshness = report.Weak, []report.Freshness{report.InEvent, report.Later, report.After}[r.IntN(3)]
	}
	e.File = fileName(at, dir, report0)
	return e
}

// TestScan is FuzzScan for lines that a writer made, whole and damaged.
func TestScan(t *testing.T) {
	zones := []string{"Asia/Shanghai", "UTC", "America/St_Johns"}
	r := rand.New(rand.NewPCG(1, 2))
	taken := 0
	const lines = 900
	for i := range lines {
		loc, err := time.LoadLocation(zones[i%3])
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 11, 23, r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e9), loc)
		prefix := ""
		if i%2 == 0 {
			prefix = "23/"
		}
		line, err := appendLine(nil, someEntry(t, r, at, uint64(i)+5), prefix)
		if err != nil {
			t.Fatal(err)
		}
		line = line[:len(line)-1]
		if checkLine(t, line) {
			taken++
		} else if prefix == "" && !bytes.ContainsRune(line, 0xfffd) {
			t.Errorf("not plainly a line of ours: %q", line)
		}
		for range 20 {
			checkLine(t, damaged(r, line))
		}
	}
	if taken < lines/3 {
		t.Errorf("only %d of %d lines need no encoding/json", taken, lines)
	}
}

// damaged changes a line a little, mostly so that it is still JSON.
func damaged(r *rand.Rand, line []byte) []byte {
	out := bytes.Clone(line)
	switch r.IntN(6) {
	case 0:
		out[r.IntN(len(out))] = byte(r.IntN(256))
	case 1:
		i := r.IntN(len(out))
		out = append(out[:i], out[min(len(out), i+1+r.IntN(3)):]...)
	case 2:
		i := r.IntN(len(out))
		out = append(out[:i:i], append([]byte(`"\u00e9,:{}0 1-.eE`)[:1+r.IntN(12)], out[i:]...)...)
	case 3:
		out = bytes.Replace(out, []byte(`1`), []byte{'0' + byte(r.IntN(10))}, 1+r.IntN(3))
	case 4:
		out = bytes.Replace(out, []byte(`:"`), []byte(`: "`), 1)
	default:
		var v map[string]any
		if json.Unmarshal(line, &v) == nil {
			keys := []string{"lost", "sent", "ttl", "avg_us", "asked_to_first_probe_ms", "target", "tags", "at", "file", "id", "node"}
			values := []any{nil, -1, 0, 1.5, 1e300, 1234567890123, "", "x", "203.0.113.7", map[string]any{}, map[string]any{"a": 1}, []any{}, true, "2026-02-29T00:00:00Z"}
			key, value := keys[r.IntN(len(keys))], values[r.IntN(len(values))]
			text, _ := json.Marshal(value)
			i := bytes.Index(out, []byte(`"`+key+`":`))
			if i >= 0 {
				rest := out[i+len(key)+3:]
				end := bytes.Index(rest, []byte(`,"`))
				if end >= 0 {
					out = append(append(append([]byte{}, out[:i+len(key)+3]...), text...), rest[end:]...)
				}
			}
		}
	}
	return out
}

func FuzzScan(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 40 {
		at := time.Date(2026, 11, 23, r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e9), time.UTC)
		line, err := appendLine(nil, someEntry(f, r, at, uint64(i)+5), []string{"", "23/"}[i%2])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line[:len(line)-1])
	}
	f.Fuzz(func(t *testing.T, line []byte) { checkLine(t, line) })
}
