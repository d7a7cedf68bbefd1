package host

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
)

// readClock asks the kernel for the state of its clock (adjtimex(2)).
// Where it is not allowed to, as in some sandboxes, ErrorUS is absent and
// Synced says nothing.
func readClock() report.HostClock {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	if err != nil {
		return report.HostClock{}
	}
	c := report.HostClock{Synced: state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0, ErrorUS: new(max(0, int64(tx.Maxerror)))}
	if c.Synced { // else it is what was left when somebody last looked
		offset := int64(tx.Offset)
		if tx.Status&unix.STA_NANO != 0 {
			offset /= int64(time.Microsecond)
		}
		c.OffsetUS = new(offset)
	}
	return c
}

// Elapsed is a monotonic reading that goes on while the machine sleeps
// (CLOCK_BOOTTIME), for a ClockWatch. False: the kernel has no such clock.
func Elapsed() (time.Duration, bool) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}

// clockStep is the difference that is taken for a step. An NTP daemon that
// slews stays below 100 ms a second.
const clockStep = 500 * time.Millisecond

// A ClockWatch notices that the wall clock was set: wall time and monotonic
// time went on by different amounts. After a stall of this process both
// have gone on by the same, and that is no step. Its zero value is ready.
// It has no clock of its own; feed it once a second.
type ClockWatch struct {
	wall  time.Time
	mono  time.Duration
	began bool
}

// Tick takes a wall time and a monotonic reading of the same moment. step
// is by how much the wall clock was set since the last Tick, forward is
// positive; 0: by no more than 500 ms, as at the first Tick. Let mono be
// Elapsed: Go's own monotonic time stands still while the machine sleeps,
// and waking up would look like a step.
func (c *ClockWatch) Tick(wall time.Time, mono time.Duration) (step time.Duration) {
	wall = wall.Round(0) // else Sub would compare monotonic readings
	if c.began {
		step = wall.Sub(c.wall) - (mono - c.mono)
	}
	c.wall, c.mono, c.began = wall, mono, true
	if step.Abs() <= clockStep {
		return 0
	}
	return step
}
