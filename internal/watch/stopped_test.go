//go:build !torture

package watch

import "time"

const stoppedFor = 3 * time.Second
