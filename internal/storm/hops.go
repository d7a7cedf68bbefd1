package storm

import "math"

const (
	limits   = 8  // rates of a limited router that are tried: 1/64 to all, by equal factors
	burst    = 30 // probes after which a router is as probably limited as not
	habits   = 32 // steps of a router's usual rate
	maxUsual = 0.995
)

// A hopModel says how probable the answers of a router are.
type hopModel struct {
	pass    []float64            // by point of the grid: share of probes that get through
	yes, no [limits][]float64    // logarithms, by limit and point: that a probe is answered, or not
	memo    map[hopKey][]float64 // by pool: logarithm of the ratio to "no fault on its way"
}

// hopKey is what the probes toward one router came to.
type hopKey struct{ answered, sent, usual int }

func newHopModel(grid []point) hopModel {
	h := hopModel{memo: map[hopKey][]float64{}}
	for _, g := range grid {
		h.pass = append(h.pass, 1-g.p*g.h)
	}
	h.pass = append(h.pass, 1) // the last: no fault
	for j := range limits {
		u := math.Exp2(-6 * float64(j) / (limits - 1))
		h.yes[j], h.no[j] = answerLogs(min(u, maxUsual), h.pass)
	}
	return h
}

// answerLogs are the logarithms of being answered and not, at rate u, for
// each share that gets through.
func answerLogs(u float64, pass []float64) (yes, no []float64) {
	for _, s := range pass {
		yes = append(yes, math.Log(u*s))
		no = append(no, math.Log1p(-u*s))
	}
	return yes, no
}

// ratio is by point of the grid the logarithm of how much more probable
// these answers are with such a fault on the way to the router than without.
func (h *hopModel) ratio(p *pool) []float64 {
	key := hopKey{p.sent - p.lost, p.sent, -1}
	if p.asked > 0 {
		key.usual = int(math.Round(habits * (float64(p.answered) + 0.5) / (float64(p.asked) + 1)))
	}
	if r := h.memo[key]; r != nil {
		return r
	}
	answered, lost := float64(key.answered), float64(key.sent-key.answered)
	limited := float64(key.sent) / float64(key.sent+burst)
	var yes, no []float64
	if key.usual < 0 {
		limited = 1 // of its habits nothing is known
	} else {
		u := min(maxUsual, max(0.5, float64(key.usual))/habits)
		yes, no = answerLogs(u, h.pass)
	}
	r := make([]float64, len(h.pass))
	for k := range r {
		r[k] = math.Inf(-1)
		for j := range limits {
			r[k] = logAdd(r[k], answered*h.yes[j][k]+lost*h.no[j][k])
		}
		r[k] += math.Log(limited / limits)
		if yes != nil {
			r[k] = logAdd(r[k], math.Log(1-limited)+answered*yes[k]+lost*no[k])
		}
	}
	last := len(r) - 1
	for k := range r {
		r[k] -= r[last]
	}
	h.memo[key] = r[:last]
	return r[:last]
}

// A pool is all probes that end at one router on one way.
type pool struct {
	target, pos     int // a target whose path has it, and where
	lost, sent      int
	answered, asked int
}

// A hopSheet is what hop probes say of places: a row by point of the grid.
type hopSheet struct {
	row   []int32 // by place; 0 is none
	rows  []float64
	used  []int32 // places with a row
	width int
}

func newHopSheet(places, width int) *hopSheet {
	return &hopSheet{row: make([]int32, places), rows: make([]float64, width), width: width}
}

// of a place, nil where no probe went beyond it.
func (s *hopSheet) of(place int32) []float64 {
	r := int(s.row[place])
	if r == 0 {
		return nil
	}
	return s.rows[r*s.width : (r+1)*s.width]
}

func (s *hopSheet) add(place int32, v []float64) {
	if s.row[place] == 0 {
		s.row[place] = int32(len(s.rows) / s.width)
		s.rows = append(s.rows, v...)
		s.used = append(s.used, place)
		return
	}
	for k, a := range s.of(place) {
		s.of(place)[k] = a + v[k]
	}
}

func (s *hopSheet) reset() {
	for _, p := range s.used {
		s.row[p] = 0
	}
	s.used, s.rows = s.used[:0], s.rows[:s.width]
}

// readHops adds to the sheet what the hop probes of these targets say.
func (m *model) readHops(x *index, e []Evidence, targets []int, s *hopSheet) {
	var pools []pool
	at := map[uint64]int{}
	for _, t := range targets {
		if len(e[t].Hops) == 0 || !x.known(t) {
			continue
		}
		edges := x.edges(t)
		var way [maxPath]uint64 // of each TTL: all hops up to it
		hash := uint64(0)
		for pos, p := range edges[:len(edges)-1] {
			if p >= 0 {
				hash = mix(hash ^ uint64(x.places[p].to+1))
			}
			way[pos] = hash
		}
		for _, hop := range e[t].Hops[:min(len(e[t].Hops), 2*maxPath)] {
			pos := hop.TTL - 1
			if pos < 0 || pos >= len(edges)-1 || edges[pos] < 0 || hop.Sent == 0 || !share(hop.Lost, hop.Sent) {
				continue
			}
			usual := e[t].Path[pos]
			if !usual.IsValid() || hop.Addr.IsValid() && hop.Addr != usual {
				continue // a hop that never answers tells nothing; one on another way tells nothing of this
			}
			i, ok := at[way[pos]]
			if !ok {
				i = len(pools)
				at[way[pos]] = i
				pools = append(pools, pool{target: t, pos: pos})
			}
			pools[i].lost += hop.Lost
			pools[i].sent += hop.Sent
			if share(hop.UsualAnswered, hop.UsualAsked) {
				pools[i].answered += hop.UsualAnswered
				pools[i].asked += hop.UsualAsked
			}
		}
	}
	for i := range pools {
		r := m.hops.ratio(&pools[i])
		x.buf = x.through(pools[i].target, pools[i].pos, x.buf[:0])
		for _, p := range x.buf {
			s.add(p, r)
		}
	}
}
