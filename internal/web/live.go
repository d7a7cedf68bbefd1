package web

import (
	"io"
	"os"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// maxLive bounds what is read of a running trace's events: 300 s of a
// long path are some 3 MB.
const maxLive = 32 << 20

// live folds what a running trace has seen so far. It is false while
// there is nothing to show: no events yet, or the job ended meanwhile.
func (s *site) live(id ulid.ULID, p spool.Place) (*report.Report, bool) {
	if p.Events == "" {
		return nil, false
	}
	f, err := os.OpenFile(p.Events, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	defer f.Close() // read only: nothing is lost
	// The job's own words are in its file, which run may have moved in
	// between; the ID alone says when it was accepted.
	req := report.Request{ID: id, Accepted: ulid.Time(id.Time()).In(s.Now().Location())}
	if j := p.Job; j.ID == id {
		req = report.Request{
			ID: id, Accepted: j.Accepted, Source: j.Source, By: j.By,
			Reason: j.Reason, Event: j.Event, Tags: j.Tags, SentAs: j.SentAs,
		}
	}
	b := report.Builder{
		Requests: []report.Request{req},
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
