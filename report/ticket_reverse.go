package report

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// ParseReverse reads the trace that the other end has sent: a report of mtrq
// in JSON, or another program's text. One of the two is given.
func ParseReverse(data []byte) (*Report, *Foreign, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		r, err := Decode(bytes.NewReader(data))
		if err == nil {
			return r, nil, nil
		}
		if errors.Is(err, ErrNewerSchema) {
			return nil, nil, err
		}
	}
	all, err := ParseForeign(data)
	if err != nil {
		return nil, nil, err
	}
	if len(all) > 1 {
		return nil, nil, fmt.Errorf("%w: %d traces: give the one from the other end alone", ErrForeign, len(all))
	}
	return nil, all[0], nil
}

// refused is why the trace from the other end does not count.
func (w *ticketWriter) refused() refusal {
	var o otherEnd
	if inc := w.in.Incident; inc != nil {
		o = inc.otherEnd()
	} else {
		o = look(&w.in.Report.Evidence).otherEnd()
	}
	// The other members of an incident may be of the other family.
	o.there = slices.DeleteFunc(o.there, func(a netip.Addr) bool { return !sameFamily(a, w.target) })
	switch {
	case w.in.Reverse != nil:
		return o.refuses(&w.in.Reverse.Evidence, w.l)
	case w.in.ReverseText != nil:
		return o.refusesText(w.in.ReverseText, w.l)
	}
	return refusal{}
}

// refusesText is refuses of a text, which says less.
func (o *otherEnd) refusesText(f *Foreign, l Lang) refusal {
	if no := o.goesElsewhere(f.Address, l); no.why != "" {
		return no
	}
	from, zoned, ok := f.started(o.from.Location())
	if !ok {
		return refusal{}
	}
	to := from.Add(time.Duration(f.most()) * time.Second) // a round a second, unless told otherwise
	if !zoned {
		const zones = 26 * time.Hour // the most that two zones are apart
		if no := o.notOfThatTime(from.Add(-zones), to.Add(zones), l); no.why == "" {
			return refusal{}
		}
	}
	return o.notOfThatTime(from, to, l)
}

// started is when a text says that its trace began; without a zone, as older
// versions of mtr write it, it is read as in loc.
func (f *Foreign) started(loc *time.Location) (at time.Time, zoned, ok bool) {
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339, time.ANSIC} {
		if at, err := time.ParseInLocation(layout, f.Started, loc); err == nil {
			return at, layout != time.ANSIC, true
		}
	}
	return time.Time{}, false, false
}

// most is how many probes the hop that was asked most often got.
func (f *Foreign) most() int {
	n := 0
	for i := range f.Hops {
		n = max(n, f.Hops[i].Sent)
	}
	return n
}

// bothWays says that there is a trace from the other end that a carrier will
// take for one.
func (w *ticketWriter) bothWays() bool {
	return (w.in.Reverse != nil || w.in.ReverseText != nil) && !w.back.sure
}

// packetsBack is how many probes the trace from the other end sent to this one.
func (w *ticketWriter) packetsBack() int {
	if r := w.in.Reverse; r != nil {
		return r.Evidence.TargetStats().Sent
	}
	return w.in.ReverseText.lastHop().Sent
}

// checkReverse is of the trace from the other end: whether it is there, went
// to this source at this time, and is long enough.
func (w *ticketWriter) checkReverse(miss, hint func(string, ...any)) {
	if w.in.Reverse == nil && w.in.ReverseText == nil {
		if w.p.Both {
			miss("need.both", w.who(), w.backTo(), w.backCommand())
		}
		return
	}
	switch {
	case w.back.sure:
		miss("need.reverse", w.back.why)
		return
	case w.back.why != "":
		hint("need.reverse.doubt", w.back.why)
	}
	if n := w.packetsBack(); w.p.Both && n < w.p.Packets {
		miss("need.packets.back", w.who(), w.p.Packets, n, w.backCommand())
	}
	if f := w.in.ReverseText; f != nil {
		if _, _, ok := f.started(time.UTC); !ok {
			hint("need.reverse.when")
		}
	}
}
