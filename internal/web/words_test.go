package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/internal/web/words"
	"github.com/mtrq/mtrq/report"
)

// saidKeys finds what templates and code ask the catalogue for; a key that
// is put together ends where the rest of it comes from elsewhere.
var saidKeys = regexp.MustCompile(`(?:\{\{|\()t "([a-z0-9_.]+)"|\.(?:T|Say)\("([a-z0-9_.]+)"( \+)?|\badd\("([a-z0-9_.]+)"`)

// TestEveryKeyIsKnown: what pages say is in the catalogue, and what is in
// the catalogue is said.
func TestEveryKeyIsKnown(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	html, err := filepath.Glob("pages/*.html")
	if err != nil || len(html) == 0 {
		t.Fatal("no templates", err)
	}
	all := strings.Builder{}
	for _, name := range append(files, html...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
		for _, m := range saidKeys.FindAllStringSubmatch(string(data), -1) {
			key := m[1] + m[2] + m[4]
			if m[3] != "" || strings.HasSuffix(key, ".") || !strings.Contains(key, ".") {
				continue
			}
			if !words.English.Has(key) {
				t.Errorf("%s says %q, which en.toml does not have", name, key)
			}
		}
	}
	text := all.String()
	for _, key := range words.English.Keys() {
		first, _, _ := strings.Cut(key, ".")
		kind := key[:strings.LastIndexByte(key, '.')]
		if strings.Contains(text, `"`+first+`."`) || strings.Contains(text, `"`+key+`"`) || strings.Contains(text, `"`+kind+`."`) || strings.Contains(text, `wordOf("`+kind+`"`) {
			continue
		}
		t.Errorf("nobody says %q", key)
	}
}

// TestWordsOfReports: each word that a report may hold has one in each
// language.
func TestWordsOfReports(t *testing.T) {
	for _, l := range words.All {
		h := head{Lang: l}
		for _, c := range filterVerdicts {
			if !l.Has("verdict." + string(c)) {
				t.Errorf("%s: no word for the verdict %s", l, c)
			}
		}
		for _, f := range filterFresh {
			if !l.Has("fresh." + string(f)) {
				t.Errorf("%s: no word for the freshness %s", l, f)
			}
		}
		for _, s := range filterSources {
			if !l.Has("source." + s) {
				t.Errorf("%s: no word for the source %s", l, s)
			}
		}
		for _, e := range []report.Ended{report.EndedRunning, report.EndedComplete, report.EndedFirstLook, report.EndedMaxDuration, report.EndedShutdown,
			report.EndedInterrupted, report.EndedFailed, report.EndedRefused} {
			if !l.Has("ended." + string(e)) {
				t.Errorf("%s: no word for the end %s", l, e)
			}
		}
		for _, s := range []report.State{report.Reached, report.Filtered, report.Silent, report.Unreachable, report.NoRoute, report.Unresolved,
			report.Forbidden, report.Unprobed} {
			if !l.Has("state." + string(s)) {
				t.Errorf("%s: no word for the state %s", l, s)
			}
		}
		if got := h.Verdict("some-\x1bnew-class"); got != "some  new class" {
			t.Errorf("an unknown word is shown as %q", got)
		}
	}
}

func TestLanguage(t *testing.T) {
	n := newNode(t)
	n.archived(sample(newID(noon), noon))
	for _, tt := range []struct {
		name   string
		header []string
		want   words.Lang
	}{
		{"none", nil, words.English},
		{"Chinese browser", []string{"Accept-Language: zh-CN,zh;q=0.9,en;q=0.8"}, words.Chinese},
		{"English browser", []string{"Accept-Language: en-GB,en;q=0.9,zh;q=0.5"}, words.English},
		{"German browser that knows Chinese", []string{"Accept-Language: de,zh;q=0.5"}, words.Chinese},
		{"refused", []string{"Accept-Language: zh;q=0"}, words.English},
		{"strange", []string{"Accept-Language: ;;;q=x,,zh;q=9,*"}, words.English},
		{"chosen", []string{"Accept-Language: en", "Cookie: mtrq_lang=zh"}, words.Chinese},
		{"chosen, unknown", []string{"Accept-Language: zh", "Cookie: mtrq_lang=<b>"}, words.Chinese},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/", "/2026/11/23/", "/help", "/nothing"} {
				a := n.get(path, append(tt.header, asBrowser)...)
				want := `<html lang="` + tt.want.HTMLTag() + `">`
				if !strings.Contains(a.body, want) || !strings.Contains(a.body, tt.want.Say("site.incidents")) {
					t.Errorf("%s: page is not in %s", path, tt.want)
				}
				if vary := strings.Join(a.Header.Values("Vary"), ", "); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Cookie") {
					t.Errorf("%s: Vary %q", path, vary)
				}
			}
		})
	}
}

// TestLanguageSwitch: the switch keeps the choice and leads back, and
// never to another site.
func TestLanguageSwitch(t *testing.T) {
	n := newNode(t)
	for _, tt := range []struct{ path, to string }{
		{"/lang/zh?to=/2026/11/23/%3Floss%3D5", "/2026/11/23/?loss=5"},
		{"/lang/zh", "/"},
		{"/lang/zh?to=//evil.example/", "/"},
		{`/lang/zh?to=/%5Cevil.example/`, "/"},
		{"/lang/zh?to=https://evil.example/", "/"},
		{"/lang/zh?to=%09//evil.example/", "/"},
		{"/lang/zh?to=/%0d%0aSet-Cookie:x", "/%0D%0ASet-Cookie:x"},
	} {
		a := n.get(tt.path, asBrowser)
		if a.StatusCode != 303 || a.Header.Get("Location") != tt.to {
			t.Errorf("%s: %s to %q, want %q", tt.path, a.Status, a.Header.Get("Location"), tt.to)
		}
		c := a.Header.Get("Set-Cookie")
		for _, part := range []string{"mtrq_lang=zh", "HttpOnly", "SameSite=Lax", "Path=/"} {
			if !strings.Contains(c, part) {
				t.Errorf("%s: cookie %q lacks %s", tt.path, c, part)
			}
		}
	}
	n.get("/lang/xx", asBrowser).want(t, 404)
}
