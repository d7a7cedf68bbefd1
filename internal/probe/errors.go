package probe

import "errors"

// Why a probe was not sent, or why nobody can say what became of it. Results
// carry them wrapped, with what was tried and what to do.
var (
	// ErrMissing: there is no mtr-packet to run.
	ErrMissing = errors.New("mtr-packet is missing")
	// ErrUnable: no mtr-packet runs, and so nothing can be sent to anybody. It
	// comes with one of the others, and is no fault of a target.
	ErrUnable = errors.New("nothing can be sent")
	// ErrPermission: mtr-packet may not open its sockets, or the kernel
	// refused to let the packet out.
	ErrPermission = errors.New("no permission")
	// ErrInvalid: no such packet can be sent.
	ErrInvalid = errors.New("invalid probe")
	// ErrProcess: the mtr-packet that had the probe died or hung.
	ErrProcess = errors.New("mtr-packet failed")
	// ErrSystem: the kernel refused the packet for want of something.
	ErrSystem = errors.New("the system refused the packet")
	// ErrForeign: an answer came from an address that is not the target's.
	// It may be another process's: neither an answer nor silence.
	ErrForeign = errors.New("answer from a foreign address")
	// ErrStalled: this process was kept from running while the probe was
	// under way, so that its answer cannot be timed.
	ErrStalled = errors.New("this machine stalled")
	// ErrCancelled: Handle.Cancel was called before the probe left.
	ErrCancelled = errors.New("probe cancelled")
	// ErrStopped: the scheduler ended first.
	ErrStopped = errors.New("scheduler stopped")
)

// unable is why there is no mtr-packet that runs; its words are the error's own.
type unable struct{ error }

func (u unable) Unwrap() error        { return u.error }
func (u unable) Is(target error) bool { return target == ErrUnable }
