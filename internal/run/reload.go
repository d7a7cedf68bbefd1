package run

import "github.com/mtrq/mtrq/internal/trace"

// Settings are what a Runner can be given anew while it runs.
type Settings struct {
	Jobs   int // long looks at once
	MaxPPS int
	Policy trace.Policy
	Rule   trace.Rule
}

// Reload changes the settings for the traces that begin from now on; the
// number of long looks and the budget at once.
func (r *Runner) Reload(s Settings) {
	r.stateMu.Lock()
	from := r.Jobs
	r.Jobs = s.Jobs
	r.stateMu.Unlock()
	r.Tracer.Slots.Resize(from, s.Jobs)
	r.Tracer.Set(s.Policy, s.Rule)
	r.Scheduler.SetMaxPPS(s.MaxPPS)
}
