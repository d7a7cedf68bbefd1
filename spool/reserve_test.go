package spool_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// TestReserveStopsInSteps: with less and less room first a warning, then
// nothing is accepted, then nothing is claimed; what was accepted stays safe.
func TestReserveStopsInSteps(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	plain := openAt(t, filepath.Join(tinyFS(t, 8<<20), "spool"), spool.Options{})
	id := submit(t, plain, spool.Job{Target: "203.0.113.7"})
	names := map[ulid.ULID]string{id: "A"}
	var st unix.Statfs_t
	check(t, unix.Statfs(plain.Dir(), &st))
	free := st.Bavail * uint64(st.Bsize)
	for _, c := range []struct {
		name           string
		reserve        uint64
		warns          string
		accepts, takes bool
	}{
		{"enough", free / 4, "", true, true},
		{"less than twice the reserve", free * 3 / 4, "nothing more is accepted: free space soon", true, true},
		{"less than the reserve", free * 2, "nothing more is accepted: free space soon", false, true},
		{"less than a sixteenth of it", free * 32, "nothing more is accepted: free space soon", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openAt(t, plain.Dir(), spool.Options{ReserveBytes: c.reserve})
			warning, err := s.RoomSoon()
			check(t, err)
			if (warning == "") != (c.warns == "") || !strings.Contains(warning, c.warns) {
				t.Errorf("warning %q, want one with %q", warning, c.warns)
			}
			_, err = s.SubmitDrop(t.Context(), spool.Job{})
			if errors.Is(err, spool.ErrFull) == c.accepts {
				t.Errorf("submit: %v", err)
			}
			q, err := s.Lock()
			check(t, err)
			_, err = q.Recover(noReports)
			check(t, err)
			got, err := q.Claim(noReports, 1)
			if (len(got) == 1) != c.takes || errors.Is(err, spool.ErrFull) == c.takes {
				t.Errorf("claimed %d, %v", len(got), err)
			}
			for _, claim := range got {
				check(t, claim.Return())
			}
			check(t, q.Close())
			wantTree(t, plain, names, "new/A.job")
		})
	}
}
