package lab

import "time"

// Await looks, once a beat, at what a test waits for, until it is so. It fails
// the test after patience, which turns a hang into a failure and is no measure of
// speed.
func Await(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, patience, beat time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	end := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}
