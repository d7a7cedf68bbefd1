package spool

import (
	"slices"

	"github.com/oklog/ulid/v2"
)

// batch plans for a batch file: each line is a job whose report exists, that
// has gone its own way, that sent probes, or that is still open.
func (p *planner) batch(id ulid.ULID, g *group) {
	defer p.rest(id, g)
	if len(g.bad) > 0 {
		p.removeAll(id, g.cur, g.new)
		ids := p.l.Batches[g.bad[0].Name]
		p.reportLines(p.lines(ids), g.bad[0].Name)
		return
	}
	if len(g.new) == 0 && len(g.cur) == 0 {
		return
	}
	keep, rest := pick(g)
	ids, readable := p.l.Batches[keep.Name]
	if !readable {
		p.do(Action{Do: Move, ID: id, File: keep.Name, To: Name{"bad", keep.File}, Reason: "cannot be read as a batch"})
		p.removeAll(id, rest)
		return
	}
	lines := p.lines(ids)
	at := keep.Name
	switch {
	case lines.open == 0 && len(lines.sent) == 0:
		p.remove(id, keep.Name, "all its jobs are done")
		p.removeAll(id, rest)
		return
	case lines.open > 0 && keep.Dir == "cur" && len(lines.sent) > 0:
		at = p.onward(id, keep, rest)
	case lines.open > 0 && keep.Dir == "cur":
		at = p.again(id, g, "its jobs were claimed and given back")
	default:
		p.removeAll(id, rest)
	}
	p.reportLines(lines, at)
}

// onward puts a batch back into new/ as it was: jobs of it were traced, so the
// runner did not die of the batch, and each time fewer are left.
func (p *planner) onward(id ulid.ULID, keep copyOf, rest []copyOf) Name {
	at := Name{"new", keep.File}
	if slices.ContainsFunc(rest, func(c copyOf) bool { return c.Name == at }) {
		rest = slices.DeleteFunc(rest, func(c copyOf) bool { return c.Name == at })
		rest = append(rest, keep)
	} else {
		p.do(Action{Do: Move, ID: id, File: keep.Name, To: at})
	}
	p.removeAll(id, rest)
	return at
}

// linesFound counts the jobs of a batch by what became of them.
type linesFound struct {
	sent []ulid.ULID // to be reported
	open int         // nothing happened yet
}

// lines sorts the jobs of a batch and removes the events that no longer
// count.
func (p *planner) lines(ids []ulid.ULID) linesFound {
	var f linesFound
	for _, id := range ids {
		p.inBatch[id] = true
		g := p.groups[id]
		if g == nil {
			g = &group{}
		}
		switch {
		case len(g.new)+len(g.cur)+len(g.bad) > 0:
			// It has files of its own, planned for under its own ID.
		case p.l.Reported[id]:
			// Its events go with the group of its own ID.
		case p.l.Sent[id] || p.served(id):
			f.sent = append(f.sent, id)
		default:
			p.removeEvents(id, g)
			f.open++
		}
	}
	return f
}

func (p *planner) reportLines(f linesFound, in Name) {
	for _, id := range f.sent {
		p.do(Action{Do: Report, ID: id, File: in, With: p.with(id)})
	}
}
