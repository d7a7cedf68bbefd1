package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/spool"
)

// TestTextWidth: what a terminal shows of it, not what it is made of.
func TestTextWidth(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "gz-edge": 7, "广州边缘": 8, "é": 1, "e\u0301": 1, "▁█": 2,
		"\x1b[1;31mlossy\x1b[0m": 5, "\x1b[31": 4, "ｆ": 2,
	} {
		if got := textWidth(in); got != want {
			t.Errorf("%q: got %d, want %d", in, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, tc := range []struct {
		in    string
		width int
		want  string
	}{
		{"lossy", 5, "lossy"},
		{"lossy", 4, "loss"},
		{"lossy", 0, ""},
		{"广州", 3, "广"}, // half a character is none
		{"\x1b[31mlossy\x1b[0m!", 5, "\x1b[31mlossy\x1b[0m\x1b[0m"}, // its colour ends
		{"\x1b[31mlossy\x1b[0m", 5, "\x1b[31mlossy\x1b[0m"},
		{"\x1b[31mlossy\x1b[0m", 2, "\x1b[31mlo\x1b[0m"},
	} {
		if got := clip(tc.in, tc.width); got != tc.want {
			t.Errorf("%q to %d: got %q, want %q", tc.in, tc.width, got, tc.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		in    string
		width int
		want  []string
	}{
		{"ab cd ef gh", 0, []string{"ab cd ef gh"}},
		{"ab cd ef gh", 5, []string{"ab cd", "  ef", "  gh"}},
		{"ab \x1b[31mcd\x1b[0m ef", 5, []string{"ab \x1b[31mcd\x1b[0m", "  ef"}},
		{"abcdefgh ij", 5, []string{"abcdefgh", "  ij"}},
	} {
		if got := wrap(tc.in, tc.width, 2); !slices.Equal(got, tc.want) {
			t.Errorf("%q at %d: got %q, want %q", tc.in, tc.width, got, tc.want)
		}
	}
}

func us(v int64) *int64 { return &v }

// variedView has a target in every state, with names and groups of all
// sorts.
func variedView() targetsView {
	now := time.Date(2026, 11, 23, 14, 5, 45, 0, time.UTC)
	st := &spool.WatchState{Schema: 1, At: now, Node: "hk1", Sources: []spool.WatchSource{{Source: "/etc/mtrq/gz.json", Err: "line 3: unexpected end"}}}
	names := []string{"203.0.113.9", "203.0.113.10", "edge.example.net", "2001:db8::7", "a.example.net", strings.Repeat("long.", 20) + "example.net"}
	groups := []string{"", "gz-edge", "广州边缘"}
	for i := range 24 {
		state := worstFirst()[i%8]
		x := spool.WatchTarget{
			Target: names[i%len(names)], Address: netip.MustParseAddr("203.0.113.9"), Group: groups[i%3], Interval: 1000, State: state,
			Since: now.Add(-time.Duration(i*i) * time.Hour / 9), Lost: i, Sent: 300, Strip: strings.Repeat("r", 40) + "-l?un" + strings.Repeat("-", 14) + "?",
			LastUS: us(int64(i) * 9040), P50US: us(9040), P95US: us(9310), Incident: "01KAR1ACT0W4M6E8G2N7P3QRSZ", Note: "since today",
		}
		if state == spool.TargetUnresolved {
			x.Address, x.Sent, x.Lost, x.LastUS, x.P50US, x.P95US, x.Strip = netip.Addr{}, 0, 0, nil, nil, nil, ""
		}
		st.Targets = append(st.Targets, x)
	}
	st.Totals = spool.WatchTotals{Targets: 24, Lossy: 3, Slow: 3, Suspect: 3, Silent: 3, Unresolved: 3, New: 3, Paused: 3, OK: 3, Thinned: 2, Open: 1}
	st.Canaries = []spool.WatchTarget{{Target: "127.0.0.1", Source: "loopback", State: spool.TargetOK, LastUS: us(38), Sent: 300}}
	v := targetsView{st: st, now: now, loc: time.UTC, keys: true}
	v.rows, v.matched = targetFilter{}.choose(st.Targets)
	return v
}

// TestTargetsFit: whatever the size of the terminal, no line is wider and
// the whole is not higher, in colour or not, and the worst are seen.
func TestTargetsFit(t *testing.T) {
	v := variedView()
	for _, ink := range []bool{false, true} {
		for _, height := range []int{8, 23, 200} {
			for width := 60; width <= 260; width += 8 {
				text := v.text(width, height, ink)
				if ink != strings.Contains(text, "\x1b") {
					t.Fatalf("%d×%d: colour %v, got\n%q", width, height, ink, text)
				}
				lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
				if len(lines) > height {
					t.Errorf("%d×%d: %d lines", width, height, len(lines))
				}
				for _, l := range lines {
					if got := textWidth(l); got > width {
						t.Errorf("%d×%d: a line has %d columns: %s", width, height, got, l)
					}
				}
				if !strings.Contains(text, "TARGET") || !strings.Contains(text, "lossy") || !strings.Contains(lines[len(lines)-1], "q quits") {
					t.Errorf("%d×%d: got\n%s", width, height, text)
				}
			}
		}
	}
}

// TestTargetsColumns: each column begins, or ends, at the same place in all
// lines, also below Chinese names and colours.
func TestTargetsColumns(t *testing.T) {
	v := variedView()
	for _, ink := range []bool{false, true} {
		lines := v.table().lines(0, ink)
		at := func(l, word string) int { // columns before it
			before, _, found := strings.Cut(l, word)
			if !found {
				t.Fatalf("no %q in %q", word, l)
			}
			return textWidth(before)
		}
		for i, l := range lines[1:] {
			state := string(v.rows[i].State)
			if got, want := at(l, state), at(lines[0], "STATE"); got != want {
				t.Errorf("colour %v: %s in column %d, want %d: %s", ink, state, got, want, l)
			}
			if got, want := at(l, "01KAR1"), at(lines[0], "INCIDENT"); got != want {
				t.Errorf("colour %v: incident in column %d, want %d: %s", ink, got, want, l)
			}
		}
	}
}

// TestColumnsNobodyNeeds: one that says nothing in any row is left out.
func TestColumnsNobodyNeeds(t *testing.T) {
	v := variedView()
	for i := range v.rows {
		v.rows[i].Group, v.rows[i].Note = "", ""
	}
	head := v.table().lines(0, false)[0]
	if strings.Contains(head, "GROUP") || strings.Contains(head, "NOTE") || !strings.Contains(head, "INCIDENT") {
		t.Errorf("got %s", head)
	}
}

func TestPingsText(t *testing.T) {
	for _, tc := range []struct {
		strip    string
		interval int64
		want     string
	}{
		{"", 1000, "-"},
		{"rr-lun?r", 1000, "··xlun?·"},
		{"rr-?", 1000, "··x "},        // under way
		{"rr-??", 1000, "··x? "},      // only one can be
		{"rr-????", 500, "··x??  "},   // two can
		{"r?-?r", 200, "·?x?·"},       // answered later than those nobody listened to
		{"r\x1b[2Jr", 1000, "· [2J·"}, // of a stranger's file
	} {
		if got := pingsText(spool.WatchTarget{Strip: tc.strip, Interval: tc.interval}); got != tc.want {
			t.Errorf("%q each %d ms: got %q, want %q", tc.strip, tc.interval, got, tc.want)
		}
	}
}

// TestPingsInColour: what is lost is another block than what was answered,
// and of a target of whose losses nothing is made, none is red.
func TestPingsInColour(t *testing.T) {
	got := cell{text: "··xl", pings: true}.draw(true)
	if want := "\x1b[32m▁▁\x1b[0m\x1b[31m█\x1b[0m\x1b[33m▄\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got = cell{text: "·x", pings: true, ink: inkDim}.draw(true)
	if want := "\x1b[2m▁█\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (cell{text: "·x", pings: true}).draw(false); got != "·x" {
		t.Errorf("without colour: got %q", got)
	}
}

func TestUSText(t *testing.T) {
	for in, want := range map[int64]string{0: "0.00ms", 38: "0.04ms", 9040: "9.04ms", 31200: "31.2ms", 182000: "182ms", 1_200_000: "1200ms"} {
		if got := usText(&in); got != want {
			t.Errorf("%d µs: got %s, want %s", in, got, want)
		}
	}
	if got := usText(nil); got != "-" {
		t.Errorf("unknown: got %s", got)
	}
}

// TestChoose: worst first, then addresses as numbers, then names in any case; and what
// a filter lets through.
func TestChoose(t *testing.T) {
	all := []spool.WatchTarget{
		{Target: "B.example.net", State: spool.TargetOK, Address: netip.MustParseAddr("192.0.2.1"), Tags: map[string]string{"circuit": "GZ-2231"}},
		{Target: "203.0.113.10", State: spool.TargetOK, Group: "gz-edge"},
		{Target: "203.0.113.9", State: spool.TargetOK, Group: "gz-edge2"},
		{Target: "a.example.net", State: spool.TargetOK},
		{Target: "x.example.net", State: "of tomorrow"},
	}
	for _, s := range worstFirst() {
		if s != spool.TargetOK {
			all = slices.Insert(all, 0, spool.WatchTarget{Target: string(s), State: s})
		}
	}
	ofNames := func(f targetFilter) string {
		rows, matched := f.choose(all)
		var names []string
		for _, r := range rows {
			names = append(names, r.Target)
		}
		return fmt.Sprint(matched, names)
	}
	for _, tc := range []struct {
		filter targetFilter
		want   string
	}{
		{targetFilter{}, "12 [lossy slow suspect silent unresolved new paused 203.0.113.9 203.0.113.10 a.example.net B.example.net x.example.net]"},
		{targetFilter{limit: 2}, "12 [lossy slow]"},
		{targetFilter{pattern: "Example"}, "3 [a.example.net B.example.net x.example.net]"},
		{targetFilter{pattern: "192.0.2"}, "1 [B.example.net]"},
		{targetFilter{pattern: "gz-"}, "3 [203.0.113.9 203.0.113.10 B.example.net]"},
		{targetFilter{pattern: "circuit=GZ"}, "1 [B.example.net]"},
		{targetFilter{group: "gz-edge"}, "1 [203.0.113.10]"},
		{targetFilter{states: []spool.TargetState{spool.TargetSlow, spool.TargetLossy}}, "2 [lossy slow]"},
		{targetFilter{pattern: "nothing"}, "0 []"},
	} {
		if got := ofNames(tc.filter); got != tc.want {
			t.Errorf("%+v: got %s, want %s", tc.filter, got, tc.want)
		}
	}
}

func TestPauseUntil(t *testing.T) {
	hk := time.FixedZone("HK", 8*3600)
	now := time.Date(2026, 11, 23, 14, 0, 0, 300_000_000, hk)
	for in, want := range map[string]string{
		"1m": "2026-11-23T14:01:01+08:00", "90m": "2026-11-23T15:30:01+08:00", "3d": "2026-11-26T14:00:01+08:00", "1d12h": "2026-11-25T02:00:01+08:00",
		"30d": "2026-12-23T14:00:01+08:00", "2026-11-24T06:00": "2026-11-24T06:00:00+08:00", "2026-11-24 06:00:10": "2026-11-24T06:00:10+08:00",
		"2026-11-24T06:00:00Z": "2026-11-24T14:00:00+08:00",
	} {
		got, err := pauseUntil(in, now, hk)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: got %s, %v, want %s", in, got.Format(time.RFC3339), err, want)
		}
	}
	for _, in := range []string{"", "2", "d", "tomorrow", "59s", "31d", "30d1s", "-1h", "-1d", "99999999999d", "2026-11-23T14:00", "2026-12-24T15:00", "2026-11-24", "9999h9999h9999h"} {
		if got, err := pauseUntil(in, now, hk); err == nil {
			t.Errorf("%q: got %s, want an error", in, got)
		}
	}
}

func TestSpanText(t *testing.T) {
	for in, want := range map[time.Duration]string{
		59 * time.Second: "59s", 90 * time.Second: "2m", 2*time.Hour + time.Second: "2h00m", 23*time.Hour + 59*time.Minute + 40*time.Second: "1d0h", 76 * time.Hour: "3d4h",
	} {
		if got := spanText(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"203.0.113.7", "203.0.113.77", 1}, {"x", strings.Repeat("y", 300), 299},
	} {
		if got := editDistance(tc.a, tc.b); got != tc.want {
			t.Errorf("%q, %q: got %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestNearest(t *testing.T) {
	all := []spool.WatchTarget{{Target: "198.51.100.1"}, {Target: "203.0.113.8"}, {Target: "203.0.113.77"}, {Target: "edge.example.net"}, {Target: "core.example.net"}}
	for in, want := range map[string][]string{
		"203.0.113.7": {"203.0.113.8", "203.0.113.77"},
		"edge":        {"edge.example.net"},
		"2001:db8::1": nil,
	} {
		if diff := cmp.Diff(want, nearest(in, all)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestPausedName(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "2001-db8--7": "2001:db8::7", "my-edge.example.net": "my-edge.example.net", "--1": "::1", "x\x1b[2J": "x [2J",
	} {
		if got := pausedName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
