package paths

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestChange walks paths that change after 30 rounds, and says after each
// further round what is to be seen.
func TestChange(t *testing.T) {
	type step struct {
		path  string
		ttls  []uint8 // where strangers are; none: no change
		seen  string  // the new path
		usual string  // what is usual after it; "": as before
	}
	cases := []struct {
		name  string
		usual []string // in turn
		reach int      // TTLs asked behind the target's
		steps []step
	}{
		{name: "nothing changes", usual: []string{"a b c d T"}, steps: []step{{path: "a b c d T"}}},
		{
			name: "reroute of one hop", usual: []string{"a b c d T"}, steps: []step{
				{path: "a b x d T"},
				{path: "a b x d T", ttls: []uint8{3}, seen: "a b x d T"},
				{path: "a b x d T", usual: "a b x d T"}, // it held for five minutes
				{path: "a b x d T"},
			},
		},
		{
			name: "one stranger and back", usual: []string{"a b c d T"}, steps: []step{
				{path: "a b x d T"}, {path: "a b c d T", usual: "a b c/x d T"}, {path: "a b x d T"}, {path: "a b x d T"},
			},
		},
		{
			name: "reroute of the tail", usual: []string{"a b c d T"}, steps: []step{
				{path: "a b x y T", ttls: []uint8{3, 4}, seen: "a b x y T"},
				{path: "a b x y T", usual: "a b x y T"},
				{path: "a b x y T"},
			},
		},
		{
			name: "reroute and back within five minutes", usual: []string{"a b c d T"}, steps: []step{
				{path: "a b x y T", ttls: []uint8{3, 4}, seen: "a b x y T"},
				{path: "a b c d T", usual: "a b c/x d/y T"},
				{path: "a b c d T"},
			},
		},
		{
			name: "flapping", usual: []string{"a b c d T"}, steps: []step{
				{path: "a b x y T", ttls: []uint8{3, 4}, seen: "a b x y T"},
				{path: "a b c d T", usual: "a b c/x d/y T"},
				{path: "a b x y T"}, {path: "a b c d T"}, {path: "a b x y T"}, {path: "a b x y T"},
			},
		},
		{
			name: "equal-cost routers", usual: []string{"a b c T", "a x y T"}, steps: []step{
				{path: "a b y T"}, {path: "a x c T"}, {path: "a x y T"}, {path: "a x y T"}, {path: "a b c T"},
			},
		},
		{
			name: "reroute away from equal-cost routers", usual: []string{"a b c T", "a x y T"}, steps: []step{
				{path: "a p q T", ttls: []uint8{2, 3}, seen: "a p q T"},
				{path: "a p q T", usual: "a p q T"},
			},
		},
		{
			name: "two lengths", usual: []string{"a b T", "a b c T"}, reach: 2, steps: []step{
				{path: "a b T"}, {path: "a b T"}, {path: "a b c T"}, {path: "a b c T"}, {path: "a b c T"},
			},
		},
		{
			name: "silent router", usual: []string{"a b - d T"}, steps: []step{
				{path: "a - - d T"}, {path: "a - - - T"}, {path: "- - - - -"},
				{path: "a b c d T", usual: "a b c d T"}, // it speaks
				{path: "a b - d T"},
			},
		},
		{
			name: "strangers around a silent router", usual: []string{"a b - d T"}, steps: []step{
				{path: "a x - y T", ttls: []uint8{2, 4}, seen: "a x - y T"},
				{path: "a x z y T", usual: "a x z y T"},
			},
		},
		{
			name: "a new router that keeps silent", usual: []string{"a b c d T"}, steps: []step{
				{path: "a x - d T"},
				{path: "a x - d T", ttls: []uint8{2}, seen: "a x - d T"},
				{path: "a x - d T", usual: "a x - d T"},
			},
		},
		{
			name: "silence is no change", usual: []string{"a b c d T"}, steps: []step{
				{path: "a b - - -"}, {path: "a b - - -"}, {path: "a b - - -"}, {path: "a b c d T"},
			},
		},
		{
			name: "shorter path", usual: []string{"a b c d T"}, reach: 0, steps: []step{
				{path: "a b T T T", ttls: []uint8{3, 4}, seen: "a b T"},
				{path: "a b T T T", usual: "a b T"},
				{path: "a b T"},
			},
		},
		{
			name: "shorter path past a silent router", usual: []string{"a b - T"}, steps: []step{
				{path: "a b T T"},
				{path: "a b T T", ttls: []uint8{3}, seen: "a b T"},
				{path: "a b T T", usual: "a b T"},
			},
		},
		{
			name: "longer by one", usual: []string{"a b T"}, reach: 2, steps: []step{
				{path: "a b x T"},
				{path: "a b x T", ttls: []uint8{3}, seen: "a b x T"},
				{path: "a b x T", usual: "a b x T"},
			},
		},
		{
			name: "longer by two, a router goes in before", usual: []string{"a b T"}, reach: 2, steps: []step{
				{path: "a x y b T", ttls: []uint8{2, 3, 4}, seen: "a x y b T"},
				{path: "a x y b T", usual: "a x y b T"},
			},
		},
		{
			name: "the host is down and a router says so", usual: []string{"a b c T"}, reach: 2, steps: []step{
				{path: "a b c c! c! c!"}, {path: "a b c c! c! c!"}, {path: "a b c x! x! x!"}, {path: "a b c T"},
			},
		},
		{
			name: "into a dead end", usual: []string{"a b c d T"}, steps: []step{
				{path: "a x y y! y!", ttls: []uint8{2, 3}, seen: "a x y"},
				{path: "a x y y! y!", usual: "a x y - T"}, // nothing said that the target stands elsewhere
			},
		},
		{
			name: "the target never answers", usual: []string{"a b c - - -"}, steps: []step{
				{path: "a b c - - -"},
				{path: "a x y - - -", ttls: []uint8{2, 3}, seen: "a x y"},
				{path: "a x y - - -", usual: "a x y"},
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := &walker{m: New(0), now: start}
			for i := range 30 {
				w.round(c.usual[i%len(c.usual)], c.reach)
				w.wants(t, "learning", nil, "")
			}
			usual := w.usual()
			for i, s := range c.steps {
				w.round(s.path, c.reach)
				when := "round " + strconv.Itoa(i+1) + " (" + s.path + ")"
				w.wants(t, when, s.ttls, s.seen)
				if s.usual != "" {
					usual = s.usual
				}
				// Which of two members is the more frequent is no part of this.
				if got := w.usual(); got != usual && !strings.Contains(usual, "/") {
					t.Fatalf("%s: usual is %q, want %q", when, got, usual)
				}
			}
		})
	}
}

