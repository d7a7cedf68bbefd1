package run

import (
	"net/netip"
	"sync"

	"github.com/mtrq/mtrq/report"
)

// recorder keeps one trace's events: in memory for the report, and in
// the job's events file so that a crash leaves them.
type recorder struct {
	mu      sync.Mutex
	builder *report.Builder
	target  netip.Addr // of the trace that it came with; invalid: it begins here
	unsaved []byte     // encoded lines that are not in the file yet
	probed  bool       // the first probe that left has been written down
	write   func([]byte) error
	failed  func(error) // told when write fails, once until it works again
	failing bool
}

// event takes one event in. The first probe that leaves is written to
// the file at once: from then on the job was traced, whatever happens.
func (r *recorder) event(e report.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.builder.Add(e)
	r.unsaved = report.AppendEvent(r.unsaved, e)
	if e.E == report.EventProbe && !r.probed {
		r.probed = true
		r.flushLocked()
	}
}

// flush writes what is not in the file yet. What cannot be written (a
// full disk) stays in memory and is tried again with the next flush; the
// trace goes on.
func (r *recorder) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.probed {
		r.flushLocked()
	}
}

func (r *recorder) flushLocked() {
	if len(r.unsaved) == 0 {
		return
	}
	if err := r.write(r.unsaved); err != nil {
		if !r.failing {
			r.failed(err)
		}
		r.failing = true
		return
	}
	r.failing = false
	r.unsaved = r.unsaved[:0]
}
