package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// below is what mtr does not say: verdict, target, requests, how it was
// measured, and a footnote for each mark in the table.
func (p *printer) below() {
	e := p.e
	from := len(p.b)
	if !p.opts.Unwrapped {
		defer func() { p.b = wrap(p.b, from, textWidth) }()
	}
	d := p.judge()
	p.line()
	p.line("Verdict: ", string(d.Class), ", ", string(d.Grade), ". ", d.Sentence)
	if len(d.Rules) > 0 {
		p.b = append(p.b, "  Rules: "...)
		p.b = append(p.b, strings.Join(d.Rules, " ")...)
		p.line(".")
	}
	if d.Settle != "" {
		p.line("  To settle it: ", d.Settle, ".")
	}
	p.targetLine()
	p.watchLine()
	for i := range e.Requests {
		p.request(&e.Requests[i], i == 0)
	}
	p.traced()
	p.ended()
	p.footnotes()
}

func (p *printer) targetLine() {
	e, t := p.e, p.target
	p.b = append(p.b, "Target: "...)
	p.b = append(p.b, p.name()...)
	if e.Target.TTL != nil {
		p.b = append(p.b, ", TTL "+strconv.Itoa(*e.Target.TTL)...)
	}
	if t.Sent == 0 {
		p.line(", no probe answered or run out")
		return
	}
	p.b = append(p.b, ", lost "+counted(t.Interval())...)
	if t.Late > 0 {
		p.b = append(p.b, ", "+strconv.Itoa(t.Late)+" answered late"...)
	}
	if r := t.RTT; r != nil {
		p.b = append(p.b, "; RTT p50 "+msText(r.P50)+" p95 "+msText(r.P95)+" p99 "+msText(r.P99)+" ms"...)
		if r.Jitter != nil {
			p.b = append(p.b, ", jitter "+msText(*r.Jitter)+" ms"...)
		}
	}
	p.line()
}

// watchLine says what the watchdog's own pings saw around the trace's begin.
func (p *printer) watchLine() {
	w := p.e.Watch
	lost, sent := w.tally()
	if sent == 0 {
		return
	}
	clock := func(i int) string { return w.at(i).In(p.e.Times.Started.Location()).Format("15:04:05.0") }
	p.line("Watched: ", strconv.Itoa(lost), " of ", strconv.Itoa(sent), " pings of the watchdog lost, from ", clock(0), " to ", clock(len(w.Answer)-1))
}

// request is one that this trace answers; first: it is the one that it was
// made for.
func (p *printer) request(r *Request, first bool) {
	p.b = append(p.b, "Asked: "+r.Accepted.Format("2006-01-02T15:04:05.000Z07:00")+" by "+Printable(r.Source)...)
	if r.By != "" {
		p.b = append(p.b, " ("+Printable(r.By)+")"...)
	}
	if r.Asked != "" {
		p.b = append(p.b, " for "+Printable(r.Asked)...)
	}
	if r.Reason != "" {
		p.b = append(p.b, ", "+strconv.Quote(Printable(r.Reason))...)
	}
	if r.Event != "" {
		p.b = append(p.b, ", event "+Printable(r.Event)...)
	}
	begin, _ := p.e.firstProbe(math.Inf(-1))
	switch w := r.AskedToFirstProbe; {
	case w != nil && first && begin < p.e.acceptedMS(r):
		p.b = append(p.b, ", under way already, next probe "+waited(*w)+" later"...)
	case w != nil:
		p.b = append(p.b, ", first probe "+waited(*w)+" later"...)
	case p.e.Ended == EndedRunning:
		p.b = append(p.b, ", no probe sent since yet"...)
	default:
		p.b = append(p.b, ", no probe sent since"...)
	}
	p.line(": ", r.Freshness.words())
}

func waited(ms float64) string {
	if ms < 1000 {
		return shortTenth(ms) + " ms"
	}
	return shortTenth(ms/1000) + " s"
}

func (f Freshness) words() string {
	switch f {
	case InEvent:
		return "in-event, the target lost packets in the first 2 s"
	case Tail:
		return "tail, the target lost packets in the first 2 s and no more after that"
	case Later:
		return "later, the loss began after the first look"
	case After:
		return "after, the target lost nothing"
	case FreshnessUnknown:
		return "unknown, too few probes or a target not known to answer"
	}
	return Printable(string(f))
}

