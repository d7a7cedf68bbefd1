package web

import (
	"time"

	"github.com/mtrq/mtrq/spool"
)

// watchMetrics are what the watchdog says in targets.json.
func watchMetrics(e *exposition, st *spool.WatchState, now time.Time) {
	up := isWatching(st, now)
	e.one("mtrq_watch_up", "gauge", "1 while the watchdog watches.", flag(up))
	e.one("mtrq_watch_state_timestamp_seconds", "gauge", "When the watchdog last gave a sign.", unixSeconds(st.At))
	if !up {
		return
	}
	n := st.Totals
	e.family("mtrq_watch_targets", "gauge", "Watched targets by state.")
	for _, c := range []struct {
		state spool.TargetState
		n     int
	}{
		{spool.TargetOK, n.OK}, {spool.TargetSuspect, n.Suspect}, {spool.TargetLossy, n.Lossy}, {spool.TargetSlow, n.Slow},
		{spool.TargetSilent, n.Silent}, {spool.TargetNew, n.New}, {spool.TargetPaused, n.Paused}, {spool.TargetUnresolved, n.Unresolved},
	} {
		e.sample("mtrq_watch_targets", float64(c.n), "state", string(c.state))
	}
	e.one("mtrq_watch_targets_thinned", "gauge", "Silent targets that are asked every 5 s only.", float64(n.Thinned))
	e.one("mtrq_watch_incidents_open", "gauge", "Incidents that are open.", float64(n.Open))
	e.counters([]counter{
		{"mtrq_watch_pings_sent_total", "Pings sent since the watchdog was started.", n.PingsSent},
		{"mtrq_watch_pings_lost_total", "Pings that were lost.", n.PingsLost},
		{"mtrq_watch_pings_late_total", "Pings answered after their deadline.", n.PingsLate},
		{"mtrq_watch_pings_unknown_total", "Pings of which nobody can say whether they were answered.", n.PingsUnknown},
		{"mtrq_watch_suspects_total", "Targets that missed a ping and were looked at.", n.Suspects},
		{"mtrq_watch_incidents_opened_total", "Incidents opened.", n.Opened},
		{"mtrq_watch_incidents_closed_total", "Incidents closed.", n.Closed},
	})
	e.family("mtrq_watch_source_targets", "gauge", "Targets of each list.")
	seen := map[string]bool{}
	for _, s := range st.Sources {
		if !seen[s.Source] {
			e.sample("mtrq_watch_source_targets", float64(s.Targets), "source", s.Source)
		}
		seen[s.Source] = true
	}
	e.family("mtrq_watch_source_up", "gauge", "1 where a list could be read the last time.")
	clear(seen)
	for _, s := range st.Sources {
		if !seen[s.Source] {
			e.sample("mtrq_watch_source_up", flag(s.Err == ""), "source", s.Source)
		}
		seen[s.Source] = true
	}
}

// targetMetrics name at most so many targets, the first of the list, so
// that a series does not come and go with how its target is.
func targetMetrics(e *exposition, st *spool.WatchState, most int) {
	var named []*spool.WatchTarget
	seen := map[string]bool{}
	for i := range st.Targets {
		t := &st.Targets[i]
		if len(named) == most {
			break
		}
		if key := t.Target + "\x00" + t.Group; !seen[key] {
			seen[key] = true
			named = append(named, t)
		}
	}
	if len(named) == 0 {
		return
	}
	e.family("mtrq_watch_target_loss_ratio", "gauge", "Lost part of the pings of the last 300 s.")
	for _, t := range named {
		if t.Sent > 0 {
			e.sample("mtrq_watch_target_loss_ratio", float64(t.Lost)/float64(t.Sent), "target", t.Target, "group", t.Group)
		}
	}
	e.family("mtrq_watch_target_rtt_seconds", "gauge", "Median round trip time of the last 300 s.")
	for _, t := range named {
		if t.P50US != nil {
			e.sample("mtrq_watch_target_rtt_seconds", float64(*t.P50US)/1e6, "target", t.Target, "group", t.Group)
		}
	}
	e.family("mtrq_watch_target_incident", "gauge", "1 while the target is in an open incident.")
	for _, t := range named {
		e.sample("mtrq_watch_target_incident", flag(t.Incident != ""), "target", t.Target, "group", t.Group)
	}
}
