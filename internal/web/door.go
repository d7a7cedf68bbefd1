package web

// door is what the requests to trace share.
type door struct {
	routes  []route
	writing chan struct{} // holds one for each request that waits for the disk
	large   chan struct{} // holds one for each request that reads a large body
	jobs    *limiter      // jobs that a client asks for
	guesses *limiter      // wrong tokens that a client sends
	metrics *metrics
	conns   *connBound
}

func newDoor(l Limits) *door {
	l = l.orDefaults()
	return &door{
		writing: make(chan struct{}, maxWriting), large: make(chan struct{}, maxLarge),
		jobs: newLimiter(l.Rate, l.Burst), guesses: newLimiter(1/guessEvery.Seconds(), guessBurst),
		metrics: newMetrics(), conns: newConnBound(l.Connections),
	}
}
