package report

import "math"

// background is the share of packets that lines lose without anybody
// calling it a fault: 0.1 %. A loss is proven where it cannot be that.
const background = 0.001

// exact is the 95 % confidence interval of a proportion x/n, n > 0, that
// holds for every n (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934):
// 1 of 10 is 0.25 to 44.51 %, 0 of 3 is 0 to 70.76 %. It may be too wide and
// is never too narrow, which is the right fault for evidence: each end is to a
// millionth, on the outer side.
func exact(x, n int) (low, high float64) {
	const tail = 0.025
	low, high = 0, 1
	if x > 0 {
		low, _ = rate(tail, func(p float64) float64 { return atLeast(x, n, p) })
	}
	if x < n {
		_, high = rate(1-tail, func(p float64) float64 { return atLeast(x+1, n, p) })
	}
	return low, high
}

// rate brackets to a millionth the p at which a function that grows with p
// reaches a value.
func rate(value float64, f func(p float64) float64) (low, high float64) {
	low, high = 0, 1
	for range 20 {
		if p := (low + high) / 2; f(p) < value {
			low = p
		} else {
			high = p
		}
	}
	return low, high
}

// atLeast is the probability of x or more losses in n probes at a rate p:
// the regularised incomplete beta function I_p(x, n-x+1).
func atLeast(x, n int, p float64) float64 {
	switch {
	case x <= 0:
		return 1
	case x > n || p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	a, b := float64(x), float64(n-x+1)
	front := math.Exp(lgamma(a+b) - lgamma(a) - lgamma(b) + a*math.Log(p) + b*math.Log1p(-p))
	if p < (a+1)/(a+b+2) {
		return front * betaFraction(a, b, p) / a
	}
	return 1 - front*betaFraction(b, a, 1-p)/b
}

// betaFraction is the continued fraction of the incomplete beta function
// (Abramowitz and Stegun, 26.5.8), from the front by Lentz's method.
func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	h := d
	for i := 1; i < 2000; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/guard(1+even*d), guard(1+even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/guard(1+odd*d), guard(1+odd/c)
		h *= d * c
		if math.Abs(d*c-1) < 1e-9 {
			break
		}
	}
	return h
}

func lgamma(x float64) float64 {
	l, _ := math.Lgamma(x)
	return l
}

// leastLog is near the smallest logarithm whose number a float64 holds.
const leastLog = -700

// worse is the probability that chance alone makes x of n at least as much
// worse than y of m as it is, were both the same underneath: Fisher's exact
// test, one-sided. It knows how many probes stand behind each figure: 3 of
// 10 against 10 of 100 is 0.1, 30 of 100 against 100 of 1000 is 10^-7.
func worse(x, n, y, m int) float64 {
	if n <= 0 || m <= 0 || x <= 0 {
		return 1
	}
	k, all := x+y, n+m
	most := min(k, n)
	// Hypergeometric: of k losses, i fall on the n probes.
	log := lgammaChoose(n, x) + lgammaChoose(m, k-x) - lgammaChoose(all, k)
	if log < leastLog && float64(x)*float64(all) < float64(k)*float64(n) {
		return 1 // so far below what is to be expected that everything is above
	}
	term := math.Exp(log)
	sum := term
	for i := x; i < most; i++ {
		term *= float64(n-i) * float64(k-i) / (float64(i+1) * float64(m-k+i+1))
		sum += term
		if term <= 1e-12*sum { // 0, too, where it is too small for a float
			break
		}
	}
	return min(1, sum)
}

func lgammaChoose(n, k int) float64 {
	return lgamma(float64(n+1)) - lgamma(float64(k+1)) - lgamma(float64(n-k+1))
}

// proven says that a loss is more than what lines lose at random: two
// packets at least, and the lower end of its interval above the background.
// One packet proves nothing, whatever it is one of.
func proven(lost, sent int) bool {
	return lost >= 2 && atLeast(lost, sent, background) < 0.025
}

// wanted is how many more probes would prove a loss if it goes on at the
// rate seen so far: until some five of them are lost.
func wanted(lost, sent int) int {
	if lost <= 0 || sent <= 0 {
		return max(0, someProbes-sent)
	}
	for n := max(sent, someProbes); n < 1_000_000; n += max(1, n/10) {
		x := int(float64(lost) / float64(sent) * float64(n))
		if x >= manyLost && proven(x, n) {
			return n - sent
		}
	}
	return 1_000_000
}

// ranks is how likely chance alone orders two samples so that the second is
// so much greater: the one-sided Mann-Whitney test, by its normal
// approximation. The samples must be sorted.
func ranks(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 1
	}
	u := 0.0 // pairs in which b is greater; ties count half
	below, equal := 0, 0
	for _, x := range b {
		for below < len(a) && a[below] < x {
			below++
		}
		equal = max(equal, below)
		for equal < len(a) && a[equal] == x {
			equal++
		}
		u += float64(below) + float64(equal-below)/2
	}
	n, m := float64(len(a)), float64(len(b))
	dev := math.Sqrt(n * m * (n + m + 1) / 12)
	return 0.5 * math.Erfc((u-n*m/2)/dev/math.Sqrt2)
}
