package browser

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestThreeClicks: last week's ten-second loss of one customer, found by
// somebody who knows the day, who knows the address, or who knows neither.
func TestThreeClicks(t *testing.T) {
	n := shared.node
	loss := n.Incidents["ten-seconds"]
	incident := "/incident/" + loss.ID.String()
	for _, c := range []struct {
		name   string
		search string   // typed into the search box first, and Enter
		clicks []string // selectors of links
	}{
		{"by the day", "", []string{`a[href="/` + loss.Day.Path() + `/"]`, `a[href="` + incident + `"]`}},
		{"by the address", "203.0.113.7", []string{`a[href="` + incident + `"]`}},
		{"by the list of incidents", "", []string{`a[href="/incidents"]`, `a[href="` + incident + `"]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, how{})
			b.visit("/", 200)
			if c.search != "" {
				b.click(`input[type=search]`)
				b.press(c.search)
				b.until("the address is typed", `document.activeElement.value === `+quoted(c.search))
				b.leads(func() { b.press("\r") })
			}
			for _, sel := range c.clicks {
				b.leads(func() { b.click(sel) })
			}
			if b.here() != incident {
				t.Errorf("arrived at %s, want %s", b.here(), incident)
			}
			text := b.text()
			for _, want := range []string{"203.0.113.7", "21:47:13", "10 of 10", "real loss", "198.18.10.29"} {
				if !strings.Contains(text, want) {
					t.Errorf("the incident does not say %q:\n%s", want, text)
				}
			}
			b.quiet()
		})
	}
}

// click clicks into the middle of what is to be seen, as a hand does.
func (b *tab) click(sel string) {
	b.t.Helper()
	type point struct{ X, Y float64 }
	p := value[*point](b, `(() => {
		for (const e of document.querySelectorAll(`+quoted(sel)+`)) {
			e.scrollIntoView({block: "center"});
			const r = e.getClientRects()[0];
			if (!r) continue;
			const x = r.left + r.width / 2, y = r.top + r.height / 2, hit = document.elementFromPoint(x, y);
			if (hit && (e === hit || e.contains(hit))) return {X: x, Y: y};
		}
		return null;
	})()`)
	if p == nil {
		b.t.Fatalf("nothing to click at %s on %s; links: %q", sel, b.here(), b.links())
	}
	b.do(chromedp.MouseClickXY(p.X, p.Y))
}

// leads waits for the page that something leads to.
func (b *tab) leads(do func()) {
	b.t.Helper()
	value[bool](b, `window.here = true`)
	do()
	b.until("another page", `window.here !== true && document.readyState === "complete"`)
}

// TestOneCurl: the same from a terminal.
func TestOneCurl(t *testing.T) {
	t.Parallel()
	n := shared.node
	id := n.Incidents["ten-seconds"].ID.String()
	for _, path := range []string{"/target/203.0.113.7", "/incidents", "/" + n.Incidents["ten-seconds"].Day.Path() + "/", "/search?q=203.0.113.7", "/incident/" + id} {
		t.Run(path, func(t *testing.T) {
			out, err := exec.Command("curl", "-fsSL", "--max-time", "60", n.url+path).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			text := string(out)
			if strings.Contains(text, "<html") {
				t.Errorf("curl got markup:\n%.400s", text)
			}
			found := false
			for line := range strings.Lines(text) {
				found = found || strings.Contains(line, "21:47:13") || strings.Contains(line, id)
			}
			if !found {
				t.Errorf("no line tells of the loss at 21:47:13 or of %s:\n%s", id, text)
			}
		})
	}
}

// quoted is a string as a script has it.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always can be written
	}
	return string(b)
}
