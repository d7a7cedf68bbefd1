package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds every wait for the browser. It is no expectation: it is
// reached only where something hangs.
const patience = 2 * time.Minute

// how is in what way a page is looked at. The zero value: 1280 pixels,
// light, English, with scripts.
type how struct {
	width   int64 // 0: 1280
	dark    bool
	chinese bool
	noJS    bool
	print   bool
}

// name is the end of a picture's name: "1280-light-en", "360-dark-zh-nojs".
func (h how) name() string {
	s := fmt.Sprintf("%d-%s-%s", h.px(), h.scheme(), map[bool]string{false: "en", true: "zh"}[h.chinese])
	if h.noJS {
		s += "-nojs"
	}
	if h.print {
		s += "-print"
	}
	return s
}

func (h how) px() int64 {
	if h.width == 0 {
		return 1280
	}
	return h.width
}

func (h how) scheme() string {
	if h.dark {
		return "dark"
	}
	return "light"
}

// tab is a tab of the shared browser, without cookies of any other, as one
// test uses it.
type tab struct {
	t   *testing.T
	ctx context.Context
	how how
	*notes
}

// notes are what a tab did.
type notes struct {
	mu       sync.Mutex
	told     []string // what the console said that should be silent
	requests []string // URLs
	failed   []string
	expected map[string]bool // URLs whose failing status is wanted
}

// open opens a tab; it is closed with the test.
func open(t *testing.T, h how) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(shared.browser, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx, how: h, notes: &notes{expected: map[string]bool{}}}
	if err := chromedp.Listen(ctx, b.event); err != nil { // opens it
		t.Fatal(err)
	}
	lang := "en-GB,en;q=0.9"
	if h.chinese {
		lang = "zh-CN,zh;q=0.9,en;q=0.5"
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: h.scheme()}}}
	if h.print {
		media.Media = "print"
	}
	send(b, network.Enable, network.EnableParams{})
	send(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": lang}})
	send(b, emulation.SetEmulatedMedia, media)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: h.noJS})
	send(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: h.px(), Height: 900, DeviceScaleFactor: 1, Mobile: h.px() < 600})
	return b
}

// anew is the tab for another test, with nothing noted yet.
func (b *tab) anew(t *testing.T) *tab {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told, b.requests, b.failed = nil, nil, nil
	return &tab{t: t, ctx: b.ctx, how: b.how, notes: b.notes}
}

// event notes what a page should not do. It is called in the order of events.
func (b *notes) event(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, a := range e.Args {
			words = append(words, a.Description+string(a.Value))
		}
		b.told = append(b.told, fmt.Sprintf("console.%s: %s", e.Type, strings.Join(words, " ")))
	case *runtime.EventExceptionThrown:
		b.told = append(b.told, "exception: "+e.ExceptionDetails.Text)
		if x := e.ExceptionDetails.Exception; x != nil {
			b.told = append(b.told, "exception: "+x.Description)
		}
	case *cdplog.EventEntryAdded:
		if b.expected[e.Entry.URL] && e.Entry.Source == cdplog.EntrySourceNetwork {
			return // the page of a problem is there with a failing status
		}
		if e.Entry.Level != cdplog.EntryLevelVerbose {
			b.told = append(b.told, fmt.Sprintf("log %s, %s: %s %s", e.Entry.Level, e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *network.EventResponseReceived:
		u := e.Response.URL
		if e.Response.Status >= 400 && !b.expected[u] {
			b.failed = append(b.failed, fmt.Sprintf("%d %s", e.Response.Status, u))
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			b.failed = append(b.failed, fmt.Sprintf("%s %s %s", e.ErrorText, e.BlockedReason, e.Type))
		}
	}
}

// visit goes to a path, which must answer with a status.
func (b *tab) visit(path string, status int64) {
	b.t.Helper()
	full := path
	if !strings.HasPrefix(path, "http") {
		full = shared.node.url + path
	}
	if status >= 400 {
		b.mu.Lock()
		b.expected[full] = true
		b.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Run(ctx, chromedp.NavigateResponse(full))
	if err != nil {
		b.t.Fatalf("go to %s: %v", path, err)
	}
	if r.Status != status {
		b.t.Fatalf("%s answered %d, want %d", path, r.Status, status)
	}
	b.settle()
}

// settle waits until fonts are there and two frames are drawn. Without
// scripts no callback runs; the load event has to do.
func (b *tab) settle() {
	b.t.Helper()
	if b.how.noJS {
		return
	}
	b.eval(`document.fonts.ready.then(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true)))))`)
}

// eval evaluates an expression and throws its value away.
func (b *tab) eval(expr string) {
	b.t.Helper()
	value[bool](b, `Promise.resolve(`+expr+`).then(() => true)`)
}

// value evaluates an expression, waiting for a promise. A page without
// scripts may be in the middle of asking again by itself; it is asked once
// more then.
func value[T any](b *tab, expr string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for tries := 1; ; tries++ {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expr, chromedp.EvalAwaitPromise))
		if err == nil {
			return v
		}
		if !b.how.noJS || tries == 10 || ctx.Err() != nil {
			b.t.Fatalf("evaluate %.200s: %v", expr, err)
		}
		time.Sleep(50 * time.Millisecond) // until the new page is there
	}
}

func (b *tab) do(a ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, a...); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for an expression to be true.
func (b *tab) until(what, expr string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if value[bool](b, `!!(`+expr+`)`) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within %s\n%s", what, patience, b.text())
		}
		time.Sleep(20 * time.Millisecond) // polls a browser, which cannot be waited for otherwise
	}
}

// here is the path and query where the tab is.
func (b *tab) here() string {
	b.t.Helper()
	return value[string](b, `location.pathname + location.search`)
}

func (b *tab) text() string { b.t.Helper(); return value[string](b, `document.body.innerText`) }

// quiet fails where the page said or did what none should.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.told {
		b.t.Errorf("%s", s)
	}
	for _, s := range b.failed {
		b.t.Errorf("request failed: %s", s)
	}
	for _, s := range b.requests {
		if u, err := url.Parse(s); err != nil || u.Scheme != "data" && "http://"+u.Host != shared.node.url {
			b.t.Errorf("asked another host: %s", s)
		}
	}
}

// shot leaves a picture of the whole page in bin/screenshots.
func (b *tab) shot(name string) {
	b.t.Helper()
	yes := true
	height := min(value[float64](b, `document.documentElement.scrollHeight`), 8000)
	r := send(b, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &yes, FromSurface: &yes,
		Clip: &page.Viewport{Width: float64(b.how.px()), Height: height, Scale: 1}})
	dir := filepath.Join(root(), "bin", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+"-"+b.how.name()+".png"), r.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// press presses keys, as "j", "?", "\r".
func (b *tab) press(keys string) { b.t.Helper(); b.do(chromedp.KeyEvent(keys)) }

// links are the addresses of all links, as written.
func (b *tab) links() []string {
	b.t.Helper()
	l := value[[]string](b, `[...document.querySelectorAll("a[href]")].map(a => a.getAttribute("href"))`)
	slices.Sort(l)
	return slices.Compact(l)
}
