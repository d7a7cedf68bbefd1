package report

import (
	"strings"
	"testing"
	"time"
)

// TestSentenceIn: a sentence whose times are turned is the one that is judged
// with them in that zone.
func TestSentenceIn(t *testing.T) {
	zones := []*time.Location{time.UTC, time.FixedZone("", 8*3600), time.FixedZone("", -(3*3600 + 1800)), time.FixedZone("", 5*3600+2700)}
	turned := 0
	for name, s := range incidents(t) {
		for _, state := range []IncidentState{s.inc.State, IncidentOpen, IncidentInterrupted} {
			for _, shift := range []time.Duration{0, 15*time.Hour + 54*time.Minute + 20*time.Second} { // over a midnight
				inc := *s.inc
				inc.State, inc.Times.Began = state, inc.Times.Began.Add(-shift)
				if state == IncidentInterrupted {
					inc.Times.Recovered = nil
				}
				for _, from := range zones {
					was := JudgeIncident(inc.In(from), nil).Sentence
					for _, to := range zones {
						want := JudgeIncident(inc.In(to), nil).Sentence
						if got := SentenceIn(was, to); got != want {
							t.Errorf("%s, %s:\nfrom %s\ngot  %s\nwant %s", name, state, was, got, want)
						}
						if was != want {
							turned++
						}
					}
				}
			}
		}
	}
	if turned == 0 {
		t.Error("no sentence has a time")
	}
	// Two sentences in one, words that look like times, and none.
	east := time.FixedZone("", 8*3600)
	for was, want := range map[string]string{
		"203.0.113.7 lost 1 of 2 pings, at 2026-11-26 23:30:00.0 +00:00. Its trace: The target answered from 23:30:01.5 to 23:30:02.5.": "203.0.113.7 lost 1 of 2 pings, at 2026-11-27 07:30:00.0 +08:00. Its trace: The target answered from 07:30:01.5 to 07:30:02.5.",
		"at 2026-13-26 23:30:00.0 +00:00": "at 2026-13-26 23:30:00.0 +00:00",
		"packets were lost":               "packets were lost",
		"":                                "",
	} {
		if got := SentenceIn(was, east); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if s := "since 2026-11-26 10:03:17.9 +00:00, and not over at 10:04:00.0"; strings.Contains(SentenceIn(s, east), "10:0") {
		t.Error(SentenceIn(s, east))
	}
}
