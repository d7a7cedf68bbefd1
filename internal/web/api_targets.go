package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/mtrq/mtrq/spool"
)

// targetsJSON is what /api/v1/targets answers. Watching false: the rest
// is how things were at At, or nothing at all.
type targetsJSON struct {
	Schema   int                 `json:"schema"`
	Watching bool                `json:"watching"`
	Note     string              `json:"note,omitempty"`
	At       *time.Time          `json:"at,omitempty"`
	Totals   *spool.WatchTotals  `json:"totals,omitempty"`
	Canaries []spool.WatchTarget `json:"canaries,omitempty"`
	Targets  []spool.WatchTarget `json:"targets"`
	Matching int                 `json:"matching"` // of all targets, whatever the limit
	Sources  []spool.WatchSource `json:"sources,omitempty"`
}

// apiTargets answers /api/v1/targets: how the watched targets are now.
func (s *site) apiTargets(w http.ResponseWriter, r *http.Request) {
	p, bad := apiQuery(r, "state", "target", "group", "limit")
	var state, target, group string
	limit := 0
	if bad == nil {
		state = p.choice("state", string(spool.TargetOK), string(spool.TargetSuspect), string(spool.TargetLossy), string(spool.TargetSlow),
			string(spool.TargetSilent), string(spool.TargetNew), string(spool.TargetPaused), string(spool.TargetUnresolved))
		target, group, limit = p.word("target"), p.word("group"), p.limit()
		bad = p.problem
	}
	if bad != nil {
		s.fail(w, r, bad)
		return
	}
	out := targetsJSON{Schema: 1, Targets: []spool.WatchTarget{}}
	st, _ := s.watchState()
	switch fault := s.watchFault(); {
	case st == nil && fault != nil:
		s.fail(w, r, archiveProblem(fault))
		return
	case st == nil:
		out.Note = "no watchdog has written its state here"
		s.sendJSON(w, r, http.StatusOK, out)
		return
	}
	out.Watching = isWatching(st, s.Now())
	if !out.Watching {
		out.Note = "nobody is watching since " + st.At.Format(time.RFC3339)
	}
	out.At, out.Totals, out.Canaries, out.Sources = &st.At, &st.Totals, st.Canaries, st.Sources
	for _, t := range st.Targets {
		if state != "" && string(t.State) != state || group != "" && t.Group != group ||
			target != "" && !strings.EqualFold(t.Target, target) && t.Address.String() != target {
			continue
		}
		if out.Matching++; len(out.Targets) < limit {
			out.Targets = append(out.Targets, t)
		}
	}
	s.sendJSON(w, r, http.StatusOK, out)
}
