package report

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"short", "one two\n", "one two\n"},
		{"at a space", "aaaa bbbb cccc dddd\n", "aaaa bbbb\n  cccc\n  dddd\n"},
		{"what is indented already", "  aaa bbb ccc\n", "  aaa bbb\n    ccc\n"},
		{"a word that fits nowhere", "aaaaaaaaaaaaaaa b\n", "aaaaaaaaaaaaaaa\n  b\n"},
		{"exactly as wide", "aaaa bbbbb\n", "aaaa bbbbb\n"},
		{"a figure keeps its unit", "aaaa 26 % bb\n", "aaaa 26 %\n  bb\n"},
		{"and is carried over with it", "aaaaaa 26 % bb\n", "aaaaaa\n  26 % bb\n"},
		{"empty lines", "a\n\nb\n", "a\n\nb\n"},
		{"characters, not bytes", "äöüä öüäöü\n", "äöüä öüäöü\n"},
		{"between Chinese characters", "丢包始于第三跳\n", "丢包始于第\n  三跳\n"},
		{"no mark at the beginning of a line", "丢包始于这，三跳\n", "丢包始于\n  这，三跳\n"},
		{"no bracket at the end of one", "一丢包a（这）\n", "一丢包a\n  （这）\n"},
		{"a number keeps its Chinese unit", "丢包于第 8 跳\n", "丢包于\n  第 8 跳\n"},
		{"no newline at the end", "aaaa bbbb cccc", "aaaa bbbb\n  cccc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(wrap([]byte("x"+c.in), 1, 10)); got != "x"+c.want {
				t.Errorf("got  %q\nwant %q", got, "x"+c.want)
			}
		})
	}
}

// badlyWrapped is what is wrong with the lines of a text for people; "" is
// nothing.
func badlyWrapped(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		first, _ := utf8.DecodeRuneInString(strings.TrimLeft(line, " "))
		before := ""
		if i > 0 {
			before = lines[i-1]
		}
		switch {
		case columns(line) > textWidth:
			return "a line is too wide: " + line
		case line != "" && strings.ContainsRune(closing, first):
			return "a line begins with a mark: " + line
		case before != "" && strings.ContainsAny(before[len(before)-1:], "0123456789") && doubleWide(first), strings.HasSuffix(before, "第"):
			return "a number is parted from its unit: " + before + " / " + line
		}
	}
	return ""
}

func TestWrapWide(t *testing.T) {
	for in, want := range map[string]string{
		"short":                   "short",
		"a line of several words": "a line of\n  several\n  words",
		"丢包始于第二跳与第三跳之间":              "丢包始于第\n  二跳与第\n  三跳之间",
		"   丢包率：26.3 %（共）":           "   丢包\n     率：\n     26.3 %\n     （共）",
		"averyveryverylongword":      "averyveryverylongword",
		"    indented, and too long": "    indented,\n      and\n      too\n      long",
	} {
		if got := wrapWide(in, 10); got != want {
			t.Errorf("%q:\n got %q\nwant %q", in, got, want)
		}
	}
}
