package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// looks are the ways in which the main pages are looked at: each value of
// each choice at least once. The others are looked at in two of them.
var (
	looks    = []how{{}, {width: 360, dark: true, chinese: true}, {width: 360, noJS: true}, {dark: true, chinese: true, noJS: true}}
	fewLooks = looks[1:3]
)

// aPage is a page that is visited.
type aPage struct {
	name, path string
	status     int64 // 0: 200
	few        bool  // looked at in fewLooks
	print      bool  // on paper, too
	again      again
	like       bool // another page of the list has all of its parts
}

// again says whether a page without scripts asks again by itself.
type again int

const (
	never  again = iota // it never changes
	always              // something goes on that people wait for
	either              // it may
)

// allPages are the pages of the fixture.
func allPages() []aPage {
	n := shared.node
	incident := func(key string) string { return "/incident/" + n.Incidents[key].ID.String() }
	busy := "/" + n.Busy.Path() + "/"
	return []aPage{
		{name: "start", path: "/", again: always},
		{name: "day", path: busy, print: true},
		{name: "day-filtered", few: true, like: true, path: busy + "?loss=5&verdict=real-loss&target=203.0.113.7"},
		{name: "day-sorted", few: true, like: true, path: busy + "?sort=loss"},
		{name: "day-today", few: true, path: "/" + n.Day(0).Path() + "/", again: either},
		{name: "day-bare", few: true, like: true, path: "/" + n.Bare.Path() + "/"},
		{name: "report", path: n.Reports["real-loss"].URL(), print: true},
		{name: "report-clean", few: true, like: true, path: n.Reports["clean"].URL()},
		{name: "report-ipv6", few: true, like: true, path: n.Reports["ipv6"].URL()},
		{name: "report-failed", few: true, path: n.Reports["unresolved"].URL()},
		{name: "report-hostile", few: true, path: n.Reports["hostile"].URL()},
		{name: "report-long", few: true, like: true, path: n.Reports["long"].URL()},
		{name: "running", path: "/r/" + n.Running.String(), again: always},
		{name: "waiting", few: true, path: "/r/" + n.Waiting.String(), again: always},
		{name: "incident", path: incident("ten-seconds"), print: true},
		{name: "incident-open", path: incident("open"), again: always},
		{name: "incident-storm", path: incident("storm")},
		{name: "incident-hostile", few: true, path: incident("hostile")},
		{name: "incidents", path: "/incidents", again: either},
		{name: "target", path: "/target/203.0.113.7", again: either},
		{name: "search", path: "/search?q=203.0.113"},
		{name: "search-none", few: true, path: "/search?q=nothing-like-it"},
		{name: "node", path: "/node/hk1", again: either},
		{name: "problem-404", path: "/2026/11/23/nothing", status: 404},
		{name: "problem-400", path: busy + "?loss=lots", status: 400},
		{name: "problem-410", few: true, path: "/r/" + n.Bad.String(), status: 410},
	}
}

// TestPages goes through the pages in a tab for each look, as a reader does:
// one after the other.
func TestPages(t *testing.T) {
	for _, h := range looks {
		t.Run(h.name(), func(t *testing.T) {
			t.Parallel()
			b := open(t, h)
			for _, p := range allPages() {
				if p.few && !slices.Contains(fewLooks, h) {
					continue
				}
				t.Run(p.name, func(t *testing.T) {
					b := b.anew(t)
					b.visit(p.path, max(p.status, 200))
					b.shot(p.name)
					b.still()
					b.fits()
					b.whole()
					b.speaks()
					if h.noJS {
						b.asksAgain(p.again)
					} else if !p.like {
						b.accessible()
					}
					b.quiet()
				})
			}
		})
	}
}

// still fails where much has moved since it was drawn: 0.1 is what the
// measure's makers call good. How much of a page is drawn before all of it has
// been read depends on how busy the machine is; TestTorturePagesOnSlowMachine
// is stricter.
func (b *tab) still() {
	b.t.Helper()
	if sum, what := b.moved(); sum >= 0.1 {
		b.t.Errorf("the page moved by %.3f after it was drawn: %q", sum, what)
	}
}

// moved is by how much parts of a page have moved since they were drawn (the
// sum of layout shifts), and which.
func (b *tab) moved() (sum float64, what []string) {
	b.t.Helper()
	if b.how.noJS {
		return 0, nil // nobody can be told of it
	}
	type shift struct {
		Sum   float64
		Moved []string
	}
	s := value[shift](b, `new Promise(done => {
		const out = {Sum: 0, Moved: []};
		new PerformanceObserver(l => {
			for (const e of l.getEntries()) if (!e.hadRecentInput) {
				out.Sum += e.value;
				for (const s of e.sources) out.Moved.push(s.node ? (s.node.outerHTML || s.node.textContent || "").slice(0, 80) : "gone");
			}
		}).observe({type: "layout-shift", buffered: true});
		requestAnimationFrame(() => setTimeout(() => done(out), 0));
	})`)
	return s.Sum, s.Moved
}

