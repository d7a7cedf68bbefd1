package lab

// bucket is the state of a router's limit.
type bucket struct {
	limit  Limit
	tokens float64
	lastNs int64
}

// take says whether the limit allows one more message at nowNs. A changed limit begins with a full bucket.
func (b *bucket) take(l Limit, nowNs int64) bool {
	if l.Burst <= 0 {
		b.limit = l
		return true
	}
	if b.limit != l {
		*b = bucket{limit: l, tokens: float64(l.Burst), lastNs: nowNs}
	}
	if nowNs > b.lastNs { // packets with jitter may reach a router out of order
		b.tokens = min(float64(l.Burst), b.tokens+float64(nowNs-b.lastNs)*l.PerSecond/1e9)
		b.lastNs = nowNs
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
