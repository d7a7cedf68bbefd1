package main

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestToldToStopTwice: timeout(1) sends its TERM to the process and to its
// group, which is to be told once.
func TestToldToStopTwice(t *testing.T) {
	type sent struct {
		after time.Duration
		sig   os.Signal
	}
	const term, intr = syscall.SIGTERM, syscall.SIGINT
	for _, c := range []struct {
		name  string
		sent  []sent
		ended bool
	}{
		{"once", []sent{{0, term}}, false},
		{"by timeout", []sent{{0, term}, {time.Millisecond, term}}, false},
		{"by timeout, and again", []sent{{0, term}, {0, term}, {time.Second, term}}, true},
		{"twice", []sent{{0, term}, {time.Second, term}}, true},
		{"two kinds", []sent{{0, intr}, {0, term}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := make(chan os.Signal, 4)
				told := 0
				ctx, stop, cancel := stopTwice(t.Context(), in, func() { told++ })
				defer cancel(nil)
				for _, s := range c.sent {
					time.Sleep(s.after)
					in <- s.sig
				}
				synctest.Wait()
				<-stop
				if ended := context.Cause(ctx) == errSecondSignal; ended != c.ended || told != 1 {
					t.Errorf("ends at once: %v, want %v; told %d times", ended, c.ended, told)
				}
			})
		})
	}
}
