package targets

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestSource is the table of the package doc: what is seen, and what is
// watched then.
func TestSource(t *testing.T) {
	type step struct {
		after time.Duration
		see   string // "list:<text>", "same", "gone", "fail:<text>"
		want  string // targets
		err   string // "" is none
	}
	const one, two = "list:203.0.113.7\n", "list:203.0.113.7\n203.0.113.8\n"
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a list", []step{{0, one, "203.0.113.7", ""}, {0, two, "203.0.113.7 | 203.0.113.8", ""}}},
		{"broken entries", []step{{0, "list:203.0.113.7\nbad_name", "203.0.113.7", "line 2"}}},
		{"only broken entries", []step{
			{0, one, "203.0.113.7", ""},
			{0, "list:<html>\n", "203.0.113.7", "not one target: line 1"},
			{0, "same", "203.0.113.7", "not one target"},
			{0, one, "203.0.113.7", ""},
		}},
		{"only broken entries from the start", []step{{0, "list:<html>", "", "no target of it is known yet"}}},
		{"away and back", []step{
			{0, one, "203.0.113.7", ""},
			{time.Hour, "fail:connection refused", "203.0.113.7", "connection refused; used is the last good list, read 2026-11-23T14:05:32Z, targets: 1"},
			{0, two, "203.0.113.7 | 203.0.113.8", ""},
		}},
		{"empty from the start", []step{{0, "list:", "", ""}, {0, "same", "", ""}}},
		{"empty for good", []step{
			{0, one, "203.0.113.7", ""},
			{0, "list:", "203.0.113.7", "is empty since 2026-11-23T14:05:32Z: believed if it still is 1m0s later"},
			{59 * time.Second, "same", "203.0.113.7", "is empty"},
			{time.Second, "same", "", ""},
		}},
		{"empty for a moment", []step{
			{0, one, "203.0.113.7", ""},
			{0, "list:", "203.0.113.7", "is empty"},
			{50 * time.Second, two, "203.0.113.7 | 203.0.113.8", ""},
			{50 * time.Second, "list:#\n", "203.0.113.7 | 203.0.113.8", "is empty since 2026-11-23T14:07:12Z"},
		}},
		{"empty, away, empty", []step{
			{0, one, "203.0.113.7", ""},
			{0, "list:", "203.0.113.7", "is empty"},
			{30 * time.Second, "fail:no answer", "203.0.113.7", "no answer"},
			{30 * time.Second, "list:", "", ""},
		}},
		{"away does not make it empty", []step{
			{0, one, "203.0.113.7", ""},
			{0, "list:", "203.0.113.7", "is empty"},
			{time.Hour, "fail:no answer", "203.0.113.7", "no answer"},
			{time.Hour, "same", "203.0.113.7", "no answer"},
		}},
		{"gone", []step{
			{0, one, "203.0.113.7", ""},
			{0, "gone", "203.0.113.7", "is gone since"},
			{60 * time.Second, "gone", "", ""},
		}},
		{"gone and back", []step{
			{0, one, "203.0.113.7", ""},
			{0, "gone", "203.0.113.7", "is gone since"},
			{10 * time.Second, one, "203.0.113.7", ""},
			{60 * time.Second, "same", "203.0.113.7", ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := newClock()
			s := source{name: "x", emptyAfter: emptyAfter}
			for i, st := range c.steps {
				now.add(st.after)
				what, text, _ := strings.Cut(st.see, ":")
				switch what {
				case "list":
					s.take(now.now(), parsePlain([]byte(text)))
				case "same":
					s.again(now.now())
				case "gone":
					s.nothing(now.now(), true)
				case "fail":
					s.fail(errors.New(text))
				}
				v := s.view("x")
				if got := show(v.entries); got != st.want {
					t.Errorf("step %d, %s: got %q, want %q", i+1, st.see, got, st.want)
				}
				if st.err == "" && v.Err != "" || !strings.Contains(v.Err, st.err) {
					t.Errorf("step %d, %s: got error %q, want %q", i+1, st.see, v.Err, st.err)
				}
			}
		})
	}
}
