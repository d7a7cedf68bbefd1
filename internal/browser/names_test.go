package browser

import (
	"testing"
	"time"
)

// TestNames: a report has the AS of its routers at once and their names once
// they are looked up, at each width, and never another host's markup.
func TestNames(t *testing.T) {
	for _, h := range []how{{}, {width: 360, dark: true, chinese: true}} {
		t.Run(h.name(), func(t *testing.T) {
			b := open(t, h)
			path := shared.node.Reports["real-loss"].URL()
			b.visit(path, 200)
			for _, says := range []string{"AS64500", "Example Networks", "AS64497"} {
				if !value[bool](b, `document.querySelector("table.mtr").innerText.includes(`+quoted(says)+`)`) {
					t.Errorf("the table does not say %q:\n%s", says, b.text())
				}
			}
			const has = `["ae1.core1.hkg.example.net", "customer50.example.net"].every(n => document.querySelector("table.mtr").innerText.includes(n))`
			for deadline := time.Now().Add(patience); !value[bool](b, has); b.visit(path, 200) {
				if time.Now().After(deadline) {
					t.Fatalf("the table has no names:\n%s", b.text())
				}
			}
			// The AS stands in a column of its own, or, where there is no room, below the address; never in both.
			if n := value[int](b, `[...document.querySelectorAll("table.mtr tbody tr:last-child .as")].filter(e => e.getClientRects().length > 0).length`); n != 1 {
				t.Errorf("the AS of the target is shown %d times", n)
			}
			if got := value[[]string](b, `[...document.querySelectorAll("#injected, .injected")].map(e => e.outerHTML)`); len(got) > 0 {
				t.Errorf("markup of strangers is in the page: %q", got)
			}
			b.shot("names")
			b.fits()
			b.accessible()
			b.quiet()
		})
	}
}
