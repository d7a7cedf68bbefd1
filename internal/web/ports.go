package web

import (
	"context"
	"net/netip"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// Spool is what a Server needs of the spool; *spool.Spool is one.
type Spool interface {
	Submit(context.Context, spool.Job) (ulid.ULID, error)
	SubmitBatch(ctx context.Context, options spool.Job, targets []string) ([]ulid.ULID, error)
	WhereNamed(ulid.ULID) (spool.Place, error)
	Batches() (spool.Batches, error) // takes the longer the more waits: see site.where
	WhereIn(ulid.ULID, spool.Batches) (spool.Place, error)
	RunState(now time.Time) (st spool.RunState, tracing bool, why string)
	WatchState() (*spool.WatchState, error)
	ReadState(name string) ([]byte, error)
	ListState(dir string) ([]string, error)
	Depth() (spool.Depth, error)
}

// Archive is what a Server needs of the archive; *archive.Archive is one.
type Archive interface {
	Location() *time.Location                  // in which days are counted
	Days() ([]archive.Date, error)             // newest first
	Day(archive.Date) ([]archive.Entry, error) // newest first
	Has(ulid.ULID) (bool, error)               // cheap to ask again and again
	Find(ref string) (archive.Entry, error)
	Load(archive.Entry) (*report.Report, error)
	JSON(archive.Entry) ([]byte, error) // as it was written
	OpenIndex(archive.Date) (*archive.IndexFile, error)
	DayFiles(since archive.Date, limit int) ([]archive.DayFile, error)
	ViewDay(archive.Date, archive.View) (*archive.DayView, error)
	DayTag(archive.Date) (string, error) // of ViewDay, but cheap; "" where it cannot be
	ViewTarget(target string, from, to time.Time, buckets int, v archive.View) (*archive.TargetView, error)
	Calendar(from, to archive.Date) ([]archive.DayCount, error) // days that are not counted yet are not known
	CountDays(context.Context)                                  // counts them until the context ends
	Worst(since time.Time, limit int) ([]archive.Entry, error)
	Incidents(archive.IncidentQuery) ([]archive.IncidentEntry, error) // those that are over
	Incident(ref string) (*report.Incident, error)                    // one that is over
	IncidentFile(id ulid.ULID, ending string) ([]byte, error)
	IncidentReports(*report.Incident) []*report.Report                            // of its first members, as far as they are there
	Suspects(since time.Time, limit int, target string) ([]report.Suspect, error) // newest first
	Search(q string, limit int) ([]archive.Hit, error)
	SearchWhere(match func(netip.Addr) (detail string, ok bool), limit int) ([]archive.Hit, error)
}
