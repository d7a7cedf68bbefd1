//go:build torture

package torture

import (
	"testing"
	"time"
)

// TestTortureKilledAtRandom kills node and senders at 1,000 random moments.
func TestTortureKilledAtRandom(t *testing.T) { killedAtRandom(t, 1000) }

// TestTortureFailedCalls harms each system call of submit, claim and finish
// in five ways.
func TestTortureFailedCalls(t *testing.T) {
	for _, e := range harms() {
		t.Run(harmName(e), func(t *testing.T) {
			t.Parallel() // they wait for disks and traces
			harmCalls(t, e, harmed{joins: 60})
		})
	}
}

// TestTorturePowerCut cuts the power of a whole life at each moment, on three
// file systems and in two ways.
func TestTorturePowerCut(t *testing.T) {
	if !ownMounts(t) {
		return
	}
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		for _, way := range []string{"shutdown", "image"} {
			t.Run(kind+", "+way, func(t *testing.T) {
				t.Parallel()
				powerCut(t, kind, way, 0)
			})
		}
	}
}

// TestTortureFullDisks fills the disks for a minute each.
func TestTortureFullDisks(t *testing.T) {
	if ownMounts(t) {
		fullDisks(t, time.Minute)
	}
}
