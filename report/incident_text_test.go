package report

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestIncidentTextGolden(t *testing.T) {
	for name, s := range incidents(t) {
		t.Run(name, func(t *testing.T) {
			got := IncidentText(s.inc, s.reports)
			safeText(t, got)
			narrow(t, got)
			golden(t, filepath.Join("testdata", "incident-"+name+".txt"), got)
		})
	}
}

// TestIncidentTextShowsEveryLoss: what a strip leaves out is counted, and
// each character stands for what it says.
func TestIncidentTextShowsEveryLoss(t *testing.T) {
	fates := "rrl-un?"
	i := -1
	m := memberOf("203.0.113.7", beat(0, 6*time.Second, time.Second, func(float64) (byte, int64) {
		i++
		if fates[i] == 'r' || fates[i] == 'l' {
			return fates[i], 9000
		}
		return fates[i], 0
	}), nil)
	if text := IncidentText(incidentOf(m), nil); !strings.Contains(text, "\n  14:05:31 ..lxxx?  3 lost  p50 9.0 ms\n") {
		t.Errorf("no strip ..lxxx? in\n%s", text)
	}

	// 3,000 pings are too many lines: the ones left out lost 30, the rest none.
	m = memberOf("203.0.113.7", beat(0, 2999*time.Second, time.Second, func(ms float64) (byte, int64) {
		if s := int(ms) / 1000; s >= 1000 && s < 1030 {
			return AnswerLost, 0
		}
		return AnswerReply, 9000
	}), after(1030*time.Second))
	text := IncidentText(incidentOf(m), nil)
	if !strings.Contains(text, "… 2280 pings more, 30 of 2280 lost\n") {
		t.Errorf("the pings left out are not counted:\n%s", text)
	}
	if n := strings.Count(text, "\n  14:") + strings.Count(text, "\n  15:"); n != 12 {
		t.Errorf("got %d lines of pings, want 12", n)
	}

	// More members than there is room for.
	var members []Member
	for i := range 30 {
		members = append(members, memberOf(fmt.Sprintf("203.0.113.%d", i), beat(0, 9*time.Second, time.Second, lossy(1, 0, 5000, 1)), nil))
	}
	inc := incidentOf(members...)
	inc.Affected = 500
	text = IncidentText(inc, nil)
	if !strings.Contains(text, "\n  and 480 more\n") || strings.Count(text, "\n  203.0.113.") != 20 {
		t.Errorf("got\n%s", text)
	}
}

func TestBucketMark(t *testing.T) {
	for _, c := range []struct {
		lost, sent int
		want       byte
	}{{0, 0, '?'}, {0, 60, '.'}, {1, 600, '1'}, {6, 60, '1'}, {30, 60, '5'}, {599, 600, '9'}, {60, 60, 'x'}} {
		if got := (&Bucket{Lost: c.lost, Sent: c.sent}).mark(); got != c.want {
			t.Errorf("%d of %d: got %c, want %c", c.lost, c.sent, got, c.want)
		}
	}
}

func TestLasting(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{9800 * time.Millisecond, "9.8 s"}, {10 * time.Second, "10 s"}, {100 * time.Second, "1 min 40 s"},
		{3*time.Hour + 20*time.Minute, "3 h 20 min"}, {100 * time.Hour, "4 days"},
	} {
		if got := lasting(c.d); got != c.want {
			t.Errorf("%s: got %q, want %q", c.d, got, c.want)
		}
	}
}
