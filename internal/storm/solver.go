package storm

import "math"

// A solver is what all steps of one Explain share.
type solver struct {
	m      *model
	x      *index
	e      []Evidence
	lossy  []int // targets to explain, once each
	listed []bool

	tables []*table // by target
	width  int      // of rows: points of the grid

	sums   []float64 // by class, a row: of table.behind of the targets behind it
	counts []counts  // by class
	score  []float64 // by class: of its best place, as if it were the only one
	point  []int     // by class: of the grid, that this place fits best

	free   *hopSheet // hop probes toward targets that are not to be explained
	own    *hopSheet // those toward one group
	group  []int     // by target: the class that explains it, -1 none; from len(counts) on: of hidden
	hidden []hidden
}

// counts are pings toward the targets behind a class of places, and how many
// of these targets are to be explained.
type counts struct{ lost, sent, lossy int }

func newSolver(e []Evidence, lossy []int, opt Options) *solver {
	s := &solver{m: newModel(opt), x: newIndex(e), e: e, listed: make([]bool, len(e))}
	for _, t := range lossy {
		if t >= 0 && t < len(e) && !s.listed[t] {
			s.listed[t] = true
			s.lossy = append(s.lossy, t)
		}
	}
	s.width = len(s.m.grid)
	classes := s.x.classify(s.lossy)
	s.sums = make([]float64, classes*s.width)
	s.counts = make([]counts, classes)
	s.tables = make([]*table, len(e))
	var buf []int32
	var others []int
	for t := range e {
		s.tables[t] = s.m.table(&e[t])
		buf = s.x.classes(t, buf[:0])
		s.addTo(buf, t, 1)
		if s.listed[t] {
			for _, c := range buf {
				s.counts[c].lossy++
			}
		} else if len(e[t].Hops) > 0 {
			others = append(others, t)
		}
	}
	s.free = newHopSheet(len(s.x.places), s.width)
	s.own = newHopSheet(len(s.x.places), s.width)
	s.m.readHops(s.x, e, others, s.free)
	return s
}

// row of a class.
func (s *solver) row(class int32) []float64 {
	return s.sums[int(class)*s.width : int(class+1)*s.width]
}

// addTo adds (sign 1) or takes away (-1) what target t says of these classes.
func (s *solver) addTo(classes []int32, t int, sign int) {
	lost, sent := s.e[t].counts()
	if sent == 0 {
		return
	}
	v := s.tables[t].behind
	for _, c := range classes {
		row := s.row(c)
		for k := range row {
			row[k] += float64(sign) * v[k]
		}
		s.counts[c].lost += sign * lost
		s.counts[c].sent += sign * sent
	}
}

// weigh is the score of a place, and the point of the grid it fits best.
func (s *solver) weigh(p int32) (float64, int) {
	v, k := s.m.mean(s.row(s.x.places[p].class), s.free.of(p), s.own.of(p))
	return math.Log(s.m.opt.Place) + v, k
}
