package main

import (
	"testing"
	"time"

	"github.com/mtrq/mtrq/spool"
)

func TestStanding(t *testing.T) {
	started := time.Date(2026, 11, 26, 10, 3, 0, 0, time.Local)
	now := started.Add(time.Hour)
	for name, c := range map[string]struct {
		state string
		age   time.Duration
		want  string
	}{
		"at work":         {"running", time.Second, "running since 2026-11-26 10:03:00"},
		"ending":          {"draining", time.Second, "draining; was started 2026-11-26 10:03:00"},
		"ended":           {"draining", 10 * time.Minute, "stopped: no sign of it since 2026-11-26 10:53:00; was started 2026-11-26 10:03:00"},
		"killed":          {"running", 10 * time.Minute, "stopped: no sign of it since 2026-11-26 10:53:00; was started 2026-11-26 10:03:00"},
		"of a later time": {"running", -time.Minute, "stopped: no sign of it since 2026-11-26 11:04:00; was started 2026-11-26 10:03:00"},
	} {
		if got := standing(spool.RunState{State: c.state, At: now.Add(-c.age), Started: started}, now); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
