package report

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var fmtVerb = regexp.MustCompile(`%(\[(\d+)\])?([a-z%])`)

// verbsOf are the verbs of a sentence by number of the argument.
func verbsOf(t *testing.T, key, s string) map[int]string {
	out := make(map[int]string)
	next := 1
	for _, m := range fmtVerb.FindAllStringSubmatch(s, -1) {
		if m[3] == "%" {
			continue
		}
		n := next
		if m[2] != "" {
			n, _ = strconv.Atoi(m[2])
		}
		if was, ok := out[n]; ok && was != m[3] {
			t.Errorf("%q: argument %d is %%%s and %%%s", key, n, was, m[3])
		}
		out[n] = m[3]
		next = n + 1
	}
	return out
}

// TestCatalogues: every language has every key, with the same verbs, and
// what it says is of that language.
func TestCatalogues(t *testing.T) {
	all := catalogues()
	for _, l := range Langs {
		for key, s := range all[l] {
			en, ok := all[English][key]
			if !ok {
				t.Errorf("%s has %q, which English has not", l, key)
				continue
			}
			got, want := verbsOf(t, key, s), verbsOf(t, key, en)
			if len(got) != len(want) {
				t.Errorf("%s %q: %q has other verbs than %q", l, key, s, en)
			}
			for n, v := range want {
				if got[n] != v {
					t.Errorf("%s %q: argument %d is %%%s, in English %%%s", l, key, n, got[n], v)
				}
			}
			if strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%s %q has a control character", l, key)
			}
		}
		for key := range all[English] {
			if s, ok := all[l][key]; !ok || s == "" && key != "space" {
				t.Errorf("%s lacks %q", l, key)
			}
		}
	}
	for key, s := range all[Chinese] {
		if !strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }) && !slices.Contains([]string{"space", "gap", "comma", "semicolon", "untraced.why", "ticket.colon"}, key) {
			t.Errorf("zh %q is not Chinese: %q", key, s)
		}
	}
}

// TestCataloguesAreUsed looks for each key in the source, and for each key
// of the source in the catalogue.
func TestCataloguesAreUsed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	source := ""
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source += string(b)
	}
	english := catalogues()[English]
	for key := range english {
		base := strings.TrimSuffix(key, ".one")
		made := strings.HasPrefix(key, "n.") || strings.HasPrefix(key, "rule.") || strings.HasPrefix(key, "class.") || strings.HasPrefix(key, "grade.")
		if !made && !strings.Contains(source, `"`+key+`"`) && !strings.Contains(source, `"`+base+`"`) {
			t.Errorf("nobody says %q", key)
		}
	}
	for _, m := range regexp.MustCompile(`(?:(?:[lL]ang|l)\.Say\(|\.tell\(&?d, |say\()"([a-z0-9]+\.[a-z0-9.]+|clean|chance|few|late|lost|udp|paced|back|loop|shift|silent|known|filters|usual)"[,)]`).FindAllStringSubmatch(source, -1) {
		if _, ok := english[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
			t.Errorf("the catalogue has no %q", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`\.(?:count|of|counted)\([^"\n]*"([a-z]+)"\)`).FindAllStringSubmatch(source, -1) {
		if _, ok := english["n."+m[1]]; !ok {
			t.Errorf("the catalogue has no %q", "n."+m[1])
		}
	}
}

func TestParseLang(t *testing.T) {
	for name, want := range map[string]Lang{"zh": Chinese, "zh-CN": Chinese, "zh_CN.UTF-8": Chinese, " EN-gb ": English, "de": "", "": "", "C.UTF-8": ""} {
		if got, ok := ParseLang(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", name, got, ok)
		}
	}
}
