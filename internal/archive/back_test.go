package archive

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEachLineBack sees the lines that eachLine sees, in the other order.
func TestEachLineBack(t *testing.T) {
	long := strings.Repeat("x", 300<<10) // longer than a line may be
	var many strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&many, "line %d of a file that has several blocks\n", i)
	}
	for name, text := range map[string]string{
		"empty": "", "one line": "a\n", "torn": "a\nb", "only torn": "a", "empty lines": "\n\na\n\n",
		"too long": "a\n" + long + "\nb\n", "too long first": long + "\nb\n", "too long last": "a\n" + long + "\n", "too long and torn": "a\n" + long,
		"many": many.String(), "many and torn": many.String() + "torn",
	} {
		t.Run(name, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(p)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want, got, firsts := []string{}, []string{}, 0
			if _, err := eachLine(bytes.NewReader([]byte(text)), func(line []byte) error { want = append(want, string(line)); return nil }); err != nil {
				t.Fatal(err)
			}
			err = eachLineBack(f, func(line []byte, first bool) error {
				got = append(got, string(line))
				if first {
					firsts++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Reverse(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-forward +back\n%.500s", d)
			}
			if wantFirst := len(text) > 0 && strings.Contains(text, "\n") && !strings.HasPrefix(text, long); (firsts == 1) != wantFirst {
				t.Errorf("%d lines are the first, want one: %t", firsts, wantFirst)
			}
		})
	}
}
