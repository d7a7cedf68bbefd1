//go:build torture

package watch

import "time"

const stoppedFor = 30 * time.Second
