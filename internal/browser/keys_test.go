package browser

import (
	"strings"
	"testing"
)

// focusRow is the number of the row that has the focus, from 0; -1: none.
const focusRow = `(() => {
	const row = document.activeElement.closest("tr");
	return row ? [...row.closest("tbody").rows].filter(r => r.querySelector("a")).indexOf(row) : -1;
})()`

// TestKeys presses each key where it does something.
func TestKeys(t *testing.T) {
	t.Parallel()
	day := "/" + shared.node.Busy.Path() + "/"
	b := open(t, how{})
	b.visit(day, 200)
	row := func(want int) {
		t.Helper()
		if got := value[int](b, focusRow); got != want {
			t.Errorf("the focus is on row %d, want %d", got, want)
		}
	}
	b.press("j")
	row(0)
	b.press("j")
	b.press("j")
	row(2)
	b.press("k")
	row(1)

	to := value[string](b, `document.activeElement.getAttribute("href")`)
	if !strings.HasPrefix(to, "/"+shared.node.Busy.Path()+"/") {
		t.Fatalf("the focus is on %q, want a report of the day", to)
	}
	b.follows("\r", to)
	b.visit(day, 200)

	// Days, by the same links that are to be seen.
	prev, next := rel(b, "prev"), rel(b, "next")
	if prev == "" || next == "" || prev == next {
		t.Fatalf("the day leads back to %q and on to %q", prev, next)
	}
	b.follows("h", prev)
	b.visit(day, 200)
	b.follows("l", next)
	b.visit(day, 200)

	// While somebody types, keys are letters.
	b.press("/")
	b.until("the search box has the focus", `document.activeElement.matches("input[type=search]")`)
	b.press("jkhl?/")
	if got := value[string](b, `document.activeElement.value`); !strings.HasSuffix(got, "jkhl?/") || b.here() != day {
		t.Errorf("typed jkhl?/: the box holds %q, the page is %s", got, b.here())
	}
	if value[bool](b, `!!document.querySelector("dialog[open]")`) {
		t.Error("? in the search box opened the help")
	}
	b.press("\x1b")
	b.until("Escape leaves the box", `!document.activeElement.matches("input")`)

	b.press("?")
	b.until("the help is open", `document.querySelector("dialog[open]")`)
	help := value[string](b, `document.querySelector("dialog[open]").innerText`)
	for _, key := range []string{"j", "k", "h", "l", "/", "?", "Enter"} {
		if !strings.Contains(help, key) {
			t.Errorf("the help says nothing of %s: %q", key, help)
		}
	}
	b.accessible()
	b.press("\x1b")
	b.until("Escape closes the help", `!document.querySelector("dialog[open]")`)
	b.quiet()
}

func rel(b *tab, what string) string {
	return value[string](b, `(document.querySelector('main a[rel="`+what+`"]') || {getAttribute: () => ""}).getAttribute("href")`)
}

// follows presses a key that must lead to a path.
func (b *tab) follows(key, path string) {
	b.t.Helper()
	b.press(key)
	b.until(key+" leads to "+path, `location.pathname + location.search === `+quoted(path)+` && document.readyState === "complete"`)
}

// TestTab: with the tabulator alone one gets past the menu into the content,
// and sees where one is.
func TestTab(t *testing.T) {
	t.Parallel()
	for _, dark := range []bool{false, true} {
		b := open(t, how{dark: dark})
		b.visit("/", 200)
		b.press("\t")
		if got := value[string](b, `document.activeElement.getAttribute("href")`); got != "#main" {
			t.Errorf("the first stop is %q, want the link past the menu", got)
		}
		if !value[bool](b, `(() => { const r = document.activeElement.getBoundingClientRect(); return r.width > 0 && r.top >= 0 && r.left >= 0; })()`) {
			t.Error("the link past the menu is not to be seen when it has the focus")
		}
		for i := range 12 {
			b.press("\t")
			if !value[bool](b, `(() => {
				const s = getComputedStyle(document.activeElement);
				return document.activeElement === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 || s.boxShadow !== "none";
			})()`) {
				t.Errorf("stop %d shows no focus: %s", i+2, value[string](b, `document.activeElement.outerHTML`))
			}
		}
	}
}
