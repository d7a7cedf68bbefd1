package web

import (
	"io"
	"os"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
)

// maxLive bounds what is read of a running trace's events: 300 s of a
// long path are some 3 MB.
const maxLive = 32 << 20

// live folds what a running trace has seen so far. It is false while
// there is nothing to show: no events yet, or the job ended meanwhile.
func (s *site) live(id ulid.ULID, events string) (*report.Report, bool) {
	if events == "" {
		return nil, false
	}
	f, err := os.OpenFile(events, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	defer f.Close() // read only: nothing is lost
	// The job's own words are in its file, which run may be about to
	// move; the ID alone says when it was accepted.
	b := report.Builder{
		Requests: []report.Request{{ID: id, Accepted: ulid.Time(id.Time()).In(s.Now().Location())}},
		Node:     report.Node{Name: s.Node},
		Options:  report.Options{Versions: report.Versions{MTRQ: s.Version, Rules: report.RulesVersion}},
	}
	seen := false
	b.Options.Garbage, err = report.ReadEvents(io.LimitReader(f, maxLive), func(e report.Event) {
		seen = seen || e.E == report.EventProbe
		b.Add(e)
	})
	if err != nil || !seen {
		return nil, false
	}
	rep, err := b.Report()
	return rep, err == nil
}