// TestBalancedPerPacket: routers that share the probes among up to eight
// others, each probe another way, never make a change.
func TestBalancedPerPacket(t *testing.T) {
	for _, width := range []int{2, 3, 4, 5, 8} {
		rnd := rand.New(rand.NewPCG(7, uint64(width)))
		w := &walker{m: New(0), now: start}
		alarms := 0
		for i := range 1500 {
			path := []string{"A"}
			for hop := range 3 {
				path = append(path, string(rune('a'+8*hop+rnd.IntN(width))))
			}
			w.round(strings.Join(append(path, "T"), " "), 0)
			if c := w.m.Changed(target); c != nil {
				alarms++
				t.Logf("width %d, round %d: %v, usual %q", width, i, c.TTLs, w.usual())
			}
		}
		if alarms > 0 {
			t.Errorf("width %d: %d of 1500 rounds called a change", width, alarms)
		}
	}
}

// TestReroutedBehindBalanced: a hop with too many members to know says
// nothing, the ones behind it do.
func TestReroutedBehindBalanced(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	w := &walker{m: New(0), now: start}
	wide := func() string { return string(rune('g' + rnd.IntN(8))) }
	for range 100 {
		w.round("a "+wide()+" c d T", 0)
	}
	w.round("a "+wide()+" X Y T", 0)
	if c := w.m.Changed(target); c == nil || len(c.TTLs) != 2 || c.TTLs[0] != 3 || c.TTLs[1] != 4 {
		t.Errorf("changed: %+v, want TTLs 3 and 4", c)
	}
}

// TestYoungPathLearns: before a path is known well, others are learned.
func TestYoungPathLearns(t *testing.T) {
	w := &walker{m: New(0), now: start}
	w.round("a b c T", 0)
	w.round("a x y T", 0)
	w.round("a p q T", 0)
	w.wants(t, "young", nil, "")
	if got, want := w.usual(), "a b/x/p c/y/q T"; got != want {
		t.Errorf("usual is %q, want %q", got, want)
	}
}

