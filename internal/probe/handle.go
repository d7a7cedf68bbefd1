package probe

import "time"

// Handle is a request that was submitted.
type Handle struct {
	s      *Scheduler
	req    Request
	state  handleState // this and all below belongs to the scheduler's loop
	parked bool        // ready, but waits for a process for TCP
	stream *stream     // of a request with a Router

	sent       time.Time
	again      bool // its deadline was put off, because of a stall
	proc       *process
	slot       uint16
	due        int64   // in the wheel
	prev, next *Handle // in the wheel
	older      *Handle // in the process
	newer      *Handle
}

type handleState uint8

const (
	stateWaiting handleState = iota // for its turn in a router's stream
	stateReady                      // for budget and a process
	stateSent                       // Done was not called
	stateLost                       // Done(Lost) was called, mtr-packet still waits
	stateDone                       // nothing more will be called
)

// Cancel takes the request back. Where the probe has not left, Done is
// called with Unsent and ErrCancelled, soon but not from here; where it has,
// Done is called as if nothing had happened.
func (h *Handle) Cancel() { h.s.inbox.cancel(h) }
