package hook

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGrown: who is told that an incident opens is told once that it has
// grown; who is told of ends only is not.
func TestGrown(t *testing.T) {
	opens, ends := &receiver{}, &receiver{}
	a, b := httptest.NewServer(opens), httptest.NewServer(ends)
	defer a.Close()
	defer b.Close()
	s, _ := sender("", Hook{On: both(), URL: a.URL}, Hook{On: []string{OnClose}, URL: b.URL})
	stop := start(t, s)
	inc := incident(1, "203.0.113.7")
	s.Send(OnOpen, inc)
	s.Send(OnGrown, inc)
	s.Send(OnGrown, inc)
	s.Send(OnClose, closed(inc))
	eventually(t, "all messages", func() bool { return s.Stats().Delivered == 4 })
	stop()
	if d := cmp.Diff([]string{"1 incident-open", "1 incident-grown", "1 incident-close"}, events(opens.accepted())); d != "" {
		t.Errorf("of opens and ends: -want +got\n%s", d)
	}
	if d := cmp.Diff([]string{"1 incident-close"}, events(ends.accepted())); d != "" {
		t.Errorf("of ends: -want +got\n%s", d)
	}
}
