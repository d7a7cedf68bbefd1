package archive

import (
	"time"

	"github.com/mtrq/mtrq/report"
)

// targetFigures are the probes to the target, lost of sent, and the
// round-trip times of its answers; nil what is unknown.
func (e *Entry) targetFigures(ev *report.Evidence) {
	st := ev.TargetStats()
	if st.Sent > 0 {
		e.Lost, e.Sent = &st.Lost, &st.Sent
	}
	if st.RTT != nil {
		us := func(d time.Duration) *int64 {
			v := d.Microseconds()
			return &v
		}
		e.AvgUS, e.MinUS, e.MedianUS, e.MaxUS = us(st.RTT.Avg), us(st.RTT.Best), us(st.RTT.P50), us(st.RTT.Worst)
	}
}
