package probe

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// stall is a time in which this process or an mtr-packet was kept from
// running: probes under way then have not been silent, they have not been
// listened to.
type stall struct {
	end    time.Time
	length time.Duration
}

// over says how long a stall the probe was under way in; 0: none.
func (st stall) over(h *Handle) time.Duration {
	if h.sent.Before(st.end) {
		return st.length
	}
	return 0
}

// answer takes in what mtr-packet said of a probe: its last word.
func (s *Scheduler) answer(r *received) {
	if r.token == tokenBeat && r.kind == answerFeature {
		r.p.heard(r.at, r.p.beatAt)
		r.p.beatAt = time.Time{}
		return
	}
	h := r.p.find(r.token) // token 0 of a line that was none is nobody's
	if h == nil {
		r.p.garbage++
		s.pool.stats.garbage++
		return
	}
	r.p.heard(r.at, h.sent)
	r.p.done(h, r.at)
	s.wheel.remove(h)
	stalled := max(s.stall.over(h), r.p.stall.over(h))
	res := Result{From: r.from, MPLS: r.mpls}
	switch r.kind {
	case answerReply:
		res.Outcome = Reply
		if r.from != h.req.Addr {
			s.fromElsewhere(h, r, stalled)
			return
		}
	case answerExpired:
		res.Outcome = Expired
	case answerNoRoute:
		switch {
		case r.from.IsValid():
		case h.req.Protocol == TCP:
			// An ICMP error, TTL exceeded too, ends the socket's connect
			// with EHOSTUNREACH; at times mtr-packet sees that first, and
			// then not from whom.
			s.unsent(h, fmt.Errorf("probe %s: an ICMP error came, mtr-packet did not see from whom: %w", h.req.Addr, ErrSystem))
			return
		default:
			s.done(h, Result{Outcome: NoRoute})
			return
		}
		res.Outcome = Unreachable
	case answerNetworkDown:
		s.done(h, Result{Outcome: NoRoute})
		return
	case answerNoReply:
		if stalled >= stallDeaf {
			s.unsent(h, stallError(h)) // its socket may have overflowed
			return
		}
		s.done(h, Result{Outcome: Lost})
		return
	default:
		if r.kind == answerExhausted {
			r.p.leave(r.at) // it counts otherwise than we do: a fresh one will do
		}
		s.unsent(h, refusal(h, r))
		return
	}
	s.answered(h, r, res, stalled)
}

// answered times an answer, and sorts it into in time and late.
func (s *Scheduler) answered(h *Handle, r *received, res Result, stalled time.Duration) {
	res.RTT = r.rtt
	// mtr-packet times by the wall clock, which may be stepped; by ours the
	// answer cannot have taken longer than this.
	if elapsed := r.at.Sub(h.sent); res.RTT < 0 || res.RTT > elapsed {
		res.RTT = elapsed
	}
	switch {
	case res.RTT <= h.req.Deadline && h.state == stateSent:
		s.done(h, res)
	case h.state == stateSent && stalled > 0:
		s.unsent(h, stallError(h)) // the time is that of the stall
	default:
		if h.state == stateSent {
			s.lose(h)
		}
		res.Outcome = Late
		s.done(h, res)
	}
}

// fromElsewhere is a "reply" that does not come from the target. UDP and TCP
// quote the packet: a firewall on the way refused it. For ICMP that may be
// so too, or the answer is to another process's probe: nobody can say.
func (s *Scheduler) fromElsewhere(h *Handle, r *received, stalled time.Duration) {
	if h.req.Protocol != ICMP {
		s.answered(h, r, Result{Outcome: Unreachable, From: r.from, MPLS: r.mpls}, stalled)
		return
	}
	s.count.Foreign++
	if h.state == stateLost {
		s.done(h, Result{Outcome: Lost})
		return
	}
	s.end(h, Result{
		Outcome: Unsent, From: r.from,
		Err: fmt.Errorf("probe %s: reply from %s: %w", h.req.Addr, r.from, ErrForeign),
	})
}

