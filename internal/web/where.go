package web

import (
	"net/http"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

// where looks for a job in the spool. Only one that has no file of its own, or
// is not there, costs a look through it all.
func (s *site) where(r *http.Request, id ulid.ULID) (spool.Place, error) {
	p, err := s.Spool.WhereNamed(id)
	if err != nil || p.State != spool.StateUnknown {
		return p, err
	}
	// All who ask at once share a look. One that is under way may have passed
	// by what was accepted since: who comes meanwhile shares the next.
	b, err := together(r, s.making, "spool", s.Spool.Batches)
	if err != nil {
		return spool.Place{}, err
	}
	return s.Spool.WhereIn(id, b)
}