// traced says how it was measured.
func (p *printer) traced() {
	e, t := p.e, p.e.Target
	from := Printable(e.Node.Name)
	if e.Node.Place != "" {
		from += " (" + Printable(e.Node.Place) + ")"
	}
	if e.Node.Source.IsValid() {
		from += ", " + e.Node.Source.String()
	}
	if e.Node.Address.IsValid() && e.Node.Address != e.Node.Source {
		from += ", seen as " + e.Node.Address.String()
	}
	how := Printable(t.Protocol)
	if t.Port > 0 {
		how += " port " + strconv.Itoa(t.Port)
	}
	if t.Size > 0 {
		how += ", " + strconv.Itoa(t.Size) + " bytes"
	}
	if t.TOS > 0 {
		how += fmt.Sprintf(", TOS 0x%02x", t.TOS)
	}
	if t.Interval > 0 {
		how += ", a round each " + waited(t.Interval)
	}
	p.b = append(p.b, "Traced: from "+from+"; "+how...)
	if e.Times.Ended != nil {
		p.b = append(p.b, "; "+waited(float64(e.Times.Ended.Sub(e.Times.Started))/float64(time.Millisecond))+" long"...)
	}
	if e.Versions.MTRQ != "" {
		p.b = append(p.b, "; mtrq "+Printable(e.Versions.MTRQ)...)
		if e.Versions.MTRPacket != "" {
			p.b = append(p.b, ", mtr-packet "+Printable(e.Versions.MTRPacket)...)
		}
	}
	p.line()
	p.line("Report: ", e.ID.String())
}

// ended says so where a trace did not run its course.
func (p *printer) ended() {
	switch p.e.Ended {
	case EndedRunning:
		p.line("Running: this is what is known so far.")
	case EndedFirstLook:
		p.line("Ended: with the first look, the target was clean and no slot for a long look came free in time.")
	case EndedMaxDuration:
		p.line("Ended: the longest time for a trace was over, not the loss.")
	case EndedShutdown:
		p.line("Ended: shutdown, mtrq was told to stop while this trace ran.")
	case EndedInterrupted:
		p.line("Ended: interrupted, mtrq died while this trace ran; this is what it had written by then.")
	case EndedFailed, EndedRefused:
		p.b = append(p.b, "Ended: "...)
		p.b = append(p.b, p.e.Ended...)
		if p.e.Error != "" {
			p.b = append(p.b, ", "+Printable(p.e.Error)...)
		}
		p.line(".")
	}
}

func (p *printer) footnotes() {
	e := p.e
	limited, small, most := 0, false, 0
	pending := p.target.Pending
	for i, s := range p.hops {
		if i == p.end() {
			continue
		}
		pending += s.Pending
		if p.limited[i] {
			limited++
		}
		most = max(most, s.Sent)
	}
	for i, s := range p.hops {
		small = small || i != p.end() && s.Sent > 0 && (s.Sent < most || 2*s.Sent < p.target.Sent)
	}
	if limited > 0 {
		p.line("~ This router limits its own answers: what lies behind it loses less. It is not the line's loss.")
	}
	if small {
		p.line("Snt is small where routers are asked politely; the target is asked more often.")
	}
	if pending > 0 {
		p.line("Without an answer when this was written, and counted nowhere: ", plural(pending, "probe"), ".")
	}
	for _, s := range e.Shared {
		if !s.Addr.IsValid() || s.Sent == 0 {
			continue
		}
		meaning := "; it shows the router's limit and is no evidence of loss."
		if s.Answered >= s.Sent {
			meaning = "."
		}
		p.line("Shared: ", s.Addr.String(), " answered ", ofN(s.Answered, s.Sent, ""), " of all traces together meanwhile", meaning)
	}
	for _, o := range e.Others {
		said := "no answer"
		if o.Answered {
			said = "answered"
		}
		p.line("Also tried: ", o.name(English), ", ", said, ".")
	}
	for _, n := range e.Notes {
		p.line("Note: ", Printable(n))
	}
}
