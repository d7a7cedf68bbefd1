package spool

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// TestWhereThroughMoves: a job that moves while it is looked for is found,
// whenever that is, and no directory that may be long is read twice.
func TestWhereThroughMoves(t *testing.T) {
	const dropped, job, batch = "dropped", "job", "batch"
	for _, tt := range []struct{ what, from, to, ending string }{
		{dropped, "/drop/", "/new/", ""},
		{job, "/new/", "/cur/", ""},
		{job, "/cur/", "/new/", ""},
		{job, "/cur/", "/new/", ".1"}, // its runner died
		{job, "/cur/", "/bad/", ""},
		{batch, "/new/", "/cur/", ""},
		{batch, "/cur/", "/new/", ""},
		{batch, "/cur/", "/new/", ".1"},
		{batch, "/cur/", "/bad/", ""},
	} {
		t.Run(fmt.Sprintf("%s from %s to %s%s", tt.what, tt.from, tt.to, tt.ending), func(t *testing.T) {
			for at, over := 0, false; !over; at++ {
				m, p, s := listedSpool()
				ids, err := s.SubmitBatch(t.Context(), Job{}, []string{"203.0.113.7", "203.0.113.8"})
				if err != nil {
					t.Fatal(err)
				}
				id := ids[1]
				if tt.what != batch {
					if id, err = s.Submit(t.Context(), Job{Target: "203.0.113.9"}); err != nil {
						t.Fatal(err)
					}
				}
				kind := kindJob
				var name string
				for file := range m.live["/new"] {
					if n, _ := parseFile(file); (n.kind == kindBatch) == (tt.what == batch) {
						kind, name = n.kind, n.id.String()
					}
				}
				move := func(from, to string) {
					if err := m.rename(from, to, false); err != nil {
						t.Fatal(err)
					}
				}
				there := tt.from + name + "." + string(kind)
				if tt.from != "/new/" {
					move("/new/"+name+"."+string(kind), there)
				}
				calls := 0
				p.other = func(string) {
					if calls == at {
						move(there, tt.to+name+tt.ending+"."+string(kind))
					}
					calls++
				}
				lists := countLists(p)
				got, err := s.Where(id)
				if err != nil || got.State == StateUnknown {
					t.Errorf("moved before call %d of %d: %+v, %v", at, calls, got, err)
				}
				if lists["/new"] > 1 || lists["/bad"] > 1 || lists["/cur"] > 2 {
					t.Errorf("moved before call %d of %d: listed %v", at, calls, lists)
				}
				over = calls <= at
			}
		})
	}
}

// TestWhereOfNone: what the spool does not hold costs one look through it,
// and what has a file of its own none.
func TestWhereOfNone(t *testing.T) {
	_, p, s := listedSpool()
	id, err := s.Submit(t.Context(), Job{Target: "203.0.113.9"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id    ulid.ULID
		state State
		most  int
	}{{id, StateQueued, 0}, {ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ"), StateUnknown, 1}} {
		lists := countLists(p)
		if got, err := s.Where(tt.id); err != nil || got.State != tt.state || lists["/new"] > tt.most || lists["/bad"] > tt.most {
			t.Errorf("%+v, %v: listed %v, want %s and each at most %d times", got, err, lists, tt.state, tt.most)
		}
	}
}

// listedSpool is a spool in memory whose process can be looked at.
func listedSpool() (*memFS, *memProc, *Spool) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	m := newMemFS(rand.New(rand.NewPCG(1, 1)), func() time.Time { return now })
	p := &memProc{memFS: m, left: -1}
	return m, p, &Spool{dir: "/", fs: p, parallel: 1, opt: Options{Now: func() time.Time { return now }}}
}

// countLists counts from now on how often each directory is listed.
func countLists(p *memProc) map[string]int {
	lists := map[string]int{}
	p.told = func(text string) {
		var of, op, path string
		if fmt.Sscan(text, &of, &op, &path); op == "list" {
			lists[path]++
		}
	}
	return lists
}
