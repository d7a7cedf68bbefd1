package spool

import (
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"
)

// A Listing is all that recovery decides by.
type Listing struct {
	Files    []Found
	Batches  map[Name][]ulid.ULID    // the jobs of each batch file; one that is missing here cannot be read
	Sent     map[ulid.ULID]bool      // the events in cur/ hold a whole line of a probe
	Reported map[ulid.ULID]bool      // the archive has the report
	Joined   map[ulid.ULID]ulid.ULID // the events of the second say that its trace serves the first, too
}

// Found is one file of tmp/, new/, cur/ or bad/.
type Found struct {
	Name
	Fresh bool // changed lately: in tmp/, its sender may be at work
}

// An Action is one step of recovery. The steps are taken in order; after a
// crash between two of them Plan gives what is left to do.
type Action struct {
	Do     Verb
	ID     ulid.ULID // of the job or batch
	File   Name
	To     Name      // of Move
	With   ulid.ULID // of Report: the job in whose report it is named; zero: its own
	Reason string    // of Move to bad/ and Explain; why, of Remove
}

// Verb is what to do with a file.
type Verb string

const (
	Remove  Verb = "remove"
	Move    Verb = "move"
	Report  Verb = "report"  // hand the job in File to the runner, to be reported as interrupted
	Explain Verb = "explain" // write the reason beside a file in bad/
)

// Plan says what to do with what was found after the last runner ended, by
// the table in the package documentation. It looks at nothing but l. What
// needs nothing done gets no action.
func Plan(l Listing) []Action {
	p := planner{
		l: l, groups: map[ulid.ULID]*group{}, inBatch: map[ulid.ULID]bool{}, coming: map[Name]bool{},
		batchOf: map[ulid.ULID]bool{},
	}
	p.sort()
	for _, ids := range l.Batches {
		for _, id := range ids {
			p.batchOf[id] = true
		}
	}
	for _, id := range p.order {
		if g := p.groups[id]; g.has(kindBatch) {
			p.batch(id, g)
		}
	}
	for _, id := range p.order {
		if g := p.groups[id]; !g.has(kindBatch) {
			p.job(id, g)
		}
	}
	return p.actions
}

// group is all that was found of one ID.
type group struct {
	tmp, new, cur, bad []copyOf // jobs or batches; bad/ also what came under another name
	events             bool     // in cur/
	badEvents          bool
	reasons            []Name // in bad/
}

// copyOf is a file that holds the job or batch itself.
type copyOf struct {
	Found
	parsed
}

func (g *group) has(k kind) bool {
	for _, list := range [][]copyOf{g.tmp, g.new, g.cur, g.bad} {
		for _, c := range list {
			if c.kind == k {
				return true
			}
		}
	}
	return false
}

type planner struct {
	l       Listing
	groups  map[ulid.ULID]*group
	order   []ulid.ULID
	inBatch map[ulid.ULID]bool
	batchOf map[ulid.ULID]bool // is a line of a batch
	coming  map[Name]bool      // what actions move into bad/
	actions []Action
}

func (p *planner) do(a Action) {
	p.actions = append(p.actions, a)
	if a.Do == Move && a.To.Dir == "bad" {
		p.coming[a.To] = true
	}
}

func (p *planner) remove(id ulid.ULID, n Name, why string) {
	p.do(Action{Do: Remove, ID: id, File: n, Reason: why})
}

