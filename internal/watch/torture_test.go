//go:build torture

package watch

import (
	"testing"
	"time"
)

const stoppedFor = 30 * time.Second

const simDraws = 50 // of each simulated case

// TestTortureStormsSimulated is TestStormsSimulated at length.
func TestTortureStormsSimulated(t *testing.T) { TestStormsSimulated(t) }
