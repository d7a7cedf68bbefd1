package web

import (
	"context"
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
	Where(ulid.ULID) (spool.Place, error)
	RunState(now time.Time) (st spool.RunState, tracing bool, why string)
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
}