// TestChangeInTrouble: a fault does not hide another path, and what it does
// to answers does not become usual.
func TestChangeInTrouble(t *testing.T) {
	w := &walker{m: New(0), now: start}
	for range 20 {
		w.round("a b c T", 0)
	}
	answered, asked, rtt := w.m.Usual(target, 4, target)
	w.trouble = true
	for range 50 {
		w.round("a - - -", 0)
	}
	w.round("a x y T", 0)
	w.wants(t, "in trouble", []uint8{2, 3}, "a x y T")
	if a, n, d := w.m.Usual(target, 4, target); a != answered || n != asked || d != rtt {
		t.Errorf("usual of the target: %d of %d in %v, before the trouble %d of %d in %v", a, n, d, answered, asked, rtt)
	}
	if c := w.m.Changed(target); !c.Since.Equal(w.now.Add(-every)) {
		t.Errorf("changed since %v, want %v", c.Since, w.now.Add(-every))
	}
}

// TestAccept makes another path usual at once.
func TestAccept(t *testing.T) {
	w := &walker{m: New(0), now: start}
	for range 20 {
		w.round("a b c T", 0)
	}
	if w.m.Accept(target) {
		t.Error("accepted a change where there is none")
	}
	w.round("a x y T", 0)
	if !w.m.Accept(target) || w.m.Changed(target) != nil {
		t.Error("the change was not accepted")
	}
	if got := w.usual(); got != "a x y T" {
		t.Errorf("usual is %q", got)
	}
}

// TestStrangersFade: strangers that nobody has seen again for long are
// neither a change nor usual.
func TestStrangersFade(t *testing.T) {
	w := &walker{m: New(0), now: start}
	for range 20 {
		w.round("a b c T", 0)
	}
	w.round("a x y T", 0)
	w.wants(t, "at first", []uint8{2, 3}, "a x y T")
	for range 4 {
		w.round("a - - T", 0)
	}
	w.wants(t, "long after", nil, "")
	if got := w.usual(); got != "a b c T" {
		t.Errorf("usual is %q", got)
	}
}

// TestClockSetBack: the wait until a change is usual begins anew.
func TestClockSetBack(t *testing.T) {
	w := &walker{m: New(0), now: start}
	for range 20 {
		w.round("a b c T", 0)
	}
	w.round("a x y T", 0)
	w.now = start.Add(-24 * time.Hour)
	w.round("a x y T", 0)
	w.wants(t, "after the step", []uint8{2, 3}, "a x y T")
	w.round("a x y T", 0)
	w.wants(t, "five minutes later", nil, "")
	if got := w.usual(); got != "a x y T" {
		t.Errorf("usual is %q", got)
	}
}

// TestMoreMembersThanRoom: beside four members, two rare ones come in turn.
// The first makes a change, as far as anybody can tell; after that the hop
// is known to have more than there is room for.
func TestMoreMembersThanRoom(t *testing.T) {
	w := &walker{m: New(0), now: start}
	lap := []string{"a b T", "c d T", "e f T", "g h T"}
	for i := range 100 {
		w.round(lap[i%4], 0)
	}
	w.round("p q T", 0)
	w.wants(t, "the first rare one", []uint8{1, 2}, "p q T")
	for range 5 {
		for i := range 60 {
			w.round(lap[i%4], 0)
		}
		w.round("r s T", 0)
		w.wants(t, "the second", nil, "")
		for i := range 60 {
			w.round(lap[i%4], 0)
		}
		w.round("p q T", 0)
		w.wants(t, "the first again", nil, "")
	}
}

// TestCompanions: what comes with strangers belongs to the new path, and
// does not become part of the old one.
func TestCompanions(t *testing.T) {
	w := &walker{m: New(0), now: start}
	for range 30 {
		w.round("a b - d T", 0)
	}
	w.round("a x - y T", 0)
	w.now = w.now.Add(-every + time.Second) // the next wave of a look
	w.round("a x z y T", 0)
	w.wants(t, "second wave", []uint8{2, 4}, "a x z y T")
	if got := w.usual(); got != "a b - d T" {
		t.Errorf("usual is %q", got)
	}
}

// TestDoubtful: one stranger is worth another look; none, or enough for a
// change, is not.
func TestDoubtful(t *testing.T) {
	w := &walker{m: New(0), now: start}
	for range 20 {
		w.round("a b c T", 0)
	}
	for i, s := range []struct {
		path string
		want bool
	}{{"a b c T", false}, {"a x c T", true}, {"a x c T", false}, {"a b c T", false}} {
		w.round(s.path, 0)
		if got := w.m.Doubtful(target); got != s.want {
			t.Errorf("round %d (%s): doubtful %v, want %v", i, s.path, got, s.want)
		}
	}
	if w.m.Doubtful(router("a")) {
		t.Error("a target that nobody knows is doubtful")
	}
}
