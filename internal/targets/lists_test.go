package targets

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestConfiguredTargets: they are watched from the first list on, a wrong
// one takes no other along, and too many pings make all intervals longer.
func TestConfiguredTargets(t *testing.T) {
	w := start(t, &Lists{
		Targets: []string{"203.0.113.1", "203.0.113.256", "2001:DB8::1"},
		Groups: []Group{
			{Name: "core", Targets: []string{"203.0.113.2", "203.0.113.1"}, Interval: 500 * time.Millisecond, Protocol: "tcp", Tags: map[string]string{"tier": "1"}},
		},
		Interval: 2 * time.Second, MaxPPS: 2,
	})
	var got []string
	for _, x := range w.last.Targets {
		got = append(got, fmt.Sprintf("%s %s %s %s %s %v", x.Name, x.Addr, x.Group, x.Interval, x.Protocol, x.Tags))
	}
	want := []string{ // 4.5 pings a second are asked for: 2 + 0.5 + 2
		"203.0.113.1 203.0.113.1 core 1.125s icmp map[tier:1]",
		"2001:db8::1 2001:db8::1  4.5s icmp map[]",
		"203.0.113.2 203.0.113.2 core 1.125s tcp map[tier:1]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	c, _ := sourceOf(w.last, Config)
	if !strings.Contains(c.Err, `target 2: "203.0.113.256" looks like`) || !strings.Contains(c.Note, "1 target is named before: 203.0.113.1, from config") || c.Targets != 4 {
		t.Errorf("got %+v", c)
	}
	if a, _ := sourceOf(w.last, All); !strings.Contains(a.Err, "need 5 pings a second and max_pps is 2: all intervals are 2.2 times as long") {
		t.Errorf("got %+v", a)
	}
}

// TestTwoListsInOneProcess do not see each other, and end when they are told.
func TestTwoListsInOneProcess(t *testing.T) {
	a := start(t, &Lists{Targets: []string{"203.0.113.1"}})
	b := start(t, &Lists{Targets: []string{"203.0.113.2"}})
	a.has("203.0.113.1")
	b.has("203.0.113.2")
	a.stop()
	b.lists.Reload()
	if got := b.lists.Sources(); len(got) != 1 || got[0].Targets != 1 {
		t.Errorf("got %+v", got)
	}
}
