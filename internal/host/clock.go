package host

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
)

// Clock is what the kernel says of its clock now; nil: it may not say.
func Clock() *report.HostClock {
	c := readClock()
	if c.ErrorUS == nil {
		return nil
	}
	return &c
}

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