// fits fails where the page itself scrolls sideways. A part with a scroll bar
// of its own may be wider.
func (b *tab) fits() {
	b.t.Helper()
	width := value[float64](b, `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)`)
	if width <= float64(b.how.px()) {
		return
	}
	wide := value[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter(e => {
		if (e.getBoundingClientRect().right <= %d + 0.5) return false;
		for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible" && p !== document.documentElement && p !== document.body) return false;
		return true;
	}).map(e => e.cloneNode(false).outerHTML).slice(0, 6)`, b.how.px()))
	b.t.Errorf("the page is %g pixels wide, %d are there: %s", width, b.how.px(), strings.Join(wide, " "))
}

// whole fails where a table is wider than its place, so that nothing says that
// there is more of it, where the words of a cell run into the next one, and
// where a heading is broken within a word.
func (b *tab) whole() {
	b.t.Helper()
	faults := value[[]string](b, `(() => {
		const out = [], seen = e => { const r = e.getBoundingClientRect(); return r.width > 1 && r.height > 1; };
		const clips = e => getComputedStyle(e).overflowX !== "visible";
		for (const t of document.querySelectorAll("main table")) {
			const place = t.parentElement;
			if (seen(t) && place.scrollWidth > place.clientWidth + 1) out.push("of " + place.scrollWidth + " pixels " + place.clientWidth + " are there: table " + t.className);
		}
		for (const c of document.querySelectorAll("main th, main td")) {
			if (!seen(c) || c.closest(".visually-hidden")) continue;
			const end = c.getBoundingClientRect().right - parseFloat(getComputedStyle(c).paddingRight) + 1;
			const walk = document.createTreeWalker(c, NodeFilter.SHOW_TEXT);
			for (let n = walk.nextNode(); n; n = walk.nextNode()) {
				let box = n;
				for (let p = n.parentElement; p !== c; p = p.parentElement) if (clips(p)) box = p;
				const words = document.createRange();
				words.selectNode(n);
				const at = (box === n ? words : box).getBoundingClientRect();
				if (at.width > 1 && at.right > end) { out.push("out of its cell by " + (at.right - end) + ": " + c.outerHTML.slice(0, 160)); break; }
			}
		}
		for (const h of document.querySelectorAll("main thead th, main .moments th, main .times th")) {
			if (/\p{Script=Han}/u.test(h.innerText)) continue; // breaks anywhere
			const words = document.createRange();
			words.selectNodeContents(h);
			const lines = new Set([...words.getClientRects()].map(r => Math.round(r.bottom))).size;
			if (seen(h) && lines > h.innerText.trim().split(/\s+/).length) out.push("broken: " + h.innerText);
		}
		return out.slice(0, 6);
	})()`)
	for _, f := range faults {
		b.t.Error(f)
	}
}

// speaks fails where the page is in another language than asked for.
func (b *tab) speaks() {
	b.t.Helper()
	lang := value[string](b, `document.documentElement.lang`)
	want := "en"
	if b.how.chinese {
		want = "zh"
	}
	if !strings.HasPrefix(lang, want) {
		b.t.Errorf("the page is in %q, want %q", lang, want)
	}
	if han := value[bool](b, `/\p{Script=Han}{2}/u.test(document.querySelector("main").innerText)`); han != b.how.chinese {
		b.t.Errorf("Chinese in its text: %v, want %v", han, b.how.chinese)
	}
}

// asksAgain fails where a page without scripts should ask again and does
// not, or the other way round.
func (b *tab) asksAgain(want again) {
	b.t.Helper()
	if got := value[bool](b, `!!document.querySelector("meta[http-equiv=refresh]")`); want != either && got != (want == always) {
		b.t.Errorf("asks again by itself: %v, want %v", got, want == always)
	}
}

// accessible fails where axe-core finds a fault in what it can decide. Of
// long tables it looks at the first rows: others are made like them.
func (b *tab) accessible() {
	b.t.Helper()
	b.do(script(shared.axe))
	type fault struct{ ID, Help, At string }
	faults := value[[]fault](b, `axe.run({include: [["html"]], exclude: [["tbody tr:nth-child(n+25)"]]}, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa"]}, resultTypes: ["violations"]}).then(r =>
		r.violations.flatMap(v => v.nodes.slice(0, 4).map(n => ({ID: v.id, Help: v.help, At: n.html.slice(0, 160) + " | " + n.failureSummary.replaceAll(/\s+/g, " ")}))))`)
	for _, f := range faults {
		b.t.Errorf("axe: %s: %s: %s", f.ID, f.Help, f.At)
	}
}
