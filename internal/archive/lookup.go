package archive

import (
	"context"
	"errors"

	"github.com/oklog/ulid/v2"
)

// lookup finds the line of a request by its whole ID, in the tables of the
// days around it. false: look for it in another way.
func (a *Archive) lookup(t *tree, id ulid.ULID) (Entry, bool) {
	day := DateOf(ulid.Time(id.Time()), t.loc)
	for _, offset := range nearby {
		if e, ok := a.lookupIn(t, day.Add(offset), id); ok {
			return e, true
		}
	}
	return Entry{}, false
}

func (a *Archive) lookupIn(t *tree, day Date, id ulid.ULID) (Entry, bool) {
	var found []Entry
	err := a.unlessStale(day.Path()+"/"+indexName, func() error {
		tb, f, err := a.indexTable(context.Background(), t, day, true)
		if err != nil {
			return err
		}
		defer f.Close() // only read from
		row, ok := tb.find(id)
		if !ok {
			return errNoRow
		}
		found, err = tb.read(f, []uint32{row})
		return err
	})
	if err != nil {
		return Entry{}, false
	}
	return found[0], true
}

var errNoRow = errors.New("no such row")
