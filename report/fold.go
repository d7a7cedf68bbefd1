package report

import (
	"cmp"
	"errors"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// ErrNoRequest says that a report was asked for that nobody asked for.
var ErrNoRequest = errors.New("a report needs at least one request")

// Options are what a report needs beside requests and events.
type Options struct {
	Target      Target // of a job that was never traced: no start event says it
	Interrupted bool   // nobody is tracing any more: without an end event it is "interrupted", not "running"
	Garbage     int    // lines of the events file that could not be read: noted
	Versions    Versions
}

// Fold makes the report of a trace from the requests that it serves (the
// first is the one that it is named after), who traced, and what it saw.
// It is a pure function: the same arguments give the same report.
func Fold(reqs []Request, node Node, events []Event, opts Options) (*Report, error) {
	b := Builder{Requests: reqs, Node: node, Options: opts}
	for _, e := range events {
		b.Add(e)
	}
	return b.Report()
}

// A Builder is Fold for events that come one by one: Report may be
// called at any time, also between events of a running trace. It is for
// one goroutine.
type Builder struct {
	Requests []Request
	Node     Node
	Options  Options

	start   *Event
	end     *Event
	byN     map[int]int // number of a probe → index in probes
	probes  []probe
	phases  map[Phase]float64
	watch   *Pings
	usual   *Path
	shared  []Shared
	others  []Other
	notes   []string
	last    float64 // ms of the latest moment that the events tell of
	unknown int     // events of unknown types
}

type probe struct {
	n, ttl   int
	ms, wait float64
	kind     Kind
	us       *int64
	addr     netip.Addr
	mpls     []Label
}

// Add takes in one event. What contradicts an earlier event replaces it;
// nothing that is added can make Report fail.
func (b *Builder) Add(e Event) {
	switch e.E {
	case EventStart:
		// A job that was given back before a probe left starts again.
		if b.start == nil || len(b.probes) == 0 {
			start := e // only this one goes to the heap, not every probe
			b.start = &start
		}
	case EventProbe:
		b.probe(e)
	case EventPhase:
		if b.phases == nil {
			b.phases = make(map[Phase]float64)
		}
		if _, ok := b.phases[e.Phase]; !ok {
			b.phases[e.Phase] = e.MS
		}
	case EventShared:
		b.addShared(e)
	case EventOther:
		b.others = append(b.others, Other{Protocol: e.Protocol, Port: e.Port, Answered: e.Kind == KindReply})
	case EventJoin:
		b.join(e.Request)
	case EventWatch:
		b.watch = e.Pings
	case EventUsual:
		b.usual = e.Path
	case EventNote:
		b.notes = append(b.notes, e.Text)
	case EventEnd:
		end := e
		b.end = &end
	default:
		b.unknown++
		return
	}
	b.last = max(b.last, e.MS)
}

// join adds a request that the trace serves, too, unless it is known.
func (b *Builder) join(r *Request) {
	if r == nil || slices.ContainsFunc(b.Requests, func(o Request) bool { return o.ID == r.ID }) {
		return
	}
	b.Requests = append(b.Requests, *r)
}

func (b *Builder) probe(e Event) {
	p := probe{n: e.N, ttl: e.TTL, ms: e.MS, wait: e.DeadlineMS, kind: e.Kind, us: e.US, addr: e.Addr, mpls: e.MPLS}
	if b.byN == nil {
		b.byN = make(map[int]int)
	}
	i, again := b.byN[e.N]
	if !again {
		i = len(b.probes)
		b.byN[e.N] = i
		b.probes = append(b.probes, p)
	} else {
		if p.wait == 0 {
			p.wait = b.probes[i].wait
		}
		b.probes[i] = p
	}
	// A line that says what became of a probe was written after that.
	switch {
	case e.Kind == KindLost:
		b.last = max(b.last, e.MS+e.DeadlineMS)
	case e.US != nil:
		b.last = max(b.last, e.MS+float64(*e.US)/1000)
	}
}

// addShared keeps the latest word on a router: its counts are totals.
func (b *Builder) addShared(e Event) {
	if !e.Addr.IsValid() {
		return
	}
	s := Shared{Addr: e.Addr, Sent: e.Sent, Answered: e.Answered}
	if i := slices.IndexFunc(b.shared, func(o Shared) bool { return o.Addr == e.Addr }); i >= 0 {
		b.shared[i] = s
		return
	}
	b.shared = append(b.shared, s)
}

// Report is the report of what has been added so far. It shares nothing
// with the builder that a later Add changes.
func (b *Builder) Report() (*Report, error) {
	if len(b.Requests) == 0 {
		return nil, ErrNoRequest
	}
	e := Evidence{
		Schema:    Schema,
		ID:        b.Requests[0].ID,
		Ended:     EndedRunning,
		Requests:  slices.Clone(b.Requests),
		Node:      b.Node,
		Target:    b.Options.Target,
		Addresses: []netip.Addr{},
		Hops:      []Hop{},
		Ping:      newSeries(),
		Watch:     b.watch,
		Usual:     b.usual.whole(),
		Shared:    slices.Clone(b.shared),
		Others:    slices.Clone(b.others),
		Notes:     b.allNotes(),
		Versions:  b.Options.Versions,
	}
	e.Versions.Rules = RulesVersion
	started := b.Requests[0].Accepted
	if s := b.start; s != nil {
		started = s.At
		if s.Target != nil {
			e.Target = *s.Target
		}
		if e.Node.Name == "" {
			e.Node.Name = s.Node
		}
		if !e.Node.Source.IsValid() {
			e.Node.Source = s.Source
		}
		e.Clock = s.Clock
	}
	switch {
	case b.end != nil:
		e.Ended, e.Error = b.end.Ended, b.end.Error
		if e.Ended == "" {
			e.Ended = EndedComplete
		}
	case b.Options.Interrupted:
		e.Ended = EndedInterrupted
	}
	b.series(&e)
	e.Times = b.times(started, e.Ended)
	e.Target.TTL, e.Target.State = nil, ""
	e.cut()
	e.Target.State = e.state()
	for i := range e.Requests {
		e.fresh(&e.Requests[i], i == 0)
		if e.Requests[i].Asked == e.Target.Asked {
			e.Requests[i].Asked = ""
		}
	}
	v := look(&e)
	for i := range e.Hops {
		e.Hops[i].Limited = v.limited[i]
	}
	e.Verdict = v.judge()
	return &Report{MTR: v.mtr(), Evidence: e}, nil
}

func (b *Builder) allNotes() []string {
	notes := slices.Clone(b.notes)
	if b.Options.Garbage > 0 {
		notes = append(notes, "lines of the events file that could not be read: "+strconv.Itoa(b.Options.Garbage))
	}
	return notes
}

func (b *Builder) times(started time.Time, ended Ended) Times {
	at := func(ms float64) *time.Time {
		t := started.Add(time.Duration(math.Round(ms*1000)) * time.Microsecond)
		return &t
	}
	t := Times{Accepted: b.Requests[0].Accepted, Started: started}
	first := math.Inf(1)
	for _, p := range b.probes {
		if p.kind != KindUnsent {
			first = min(first, p.ms)
		}
	}
	if !math.IsInf(first, 1) {
		t.FirstProbe = at(first)
	}
	if ms, ok := b.phases[PhaseFirstLook]; ok {
		t.FirstLook = at(ms)
	}
	if ms, ok := b.phases[PhaseLongLook]; ok {
		t.LongLook = at(ms)
	}
	switch {
	case b.end != nil:
		t.Ended = at(b.end.MS)
	case ended == EndedInterrupted && b.start != nil:
		t.Ended = at(b.last)
	}
	return t
}

// series fills in the ping series and every TTL that was asked.
func (b *Builder) series(e *Evidence) {
	probes := slices.Clone(b.probes)
	slices.SortFunc(probes, func(x, y probe) int { return cmp.Or(cmp.Compare(x.ms, y.ms), cmp.Compare(x.n, y.n)) })
	index := make(map[netip.Addr]int)
	answers := [][]byte{nil} // by TTL; 0 is the ping series
	for _, p := range probes {
		if p.kind == KindUnsent {
			continue
		}
		for p.ttl > len(e.Hops) {
			e.Hops = append(e.Hops, Hop{TTL: len(e.Hops) + 1, Series: newSeries()})
			answers = append(answers, nil)
		}
		s := &e.Ping
		if p.ttl > 0 {
			s = &e.Hops[p.ttl-1].Series
		}
		answer := b.answer(p)
		answers[p.ttl] = append(answers[p.ttl], answer)
		s.TxMS = append(s.TxMS, round3(p.ms))
		var rtt, late *int64
		switch {
		case answer == AnswerLate:
			late = p.us
		case p.ttl > 0 || answer == AnswerReply:
			rtt = p.us
		}
		s.RTTUS, s.LateUS = append(s.RTTUS, rtt), append(s.LateUS, late)
		var who *int
		if p.addr.IsValid() && answer != AnswerLost && answer != AnswerPending {
			i, ok := index[p.addr]
			if !ok {
				i = len(e.Addresses)
				index[p.addr] = i
				e.Addresses = append(e.Addresses, p.addr)
			}
			who = &i
			if p.ttl > 0 && len(p.mpls) > 0 {
				e.Hops[p.ttl-1].addMPLS(MPLS{Addr: i, Labels: p.mpls})
			}
		}
		s.Addr = append(s.Addr, who)
	}
	e.Ping.Answer = string(answers[0])
	for i := range e.Hops {
		e.Hops[i].Answer = string(answers[i+1])
	}
}

// answer says what became of a probe. One without a word is lost where
// its time was over at the last moment that the events tell of: silence
// is evidence, but only as long as somebody listened.
func (b *Builder) answer(p probe) byte {
	switch p.kind {
	case KindReply:
		return AnswerReply
	case KindExpired:
		return AnswerExpired
	case KindUnreachable:
		return AnswerUnreachable
	case KindNoRoute:
		return AnswerNoRoute
	case KindLate:
		return AnswerLate
	case KindLost:
		return AnswerLost
	}
	wait := p.wait
	if wait == 0 {
		wait = defaultWait
	}
	if p.ms+wait <= b.last {
		return AnswerLost
	}
	return AnswerPending
}

func (h *Hop) addMPLS(m MPLS) {
	if !slices.ContainsFunc(h.MPLS, func(o MPLS) bool { return o.Addr == m.Addr && slices.Equal(o.Labels, m.Labels) }) {
		h.MPLS = append(h.MPLS, m)
	}
}

func newSeries() Series {
	return Series{TxMS: []float64{}, RTTUS: []*int64{}, LateUS: []*int64{}, Addr: []*int{}}
}
