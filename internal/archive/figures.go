package archive

import "github.com/mtrq/mtrq/report"

// targetFigures are the probes to the target, lost of sent, and their mean
// round-trip time; nil what is unknown.
func targetFigures(ev *report.Evidence) (lost, sent *int, avgUS *int64) {
	st := ev.TargetStats()
	if st.Sent > 0 {
		lost, sent = &st.Lost, &st.Sent
	}
	if st.RTT != nil {
		us := st.RTT.Avg.Microseconds()
		avgUS = &us
	}
	return lost, sent, avgUS
}
