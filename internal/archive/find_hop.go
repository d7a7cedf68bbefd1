package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// A HopQuery selects reports: first by what their lines in the index say, then
// by the routers that answered.
type HopQuery struct {
	Filter Filter
	// Hop says whether an address that answered in a trace is looked for; nil:
	// any report will do, and none is read.
	Hop   func(netip.Addr) bool
	Limit int // at most so many, the newest; 0: no limit
}

// A HopHit is a report that a HopQuery has found.
type HopHit struct {
	Entry Entry
	// Hops are those at which such an address answered; empty without HopQuery.Hop.
	Hops []FoundHop
}

// FoundHop is a TTL at which an address that was looked for answered.
type FoundHop struct {
	TTL    int        `json:"ttl"`
	Addr   netip.Addr `json:"address"`
	Sent   int        `json:"sent"` // probes at this TTL
	Lost   int        `json:"lost"`
	Target bool       `json:"target,omitempty"` // it is the trace's own target
}

// Found says how much FindHops has looked at.
type Found struct {
	Reports    int // that the index selected
	Read       int // of those, decoded whole
	Unreadable int
}

// FindHops calls fn for each report that a query selects, newest day and
// newest report first, each report once. It ends with fn's error, or that of
// ctx. Reports that cannot be read are counted and left out, and days that a
// newer mtrq wrote, too.
func (a *Archive) FindHops(ctx context.Context, q HopQuery, fn func(HopHit) error) (Found, error) {
	var found Found
	days, err := a.Days()
	if err != nil {
		return found, err
	}
	loc := a.Location()
	seen := make(map[ulid.ULID]bool) // reports of this day and the one after it
	hits := 0
	stop := errors.New("enough")
	for _, day := range days {
		if f := q.Filter.From; !f.IsZero() && day.Compare(DateOf(f, loc).Add(-1)) < 0 {
			break
		}
		if to := q.Filter.To; !to.IsZero() && day.Compare(DateOf(to, loc)) > 0 {
			continue
		}
		clear(seen)
		err := a.WalkDay(day, View{Filter: q.Filter}, func(e Entry) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			id := reportID(e)
			if seen[id] {
				return nil
			}
			seen[id] = true
			found.Reports++
			hit := HopHit{Entry: e}
			if q.Hop != nil {
				hops, read, err := a.hopsOf(e, q.Hop)
				if read {
					found.Read++
				}
				if err != nil {
					found.Unreadable++
					return nil
				}
				if len(hops) == 0 {
					return nil
				}
				hit.Hops = hops
			}
			if err := fn(hit); err != nil {
				return err
			}
			if hits++; q.Limit > 0 && hits == q.Limit {
				return stop
			}
			return nil
		})
		switch {
		case errors.Is(err, stop):
			return found, nil
		case errors.Is(err, ErrNewer):
			continue
		case err != nil:
			return found, err
		}
	}
	return found, nil
}

// reportID is the ID of the report that an entry is of: several requests may
// have joined one.
func reportID(e Entry) ulid.ULID {
	if n, ok := parseName(e.Day, e.File); ok {
		return n.id
	}
	return e.ID
}

// hopsOf finds the hops of a report at which an address that is looked for
// answered. Its addresses stand in a line of their own, which tells of most
// reports that they are not it without decoding the rest; read says that this
// one was decoded.
func (a *Archive) hopsOf(e Entry, want func(netip.Addr) bool) (hops []FoundHop, read bool, err error) {
	data, err := a.JSON(e)
	if err != nil {
		return nil, false, err
	}
	if addrs, ok := addressesOf(data); ok && !anyOf(addrs, want) {
		return nil, false, nil
	}
	r, err := decodeReport(data)
	if err != nil {
		return nil, true, err
	}
	ev := &r.Evidence
	for _, row := range report.Table(r) {
		here := []netip.Addr{row.Addr}
		for _, o := range row.Others {
			here = append(here, o.Addr)
		}
		for _, x := range here {
			if x.IsValid() && row.Stats.Answered > 0 && want(x) {
				hops = append(hops, FoundHop{TTL: row.TTL, Addr: x, Sent: row.Stats.Sent, Lost: row.Stats.Lost, Target: x == ev.Target.Address})
			}
		}
	}
	return hops, true, nil
}

// addressesOf reads the line of addresses out of a report as this package
// writes it: `    "addresses": ["198.18.0.1", …],`. false: it is written
// otherwise.
func addressesOf(data []byte) ([]netip.Addr, bool) {
	const key = "\n    \"addresses\": "
	_, rest, ok := bytes.Cut(data, []byte(key))
	if !ok {
		return nil, false
	}
	line, _, ok := bytes.Cut(rest, []byte("\n"))
	if !ok {
		return nil, false
	}
	var addrs []netip.Addr
	if json.Unmarshal(bytes.TrimSuffix(line, []byte(",")), &addrs) != nil {
		return nil, false
	}
	return addrs, true
}

func anyOf(addrs []netip.Addr, want func(netip.Addr) bool) bool {
	for _, a := range addrs {
		if want(a) {
			return true
		}
	}
	return false
}
