package report

import "testing"

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "loss over 20 %", "loss over 20 %"},
		{"words of other scripts stay", "丢包 é ß", "丢包 é ß"},
		{"escape sequence", "\x1b[2Jx", " [2Jx"},
		{"C1 control", "a\u009b2Jb", "a 2Jb"},
		{"raw 8-bit control", "a\x9bb", "a b"},
		{"lines", "a\r\nb\u2028c", "a  b c"},
		{"delete", "a\x7fb", "a b"},
		{"direction of writing", "a\u202eb\u2066c", "abc"},
		{"zero width and byte order mark", "a\u200bb\ufeffc", "abc"},
		{"half a rune", "a\xe4\xb8", "a  "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Printable(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