// sort groups the files by ID. Names that are none of ours are left alone,
// but for those in tmp/.
func (p *planner) sort() {
	files := slices.Clone(p.l.Files)
	slices.SortFunc(files, func(a, b Found) int {
		if a.Name == b.Name {
			return 0
		}
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	for _, f := range files {
		n, ok := parseFile(f.File)
		if !ok || f.Dir == "tmp" && n.reason {
			if f.Dir == "tmp" && !f.Fresh {
				p.remove(ulid.ULID{}, f.Name, "was never finished")
			}
			continue
		}
		g := p.groups[n.id]
		if g == nil {
			g = &group{}
			p.groups[n.id] = g
			p.order = append(p.order, n.id)
		}
		c := copyOf{f, n}
		switch {
		case n.reason:
			if f.Dir == "bad" {
				g.reasons = append(g.reasons, f.Name)
			}
		case n.kind == kindEvents:
			g.events = g.events || f.Dir == "cur"
			g.badEvents = g.badEvents || f.Dir == "bad"
		case f.Dir == "tmp":
			g.tmp = append(g.tmp, c)
		case f.Dir == "new":
			g.new = append(g.new, c)
		case f.Dir == "cur":
			g.cur = append(g.cur, c)
		case f.Dir == "bad":
			g.bad = append(g.bad, c)
		}
	}
	slices.SortFunc(p.order, func(a, b ulid.ULID) int { return a.Compare(b) })
}

func eventsName(id ulid.ULID) Name { return Name{"cur", fileName(id, 0, kindEvents)} }

// job plans for a job that has files of its own, or for what a job of a batch
// left behind.
func (p *planner) job(id ulid.ULID, g *group) {
	defer p.rest(id, g)
	switch {
	case len(g.bad) > 0:
		p.removeAll(id, g.cur, g.new)
		if g.events && g.badEvents {
			p.remove(id, eventsName(id), "are in bad/ too")
		} else if g.events {
			p.do(Action{Do: Move, ID: id, File: eventsName(id), To: Name{"bad", fileName(id, 0, kindEvents)}})
		}
	case p.l.Reported[id]:
		p.removeEvents(id, g)
		p.removeAll(id, g.cur, g.new)
	case len(g.cur) == 0 && len(g.new) == 0:
		p.eventsAlone(id, g)
	case p.l.Sent[id] || p.served(id):
		p.interrupted(id, g)
	default:
		p.removeEvents(id, g)
		p.again(id, g, "was claimed and given back")
	}
}

// interrupted keeps the most advanced copy, in cur/, for its report.
func (p *planner) interrupted(id ulid.ULID, g *group) {
	keep, rest := pick(g)
	at := keep.Name
	if at.Dir == "new" {
		at = Name{"cur", keep.File}
		p.do(Action{Do: Move, ID: id, File: keep.Name, To: at})
	}
	p.removeAll(id, rest)
	p.do(Action{Do: Report, ID: id, File: at, With: p.with(id)})
}

// again counts an attempt of what was claimed and puts it back into new/, or
// into bad/ after the last one. It leaves one copy.
func (p *planner) again(id ulid.ULID, g *group, why string) Name {
	keep, rest := pick(g)
	at := keep.Name
	if at.Dir == "cur" {
		n := keep.attempts + 1
		if n < MaxAttempts {
			at = Name{"new", fileName(id, n, keep.kind)}
			p.do(Action{Do: Move, ID: id, File: keep.Name, To: at})
		} else {
			at = Name{"bad", keep.File}
			p.do(Action{Do: Move, ID: id, File: keep.Name, To: at,
				Reason: fmt.Sprintf("%s %d times; the runner died, or ended, before a probe was sent", why, n)})
		}
	}
	p.removeAll(id, rest)
	return at
}

// pick chooses the copy that is most advanced: one in new/ that counts more
// attempts than the one in cur/ is a return that was half done; else cur/ wins.
func pick(g *group) (keep copyOf, rest []copyOf) {
	all := slices.Concat(g.cur, g.new)
	best := 0
	for i, c := range all {
		if c.attempts > all[best].attempts {
			best = i
		}
	}
	keep = all[best]
	return keep, slices.Delete(all, best, best+1)
}

func (p *planner) removeAll(id ulid.ULID, lists ...[]copyOf) {
	for _, list := range lists {
		for _, c := range list {
			p.remove(id, c.Name, "is a second copy, or done")
		}
	}
}

func (p *planner) removeEvents(id ulid.ULID, g *group) {
	if g.events {
		p.remove(id, eventsName(id), "are reported, or hold no probe")
	}
}

// eventsAlone: no file of its own holds the job.
func (p *planner) eventsAlone(id ulid.ULID, g *group) {
	switch {
	case !g.events || p.inBatch[id]:
	case g.badEvents:
		p.remove(id, eventsName(id), "are in bad/ too")
	case p.l.Sent[id]:
		p.do(Action{Do: Move, ID: id, File: eventsName(id), To: Name{"bad", fileName(id, 0, kindEvents)},
			Reason: "events of a trace without their job"})
	default:
		p.removeEvents(id, g)
	}
}

// rest tidies tmp/ and the reasons in bad/.
func (p *planner) rest(id ulid.ULID, g *group) {
	later := len(g.new)+len(g.cur)+len(g.bad) > 0
	for _, c := range g.tmp {
		// One of an intake is its dead predecessor's, whoever asks: it has the spool's lock.
		if later || !c.Fresh || c.kind == kindIntake || p.l.Reported[id] {
			p.remove(id, c.Name, "was never accepted, or is a second copy")
		}
	}
	for _, c := range g.bad {
		if !slices.Contains(g.reasons, Name{"bad", c.File + ".reason"}) {
			p.do(Action{Do: Explain, ID: id, File: c.Name, Reason: "found without a reason after a crash"})
		}
	}
	for _, r := range g.reasons {
		of := r.File[:len(r.File)-len(".reason")]
		inBad := slices.ContainsFunc(g.bad, func(c copyOf) bool { return c.File == of })
		if !inBad && !(g.badEvents && of == fileName(id, 0, kindEvents)) && !p.coming[Name{"bad", of}] {
			p.remove(id, r, "its file is not in bad/")
		}
	}
}
