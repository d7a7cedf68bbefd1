package spool

import "time"

const (
	// shortList is how long a list of new/ may be to be read anew for each claim.
	shortList = 1024
	// listEvery is how old a longer one may be. Listing and sorting 100,000
	// names takes 0.1 s; in between, claims take from the list at hand.
	listEvery = time.Second
)

// waiting is what new/ held when it was listed last, in order of acceptance,
// less what was taken since. The zero value is a list that has to be read.
type waiting struct {
	names  []string
	listed time.Time
	newest bool // whose turn it is, where there are more than can be taken
}

// refresh lists new/ where that is due.
func (w *waiting) refresh(s *Spool) error {
	if age := s.now().Sub(w.listed); len(w.names) > shortList && age >= 0 && age < listEvery {
		return nil
	}
	names, err := s.list("new")
	if err != nil {
		return err
	}
	w.names, w.listed = names, s.now()
	return nil
}

// next takes one name off the list. Of no more than can be taken (room) the
// oldest comes first. Where more wait, the node is late, and the newest and
// the oldest take turns: the newest may still be in time for its loss, and
// the oldest must not wait for ever.
func (w *waiting) next(room int) (file string, ok bool) {
	n := len(w.names)
	switch {
	case n == 0:
		return "", false
	case n > room && w.newest:
		w.newest = false
		file, w.names = w.names[n-1], w.names[:n-1]
	default:
		w.newest = n > room
		file, w.names = w.names[0], w.names[1:]
	}
	return file, true
}
