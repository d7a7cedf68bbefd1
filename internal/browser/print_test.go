package browser

import (
	"bytes"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPrint: on paper a page is dark on white without what only a screen
// needs.
func TestPrint(t *testing.T) {
	for _, p := range allPages() {
		if !p.print {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, how{width: 1000, dark: true, print: true})
			b.visit(p.path, 200)
			b.shot(p.name)
			if value[bool](b, `[...document.querySelectorAll("header nav, form.search, a.skip, footer button, [data-help]")].some(e => e.getClientRects().length > 0)`) {
				t.Error("a menu, a button or the search box is on the paper")
			}
			type paper struct{ Ink, Back float64 }
			// Brightness of text and ground, 0 to 255; nothing painted is the white of the paper.
			c := value[paper](b, `(() => {
				const light = s => { const v = s.match(/[\d.]+/g).map(Number); return v.length > 3 && v[3] === 0 ? 255 : 0.3*v[0] + 0.59*v[1] + 0.11*v[2]; };
				return {Ink: light(getComputedStyle(document.querySelector("main h1")).color), Back: light(getComputedStyle(document.body).backgroundColor)};
			})()`)
			if c.Ink > 100 || c.Back < 240 {
				t.Errorf("ink of brightness %.0f on %.0f, want dark on white", c.Ink, c.Back)
			}
			marks := value[[]string](b, `[...document.querySelectorAll("main .verdict, main .figures dd")].filter(e => {
				const v = getComputedStyle(e).color.match(/[\d.]+/g).map(Number);
				return e.getClientRects().length > 0 && 0.3*v[0] + 0.59*v[1] + 0.11*v[2] > 130;
			}).map(e => e.textContent).slice(0, 6)`)
			if len(marks) > 0 {
				t.Errorf("a mark is too pale for paper: %q", marks)
			}
			pale := value[[]string](b, `[...document.querySelectorAll("main svg text")].filter(e => {
				const v = getComputedStyle(e).fill.match(/[\d.]+/g).map(Number);
				return e.getClientRects().length > 0 && 0.3*v[0] + 0.59*v[1] + 0.11*v[2] > 130;
			}).map(e => e.textContent).slice(0, 6)`)
			if len(pale) > 0 {
				t.Errorf("text in pictures is too pale for paper: %q", pale)
			}
			pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
			if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF")) {
				t.Errorf("print: %v, %d bytes", err, len(pdf))
			}
			b.quiet()
		})
	}
}
