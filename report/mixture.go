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
// of its own rates and each of the line's. It is made once for all hops.
type mixture struct {
	loss                     []weighted
	aloneSilent, aloneAnswer []float64
	silent, answer           []float64 // by own rate, then by the line's

	wide    []weighted // a hop's own rates in the first look
	most    []weighted // … after it, before it has answered anything
	changed []float64  // … after its limit has changed: probabilities

	owned []weighted // of own
	terms []float64  // of gain
}

// limitChanged is how likely a hop's limit is another while packets are lost.
const limitChanged = 0.05

func mix(loss []weighted) *mixture {
	uniform := grid(func(float64) float64 { return 1 })
	n := len(uniform)
	m := &mixture{loss: loss, wide: normal(grid(routers(0.2))), most: grid(routers(0.8)),
		silent: make([]float64, 0, n*len(loss)), answer: make([]float64, 0, n*len(loss)),
		owned: make([]weighted, n), terms: make([]float64, n*len(loss)+n)}
	for _, q := range uniform {
		m.aloneSilent, m.aloneAnswer = append(m.aloneSilent, math.Log(q.rate)), append(m.aloneAnswer, math.Log(1-q.rate))
		for _, p := range loss {
			answer := (1 - p.rate) * (1 - q.rate)
			m.silent, m.answer = append(m.silent, math.Log(1-answer)), append(m.answer, math.Log(answer))
		}
	}
	for _, q := range normal(uniform) {
		m.changed = append(m.changed, limitChanged*math.Exp(q.logWeight))
	}
	return m
}

// own are a hop's own rates after the first look, from how it answered while
// the target was clean, unless its limit has changed since. They stand until
// the next call.
func (m *mixture) own(c sample) []weighted {
	x, n := float64(c.outLost), float64(c.out)
	w := m.owned
	for i, q := range m.most {
		w[i] = weighted{q.rate, q.logWeight + (x*m.aloneSilent[i] + (n-x)*m.aloneAnswer[i])}
	}
	w = normal(w)
	for i := range w {
		w[i].logWeight = math.Log((1-limitChanged)*math.Exp(w[i].logWeight) + m.changed[i])
	}
	return w
}

// gain is how much better the answers of a hop are explained by loss at
// the target's rates together with its own than by its own alone, as a
// difference of log-likelihoods. own has a weight for each rate of the grid.
func (m *mixture) gain(c sample, own []weighted) float64 {
	if c.in == 0 || len(m.loss) == 0 {
		return 0
	}
	x, n := float64(c.inLost), float64(c.in)
	alone := m.terms[:len(own)]
	for i, q := range own {
		alone[i] = q.logWeight + x*m.aloneSilent[i] + (n-x)*m.aloneAnswer[i]
	}
	both := m.terms[len(own):]
	k := 0
	for _, q := range own {
		for _, p := range m.loss {
			both[k] = q.logWeight + p.logWeight + x*m.silent[k] + (n-x)*m.answer[k]
			k++
		}
	}
	return logSum(both) - logSum(alone)
}

// negligible is a logarithm below the greatest: what is smaller adds less than
// a rounding to the sum of a few hundred.
const negligible = -45

func logSum(l []float64) float64 {
	most, sum := math.Inf(-1), 0.0
	for _, x := range l {
		if x > most { // max minds NaN, and there is none
			most = x
		}
	}
	for _, x := range l {
		if x -= most; x > negligible {
			sum += math.Exp(x)
		}
	}
	return most + math.Log(sum)
}
