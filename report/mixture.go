package report

import "math"

// A weighted is a rate and the logarithm of its probability.
type weighted struct{ rate, logWeight float64 }

// rates are what the target's loss may be while it is losing packets:
// points of the posterior from its counts, within three deviations.
func rates(t sample) []weighted {
	const points = 13
	a, b := float64(t.inLost)+0.5, float64(t.in-t.inLost)+0.5
	mean := a / (a + b)
	dev := math.Sqrt(mean * (1 - mean) / (a + b + 1))
	var out []weighted
	for i := range points {
		p := mean + dev*6*(float64(i)/(points-1)-0.5)
		if p <= 0 || p >= 1 {
			continue
		}
		out = append(out, weighted{p, (a-1)*math.Log(p) + (b-1)*math.Log(1-p)})
	}
	return normal(out)
}

// The rates that a hop's own silence may have, dense towards 0: 0.0004,
// 0.004, 0.01, …, 0.96, each with the part of [0, 1] it stands for.
func grid(prior func(rate float64) float64) []weighted {
	const points = 25
	out := make([]weighted, points)
	for i := range out {
		x := (float64(i) + 0.5) / points
		out[i] = weighted{x * x, math.Log(prior(x*x) * 2 * x / points)}
	}
	return out
}

// Most routers answer nearly all they are asked, the others anything:
// good is the part of the first sort.
func routers(good float64) func(float64) float64 {
	return func(q float64) float64 { return 1 - good + good*50*math.Exp(-50*q) }
}

// wide are a hop's own rates in the first look.
func wide() []weighted { return normal(grid(routers(0.2))) }

// own are a hop's own rates after it, from how it answered while the
// target was clean, unless its limit has changed since.
func own(c sample) []weighted {
	const changed = 0.05
	x, n := float64(c.outLost), float64(c.out)
	w := grid(routers(0.8))
	for i, q := range w {
		w[i].logWeight += x*math.Log(q.rate) + (n-x)*math.Log(1-q.rate)
	}
	w = normal(w)
	for i, q := range normal(grid(func(float64) float64 { return 1 })) {
		w[i].logWeight = math.Log((1-changed)*math.Exp(w[i].logWeight) + changed*math.Exp(q.logWeight))
	}
	return w
}

func normal(w []weighted) []weighted {
	most, sum := math.Inf(-1), 0.0
	for _, x := range w {
		most = max(most, x.logWeight)
	}
	for _, x := range w {
		sum += math.Exp(x.logWeight - most)
	}
	for i := range w {
		w[i].logWeight -= most + math.Log(sum)
	}
	return w
}

// A mixture is what a hop loses where packets are lost on the way and it
// holds answers back beside: logarithms of silence and of an answer, for each
// of its own rates and each of the line's.
type mixture struct {
	loss                     []weighted
	aloneSilent, aloneAnswer []float64
	silent, answer           []float64 // by own rate, then by the line's
	terms                    []float64
}

func mix(loss []weighted) *mixture {
	m := &mixture{loss: loss}
	for _, q := range grid(func(float64) float64 { return 1 }) {
		m.aloneSilent, m.aloneAnswer = append(m.aloneSilent, math.Log(q.rate)), append(m.aloneAnswer, math.Log(1-q.rate))
		for _, p := range loss {
			answer := (1 - p.rate) * (1 - q.rate)
			m.silent, m.answer = append(m.silent, math.Log(1-answer)), append(m.answer, math.Log(answer))
		}
	}
	return m
}

// gain is how much better the answers of a hop are explained by loss at
// the target's rates together with its own than by its own alone, as a
// difference of log-likelihoods. own has a weight for each rate of the grid.
func (m *mixture) gain(c sample, own []weighted) float64 {
	if c.in == 0 || len(m.loss) == 0 {
		return 0
	}
	x, n := float64(c.inLost), float64(c.in)
	m.terms = m.terms[:0]
	for i, q := range own {
		m.terms = append(m.terms, q.logWeight+x*m.aloneSilent[i]+(n-x)*m.aloneAnswer[i])
	}
	alone := logSum(m.terms)
	m.terms = m.terms[:0]
	for i, q := range own {
		for j, p := range m.loss {
			k := i*len(m.loss) + j
			m.terms = append(m.terms, q.logWeight+p.logWeight+x*m.silent[k]+(n-x)*m.answer[k])
		}
	}
	return logSum(m.terms) - alone
}

func logSum(l []float64) float64 {
	most, sum := math.Inf(-1), 0.0
	for _, x := range l {
		most = max(most, x)
	}
	for _, x := range l {
		sum += math.Exp(x - most)
	}
	return most + math.Log(sum)
}
