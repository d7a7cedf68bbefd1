//go:build !torture

package watch

import "time"

const stoppedFor = 3 * time.Second

const simDraws = 20 // of each simulated case