// overdue is called when a probe's deadline has passed.
func (s *Scheduler) overdue(h *Handle, now time.Time) {
	stalled := max(s.stall.over(h), h.proc.stall.over(h))
	switch {
	case stalled > 0 && !h.again:
		h.again = true // mtr-packet's word will come by then
		s.wheel.add(h, now.Add(stallWait))
	case stalled > 0:
		s.endSent(h, Result{Outcome: Unsent, Err: stallError(h)})
	case h.proc.aliveAt.Before(h.sent.Add(h.req.Deadline)):
		h.proc.hurry = true
		s.wheel.add(h, now.Add(beatHurry))
	default:
		s.lose(h)
	}
}

func stallError(h *Handle) error {
	return fmt.Errorf("wait for the answer of %s: %w", h.req.Addr, ErrStalled)
}

// lose says that a probe was not answered in time; it may be still.
func (s *Scheduler) lose(h *Handle) {
	s.sources.doubt(h.req.Addr, h.req.Source)
	s.endSent(h, Result{Outcome: Lost})
	h.state = stateLost
}

// done says what mtr-packet's last word means to whoever has not heard yet.
func (s *Scheduler) done(h *Handle, res Result) {
	switch {
	case h.state == stateSent:
		s.endSent(h, res)
	case h.state == stateLost && res.Outcome == Late:
		s.count.Late++
		if h.stream != nil {
			s.streams.late(h.stream)
		}
		res.Sent = h.sent
		h.tell(res)
	}
	h.state = stateDone
}

// endSent counts the outcome of a probe that left and tells it.
func (s *Scheduler) endSent(h *Handle, res Result) {
	res.Sent = h.sent
	if st := h.stream; st != nil && h.sent.IsZero() {
		s.streams.skip(st, true) // its process died before it was written
	} else if st != nil && res.Outcome != Unsent {
		s.streams.outcome(st, res.Outcome != Lost && res.Outcome != NoRoute, s.opt.Now())
	}
	switch res.Outcome {
	case Reply, Expired, Unreachable:
		s.count.Answered++
	case Lost:
		s.count.Lost++
	case Unsent:
		s.count.Unsent++
	}
	h.state = stateDone
	h.tell(res)
}

// end is endSent for a probe that may have been called lost already.
func (s *Scheduler) end(h *Handle, res Result) {
	if h.state == stateSent {
		s.endSent(h, res)
	}
	h.state = stateDone
}

// unsent says that a probe did not leave, or that nobody can say what became
// of it.
func (s *Scheduler) unsent(h *Handle, why error) {
	switch h.state {
	case stateWaiting, stateReady:
		if h.stream != nil {
			s.streams.skip(h.stream, h.state == stateReady)
		}
		s.count.Unsent++
		h.state = stateDone
		h.tell(Result{Outcome: Unsent, Err: why})
	case stateSent:
		s.endSent(h, Result{Outcome: Unsent, Err: why})
	default:
		h.state = stateDone
	}
}

func (h *Handle) tell(res Result) {
	if h.req.Done != nil {
		h.req.Done(res)
	}
}

// refusal puts into words why mtr-packet did not send a probe.
func refusal(h *Handle, r *received) error {
	what := fmt.Sprintf("send %s probe to %s", h.req.Protocol, h.req.Addr)
	switch r.kind {
	case answerExhausted:
		return fmt.Errorf("%s: too many probes in flight: %w", what, ErrProcess)
	case answerDenied:
		return fmt.Errorf("%s: the kernel refused it, perhaps by a firewall rule of this machine: %w", what, ErrPermission)
	case answerAddress:
		return fmt.Errorf("%s: the local address or port cannot be had: %w", what, ErrSystem)
	case answerInvalid:
		if r.text != "" {
			return fmt.Errorf("%s: %s: %w", what, r.text, ErrInvalid)
		}
		return fmt.Errorf("%s: mtr-packet calls it invalid: %w", what, ErrInvalid)
	case answerErrno:
		errno := syscall.Errno(r.errno)
		if errors.Is(errno, syscall.EMSGSIZE) {
			return fmt.Errorf("%s: %d bytes are more than the interface takes: %w", what, h.req.Size, ErrInvalid)
		}
		return fmt.Errorf("%s: %w: %w", what, errno, ErrSystem)
	}
	return fmt.Errorf("%s: unexpected answer of mtr-packet: %w", what, ErrProcess)
}
