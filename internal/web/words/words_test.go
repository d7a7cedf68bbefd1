package words

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLanguagesSayTheSame: no language lacks a sentence, and each takes
// the same arguments.
func TestLanguagesSayTheSame(t *testing.T) {
	first := catalogues()[All[0]]
	if len(first) == 0 {
		t.Fatal("no sentences")
	}
	for _, l := range All[1:] {
		other := catalogues()[l]
		for key, s := range first {
			o, ok := other[key]
			if !ok {
				t.Errorf("%s.toml lacks %q", l, key)
				continue
			}
			if a, b := verbs(s), verbs(o); !slices.Equal(a, b) {
				t.Errorf("%q takes %v in %s and %v in %s", key, a, All[0], b, l)
			}
		}
		for key := range other {
			if _, ok := first[key]; !ok {
				t.Errorf("%s.toml lacks %q, which %s.toml has", All[0], key, l)
			}
		}
	}
}

func TestSentences(t *testing.T) {
	for _, l := range All {
		for key, s := range catalogues()[l] {
			if strings.TrimSpace(s) == "" || strings.TrimSpace(s) != s {
				t.Errorf("%s %q: %q is empty or has space around it", l, key, s)
			}
			if strings.Contains(s, "<") || strings.Contains(s, "&") {
				t.Errorf("%s %q: %q has markup, which would be shown as it stands", l, key, s)
			}
			var args []any
			for _, v := range verbs(s) {
				if strings.HasSuffix(v, "d") {
					args = append(args, 7)
				} else {
					args = append(args, "x")
				}
			}
			if got := l.Say(key, args...); strings.Contains(got, "%!") {
				t.Errorf("%s %q: %q", l, key, got)
			}
		}
	}
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[-+# 0-9.]*([a-zA-Z%])`)

// verbs are the arguments that a sentence takes, in their order: "1s", "2d".
func verbs(s string) []string {
	var out []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(s, -1) {
		if m[2] == "%" {
			continue
		}
		n := next
		if m[1] != "" {
			_, _ = fmt.Sscan(m[1], &n)
		}
		next = n + 1
		out = append(out, fmt.Sprintf("%d%s", n, m[2]))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		want Lang
		ok   bool
	}{{"en", English, true}, {"zh-CN", Chinese, true}, {"ZH-hant-tw", Chinese, true}, {" en-GB", English, true}, {"de", "", false}, {"", "", false}, {"zhx", "", false}} {
		if got, ok := Parse(tt.name); got != tt.want || ok != tt.ok {
			t.Errorf("Parse(%q) = %q, %v; want %q, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSay(t *testing.T) {
	if got := English.Say("site.foot", "0.1.0", "hk1"); got != "mtrq 0.1.0 on hk1" {
		t.Errorf("got %q", got)
	}
	if got := Chinese.Say("no.such.key", 1); got != "no.such.key" {
		t.Errorf("an unknown key gives %q", got)
	}
	if Chinese.Has("no.such.key") || !Chinese.Has("site.foot") {
		t.Error("Has is wrong")
	}
}
