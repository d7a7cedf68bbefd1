//go:build torture

package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// TestTorturePagesOnSlowMachine: what a browser that is thirty times slower
// draws of a page, before it has read all of it, stays where it is.
func TestTorturePagesOnSlowMachine(t *testing.T) {
	for _, h := range looks[:2] {
		t.Run(h.name(), func(t *testing.T) {
			t.Parallel()
			b := open(t, h)
			send(b, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 30})
			for _, p := range allPages() {
				t.Run(p.name, func(t *testing.T) {
					b := b.anew(t)
					for range 3 {
						b.visit(p.path, max(p.status, 200))
						if sum, what := b.moved(); sum >= 0.02 {
							b.t.Errorf("the page moved by %.3f after it was drawn: %q", sum, what)
						}
					}
				})
			}
		})
	}
}
