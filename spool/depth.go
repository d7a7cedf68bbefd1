package spool

import "fmt"

// A Depth is how many files lie in the spool. A batch counts as one.
type Depth struct {
	Drop int // not taken by a runner yet
	New  int // jobs and batches that wait
	Cur  int // … that are claimed
	Bad  int // … that cannot be read
}

// Depth counts without opening anything. Without rights on the spool the
// error wraps fs.ErrPermission.
func (s *Spool) Depth() (Depth, error) {
	var d Depth
	for _, c := range []struct {
		dir  string
		to   *int
		ours bool
	}{{"drop", &d.Drop, false}, {"new", &d.New, true}, {"cur", &d.Cur, true}, {"bad", &d.Bad, true}} {
		names, err := s.list(c.dir)
		if err != nil {
			return Depth{}, fmt.Errorf("count what is in the spool: %w", withRightsHint(err))
		}
		for _, name := range names {
			f, ok := parseFile(name)
			if !c.ours || ok && !f.reason && f.kind != kindEvents {
				*c.to++
			}
		}
	}
	return d, nil
}
