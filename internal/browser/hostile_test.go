package browser

import (
	"net/url"
	"testing"
)

// TestHostile: what strangers wrote is text wherever it is shown.
func TestHostile(t *testing.T) {
	n := shared.node
	name := url.PathEscape(n.Hostile)
	words := url.QueryEscape(n.Words)
	bad := n.Reports["hostile"]
	for _, c := range []struct {
		name, path string
		status     int64
		says       string // part of what was written, as text
	}{
		{"report", bad.URL(), 200, `<script id="injected">alert(1)</script>`},
		{"failed", n.Reports["hostile-failed"].URL(), 200, `<b id=injected>`},
		{"bad job", "/r/" + n.Bad.String(), 410, `<script id="injected">`},
		{"day", "/" + bad.Day.Path() + "/", 200, n.Hostile},
		{"start", "/", 200, ""},
		{"incidents", "/incidents", 200, n.Hostile},
		{"incident", "/incident/" + n.Incidents["hostile"].ID.String(), 200, n.Hostile},
		{"target", "/target/" + name, 400, ""},
		{"node", "/node/hk1", 200, ""},
		{"search", "/search?q=" + words, 200, ""},
		{"filter", "/" + bad.Day.Path() + "/?reason=" + words, 200, ""},
		{"bad filter", "/" + bad.Day.Path() + "/?loss=" + words, 400, ""},
		{"bad sort", "/" + bad.Day.Path() + "/?sort=" + words, 400, ""},
		{"no page", "/" + words, 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, how{width: 360})
			b.visit(c.path, c.status)
			if got := value[[]string](b, `[...document.querySelectorAll("#injected, .injected, [onerror], [onload]")].map(e => e.outerHTML)`); len(got) > 0 {
				t.Errorf("markup of strangers is in the page: %q", got)
			}
			if got := value[string](b, `(document.documentElement.outerHTML.match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g) || []).map(c => c.codePointAt(0).toString(16)).join(" ")`); got != "" {
				t.Errorf("control characters are in the page: %s", got)
			}
			if c.says != "" && !value[bool](b, `document.body.textContent.includes(`+quoted(c.says)+`)`) {
				t.Errorf("the page does not say %q:\n%s", c.says, b.text())
			}
			b.fits()
			b.quiet()
		})
	}
}
