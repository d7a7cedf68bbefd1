package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/mtrq/mtrq/internal/web/words"
	"github.com/mtrq/mtrq/spool"
)

type nodePage struct {
	head
	Tracing               bool
	Why                   string
	At                    *stamp // of the last sign of life; nil: there was none
	Run                   []fact
	Late                  string // empty: no job waits too long for its first probe
	Spool                 []fact
	Health                []nodeHealth
	Watch                 []fact
	Canaries              []nodeCanary
	Sources               []nodeSource
	WatchOld              string
	Incidents             []incidentRow // that are open
	OpenFault, WatchFault string        // why it is not known which are, and how the targets are
	Versions              []fact
}

type nodeHealth struct {
	What, Hint string
	OK         bool
}

type nodeCanary struct {
	Kind, Target, State, Mark, RTT, Lost string
}

type nodeSource struct {
	Source, Err, Note string
	Targets           int
	At                *stamp
}

func nodeURL(name string) string { return "/node/" + url.PathEscape(name) }

// node answers /node/NAME: for now this node alone.
func (s *site) node(w http.ResponseWriter, r *http.Request) {
	name, form := formExt(r.PathValue("name"), r)
	if name != s.Node {
		s.fail(w, r, &problem{status: http.StatusNotFound, code: codeNotFound,
			detail: "this server knows no node " + short(name), hint: "it knows itself: " + nodeURL(clean(s.Node))})
		return
	}
	h := s.head(r, s.Node)
	if form != formatHTML {
		h.Lang = words.English
	}
	st, tracing, why := s.runState(h)
	switch form {
	case formatJSON:
		out := struct {
			Node    string          `json:"node"`
			Version string          `json:"version"`
			Tracing bool            `json:"tracing"`
			Note    string          `json:"note,omitempty"`
			Run     *spool.RunState `json:"run,omitempty"`
		}{Node: s.Node, Version: s.Version, Tracing: tracing, Note: why}
		if !st.At.IsZero() {
			out.Run = &st
		}
		s.sendJSON(w, r, http.StatusOK, out)
	case formatText:
		s.send(w, r, http.StatusOK, textPlain, s.nodePage(h, st, tracing, why).text())
	default:
		s.page(w, r, http.StatusOK, "node.html", s.nodePage(h, st, tracing, why))
	}
}

func (s *site) nodePage(h head, st spool.RunState, tracing bool, why string) nodePage {
	p := nodePage{head: h, Tracing: tracing, Why: why}
	p.Section, p.Refresh = "node", liveRefresh
	if !st.At.IsZero() {
		at := s.stamp(st.At)
		p.At = &at
	}
	if tracing {
		late := ""
		if l := st.LatenessMS; l != nil {
			late = p.T("node.late.of", millis(l.P50), millis(l.P99))
		}
		p.Run = facts(
			p.T("node.long"), p.T("node.of", st.Jobs.LongLook, st.Jobs.Limit),
			p.T("node.first"), count(st.Jobs.FirstLook),
			p.T("node.queued"), count(st.Jobs.Queued),
			p.T("node.waiting"), count(st.Jobs.Waiting),
			p.T("node.late"), late,
		)
		p.Late = p.late(st)
	}
	if d, err := s.Spool.Depth(); err == nil {
		p.Spool = facts(p.T("node.spool.drop"), count(d.Drop), p.T("node.spool.new"), count(d.New), p.T("node.spool.cur"), count(d.Cur), p.T("node.spool.bad"), count(d.Bad))
	}
	for _, h := range st.Health {
		p.Health = append(p.Health, nodeHealth{What: p.wordOf("health", h.What), Hint: clean(h.Hint), OK: h.OK})
	}
	s.watchFacts(&p)
	open, err := s.openIncidents()
	p.Incidents, p.OpenFault = s.incidentRows(p.head, open), faultText(err)
	p.Versions = facts("mtrq serve", s.Version, "mtrq run", st.Version, "mtr-packet", st.Pool.Version)
	place := nodeURL(s.Node)
	for _, f := range []string{"txt", "json"} {
		p.Links = append(p.Links, link{strings.ToUpper(f), place + "." + f})
	}
	return p
}

// watchFacts are what the watchdog says of its targets.
func (s *site) watchFacts(p *nodePage) {
	w, _ := s.watchState()
	if w == nil {
		p.WatchFault = faultText(s.watchFault())
		return
	}
	if !isWatching(w, s.Now()) {
		p.WatchOld = w.At.In(s.Archive.Location()).Format(longTime)
	}
	n := w.Totals
	p.Watch = facts(p.T("node.targets"), count(n.Targets))
	for _, c := range []struct {
		state spool.TargetState
		n     int
	}{{spool.TargetLossy, n.Lossy}, {spool.TargetSlow, n.Slow}, {spool.TargetSuspect, n.Suspect}, {spool.TargetOK, n.OK}, {spool.TargetNew, n.New},
		{spool.TargetSilent, n.Silent}, {spool.TargetPaused, n.Paused}, {spool.TargetUnresolved, n.Unresolved}} {
		if c.n > 0 {
			p.Watch = append(p.Watch, fact{p.wordOf("tstate", string(c.state)), count(c.n)})
		}
	}
	if sent := n.PingsSent; sent > 0 {
		p.Watch = append(p.Watch, facts(p.T("node.pings"), p.T("node.pings.of", count(n.PingsLost), count(sent)))...)
	}
	for _, c := range w.Canaries {
		target := clean(c.Target)
		if c.Address.IsValid() {
			target = c.Address.String()
		}
		lost := ""
		if c.Sent > 0 {
			lost = p.T("rows.lost_of", c.Lost, c.Sent)
		}
		p.Canaries = append(p.Canaries, nodeCanary{Kind: p.wordOf("inc.canary", c.Source), Target: target, State: p.wordOf("tstate", string(c.State)),
			Mark: markOfState(c.State), RTT: microText(c.LastUS), Lost: lost})
	}
	for _, src := range w.Sources {
		row := nodeSource{Source: clean(src.Source), Targets: src.Targets, Err: clean(src.Err), Note: clean(src.Note)}
		if src.At != nil {
			at := s.stamp(*src.At)
			row.At = &at
		}
		p.Sources = append(p.Sources, row)
	}
}

// text is the node for a terminal.
func (p nodePage) text() []byte {
	var b strings.Builder
	if p.Tracing {
		b.WriteString(p.Node + ": tracing\n")
	} else {
		b.WriteString(p.Node + ": nobody is tracing: " + p.Why + "\n")
	}
	if p.Late != "" {
		b.WriteString(p.Late + "\n")
	}
	for _, f := range append(append(p.Run, p.Watch...), p.Versions...) {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	for _, h := range p.Health {
		if !h.OK {
			b.WriteString(h.What + ": " + h.Hint + "\n")
		}
	}
	b.WriteString(openFaultText(p.OpenFault) + watchFaultText(p.WatchFault))
	return []byte(b.String())
}
