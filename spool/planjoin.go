package spool

import "github.com/oklog/ulid/v2"

// served says that a job without events of its own joined a trace that is to
// be reported: one report answers both.
func (p *planner) served(id ulid.ULID) bool { return !isZeroID(p.with(id)) }

// with is the job whose report is to name this one, too.
func (p *planner) with(id ulid.ULID) ulid.ULID {
	by, ok := p.l.Joined[id]
	if !ok || p.l.Sent[id] || !p.l.Sent[by] || p.l.Reported[by] {
		return ulid.ULID{}
	}
	g := p.groups[by]
	own := len(g.new)+len(g.cur) > 0 && len(g.bad) == 0
	if own || p.batchOf[by] && len(g.bad) == 0 {
		return by
	}
	return ulid.ULID{}
}
