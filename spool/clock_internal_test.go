package spool

import (
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// noRemove cannot remove files from drop/.
type noRemove struct{ fsys }

func (noRemove) removeSame(string, *foreign) error { return syscall.EACCES }

// TestRecognisedWhateverTheClock: a file that cannot be removed, and is found again by one runner
// after the other, is one job, however far the clock was set back since it got its name.
func TestRecognisedWhateverTheClock(t *testing.T) {
	for name, back := range map[string]time.Duration{"right": 0, "an hour back": time.Hour, "48 h back": 48 * time.Hour} {
		for _, file := range []string{"x", "chosen"} {
			t.Run(name+", "+file, func(t *testing.T) {
				m, q, _ := memSpool(t, func(string, string) error { return nil })
				now := q.s.now()
				if file == "chosen" {
					id := ulid.MustNew(ulid.Timestamp(now.Add(back)), ulid.DefaultEntropy())
					file = id.String() + ".job"
				}
				dropMem(t, m, file, goodJob, 1)
				n, _, err := m.node("/drop/" + file)
				if err != nil {
					t.Fatal(err)
				}
				n.ctime, n.mtime = n.ctime.Add(back), n.mtime.Add(back)
				var claims []*Claim
				for life := range 4 {
					s := &Spool{dir: "/", fs: &memProc{memFS: m, left: -1}, parallel: 1, opt: Options{Now: func() time.Time { return now }}}
					if life < 3 {
						s.fs = noRemove{s.fs}
					}
					q := &Queue{s: s, held: map[ulid.ULID]*Claim{}, batches: map[ulid.ULID]*heldBatch{}}
					if _, err := q.Recover(nobody); err != nil {
						t.Fatal(err)
					}
					for range 2 { // what is of a time to come is taken at the second look
						claims = append(claims, claimMem(t, q)...)
						now = now.Add(3 * time.Second)
					}
				}
				if len(claims) != 1 || len(m.live["/drop"])+len(m.live["/new"])+len(m.live["/bad"]) != 0 {
					t.Errorf("%d jobs of one file; drop/ %v, new/ %v, bad/ %v", len(claims), m.live["/drop"], m.live["/new"], m.live["/bad"])
				}
			})
		}
	}
}
