package storm

import "math"

const (
	rates     = 20  // of loss, in the grid
	partRates = 5   // of those, that are tried with a part of the targets hit
	spread    = 30  // pings: how alike the rates of two targets behind one place are
	steady    = 200 // pings: as many at the background rate are added to what a target usually loses
)

// A model holds the priors and the grid over which rate and share are
// averaged.
type model struct {
	opt  Options
	grid []point
	memo map[countKey]*table
	hops hopModel
}

// A point is one rate and share of the grid.
type point struct {
	p    float64 // packets lost, 0 to 1
	h    float64 // share of the targets behind that are hit
	logw float64 // logarithm of its weight; all sum to 1
}

// newModel makes the grid: rates from 1 to 99.9 %, evenly spread by their
// arc sine, so that the error of a count is as wide as a step everywhere.
func newModel(opt Options) *model {
	m := &model{opt: opt.withDefaults(), memo: map[countKey]*table{}}
	shares := []float64{0.75, 0.5, 0.25}
	const part = 0.15 // of the weight, for faults that hit a part of the targets
	low, high := math.Asin(math.Sqrt(0.01)), math.Asin(math.Sqrt(0.999))
	for i := range rates {
		s := math.Sin(low + (high-low)*float64(i)/(rates-1))
		m.grid = append(m.grid, point{p: s * s, h: 1, logw: math.Log((1 - part) / rates)})
	}
	for i := range partRates { // the highest and every second below: a member of a trunk loses much
		p := m.grid[rates-1-2*i].p
		for _, h := range shares {
			m.grid = append(m.grid, point{p: p, h: h, logw: math.Log(part / float64(partRates*len(shares)))})
		}
	}
	m.hops = newHopModel(m.grid)
	return m
}

// A table is what the counts of one target say, as logarithms of ratios to
// its ground (see the package comment).
type table struct {
	behind []float64 // by point of the grid: the target is behind a place that is bad so
	own    float64   // its own line is bad
}

// countKey is all of a target that its table depends on.
type countKey struct {
	lost, sent int
	usual      int // half powers of two above the background rate
	hit        bool
}

// table of one target. Most targets have the same counts (none lost), so it
// is made once for each.
func (m *model) table(e *Evidence) *table {
	key := countKey{hit: e.Hit}
	key.lost, key.sent = e.counts()
	key.usual = m.usual(e)
	t := m.memo[key]
	if t == nil {
		t = m.newTable(key)
		m.memo[key] = t
	}
	return t
}

// usual is the target's own background as a step above Options.Background.
// A few pings do not make a habit, hence the weight of steady ones.
func (m *model) usual(e *Evidence) int {
	if e.UsualSent == 0 || !share(e.UsualLost, e.UsualSent) {
		return 0
	}
	q := (float64(e.UsualLost) + steady*m.opt.Background) / (float64(e.UsualSent) + steady)
	return max(0, int(math.Round(2*math.Log2(min(q, 0.5)/m.opt.Background))))
}

func (m *model) newTable(key countKey) *table {
	n := len(m.grid)
	t := &table{behind: make([]float64, n)}
	if key.sent == 0 { // tells nothing
		t.own = math.Log(m.opt.Own)
		return t
	}
	q := min(0.5, m.opt.Background*math.Exp2(float64(key.usual)/2))
	clean := float64(key.lost)*math.Log(q) + float64(key.sent-key.lost)*math.Log1p(-q)
	anyRate := math.Inf(-1)
	for i, g := range m.grid {
		t.behind[i] = betaBinomial(key.lost, key.sent, 1-(1-g.p)*(1-q))
		if g.h == 1 {
			anyRate = logAdd(anyRate, t.behind[i]-math.Log(rates))
		}
	}
	lost := math.Log(m.opt.Own) + anyRate
	ground := logAdd(math.Log1p(-m.opt.Own)+clean, lost)
	t.own = lost - ground
	for i, g := range m.grid {
		if key.hit {
			t.behind[i] -= ground
			continue
		}
		// A target that is hit may have a trouble of its own on top.
		hit := logAdd(math.Log1p(-m.opt.Own)+t.behind[i], lost) - ground
		if g.h < 1 {
			hit = logAdd(math.Log(g.h)+hit, math.Log1p(-g.h))
		}
		t.behind[i] = hit
	}
	return t
}

// betaBinomial is the logarithm of the chance of one order of lost of sent
// pings, where the rate is near p. The binomial coefficient is left out: it is
// the same under every hypothesis.
func betaBinomial(lost, sent int, p float64) float64 {
	a, b := spread*p, spread*(1-p)
	return logBeta(a+float64(lost), b+float64(sent-lost)) - logBeta(a, b)
}

func logBeta(a, b float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return la + lb - lab
}

// logAdd is log(exp(a) + exp(b)).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// mean is the logarithm of the mean over the grid of what has these logarithms
// added up (nil is nothing to add), and the point that has most of it.
func (m *model) mean(terms ...[]float64) (float64, int) {
	best, top := 0, math.Inf(-1)
	var v [rates + partRates*4]float64
	for i := range m.grid {
		v[i] = m.grid[i].logw
		for _, t := range terms {
			if t != nil {
				v[i] += t[i]
			}
		}
		if v[i] > top {
			best, top = i, v[i]
		}
	}
	sum := 0.0
	for i := range m.grid {
		if d := v[i] - top; d > -40 { // less is lost in rounding
			sum += math.Exp(d)
		}
	}
	return top + math.Log(sum), best
}
