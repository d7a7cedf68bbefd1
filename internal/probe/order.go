package probe

// order holds what is ready to be sent and says what leaves next:
//
//	Watch           oldest first
//	FirstOwn        oldest first
//	Wave1 to Wave3  trace by trace: all of one trace's wave, then the next
//	                trace's, so that a router which many traces share sees
//	                its part spread over the wave (sent TTL by TTL, a gateway
//	                dropped 70 % of it)
//	LongLook        traces take turns: all slow down evenly, none starves
//	Baseline        traces take turns
//
// Each class waits for those above it. The zero value is empty.
type order struct {
	plain [2]fifo[*Handle] // Watch, FirstOwn
	lines [Baseline - FirstOwn]lines
	n     [Baseline + 1]int // without the cancelled
}

// push puts a request at the end of its class.
func (o *order) push(h *Handle) {
	c := h.req.Class
	o.n[c]++
	if c <= FirstOwn {
		o.plain[c].push(h)
		return
	}
	o.lines[c-Wave1].push(h)
}

// drop is told that a request that waits here was cancelled: pop passes it
// over, and it is not counted any more.
func (o *order) drop(c Class) { o.n[c]-- }

// len is how many requests of a class wait.
func (o *order) len(c Class) int { return o.n[c] }

// first is the first class from c on with something to send.
func (o *order) first(from Class) (Class, bool) {
	for c := from; c <= Baseline; c++ {
		if o.n[c] > 0 {
			return c, true
		}
	}
	return 0, false
}

// pop takes the next of a class, which must have some.
func (o *order) pop(c Class) *Handle {
	for {
		var h *Handle
		if c <= FirstOwn {
			h = o.plain[c].pop()
		} else {
			h = o.lines[c-Wave1].pop(c >= LongLook)
		}
		if h.state == stateReady {
			o.n[c]--
			return h
		}
	}
}

// line is what one trace has waiting in one class.
type line struct {
	trace uint64
	items fifo[*Handle]
}

// lines is one class's traces in the order of their turns.
type lines struct {
	byTrace map[uint64]*line
	turns   fifo[*line]
}

func (l *lines) push(h *Handle) {
	t := l.byTrace[h.req.Trace]
	if t == nil {
		if l.byTrace == nil {
			l.byTrace = make(map[uint64]*line)
		}
		t = &line{trace: h.req.Trace}
		l.byTrace[t.trace] = t
		l.turns.push(t)
	}
	t.items.push(h)
}

// pop takes the first of the trace whose turn it is. With turns the trace
// then goes to the end, else it stays until it has nothing left.
func (l *lines) pop(turns bool) *Handle {
	t := l.turns.peek()
	h := t.items.pop()
	switch {
	case t.items.len() == 0:
		l.turns.pop()
		delete(l.byTrace, t.trace)
	case turns && h.state != stateDone: // a cancelled one is no turn
		l.turns.push(l.turns.pop())
	}
	return h
}
