package report

import "testing"

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
		{"no newline at the end", "aaaa bbbb cccc", "aaaa bbbb\n  cccc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(wrap([]byte("x"+c.in), 1, 10)); got != "x"+c.want {
				t.Errorf("got  %q\nwant %q", got, "x"+c.want)
			}
		})
	}
}
