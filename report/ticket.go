package report

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ErrNothing says that there is neither a report nor an incident to make a
// ticket of.
var ErrNothing = errors.New("neither a report nor an incident for a ticket")

// TicketInput is the evidence of one trouble, as far as it is at hand.
type TicketInput struct {
	Report   *Report   // the trace to send; nil: an incident without one
	Incident *Incident // that it is of; nil: none
	Reports  []*Report // of the incident

	Reverse     *Report  // the trace from the other end, of the same minutes …
	ReverseText *Foreign // … or as the other end's own program printed it
	Others      []*Report
	// Before and After are traces of the target from before the trouble and
	// from after it.
	Before, After *Report
}

// TicketOptions are how a ticket is made.
type TicketOptions struct {
	Lang    Lang
	Profile string // a key of Profiles; "": generic
	Own     Own
	Redact  bool // own first hops, inner addresses and names are blanked
	Names   Names
}

// Own is what only the sender knows.
type Own struct {
	Circuit  string // number of the line
	Customer string
	Contact  string
	Prefixes []netip.Prefix // own networks, which Redact blanks
}

// A Ticket is what a carrier asks for, in one language: ten points, and what
// of them is missing. Its strings are printable, but not escaped.
type Ticket struct {
	Lang    Lang
	Profile Profile
	Title   string
	Chat    string // a short text for a chat; "": not asked for
	Verdict string
	Settle  string // what would settle it; may be empty
	Points  []TicketPoint
	// Missing is what this carrier will ask for, a sentence each; empty: the
	// ticket passes.
	Missing []string
	// Hints is what would make the ticket better, without which it passes.
	Hints []string
	// Withheld is what this carrier asks for and Redact has blanked, a
	// sentence each: it is not there on purpose, and is none of Missing.
	Withheld []string
	Redacted bool
}

// TicketPoint is one of the ten points of a ticket.
type TicketPoint struct {
	Number int // 1 to 10
	Title  string
	Facts  []TicketFact
	Blocks []TicketBlock
}

// TicketFact is a line "label: value".
type TicketFact struct{ Label, Value string }

// TicketBlock is text of fixed width, such as a table.
type TicketBlock struct{ Title, Text string }

// NewTicket makes a ticket. It is pure, and says the same of the same
// evidence; the evidence stays as it is. It gives ErrProfile and ErrNothing.
func NewTicket(in TicketInput, opts TicketOptions) (*Ticket, error) {
	p, err := FindProfile(opts.Profile)
	if err != nil {
		return nil, err
	}
	if in.Report == nil && in.Incident == nil {
		return nil, ErrNothing
	}
	if opts.Lang == "" {
		opts.Lang = English
	}
	var d *redactor
	if opts.Redact {
		d = newRedactor(in, opts)
		in, opts.Names = d.evidence(in), d.known(opts.Names)
	}
	w := ticketWriter{in: in, opts: opts, l: opts.Lang, p: p, blank: d}
	w.prepare()
	t := &Ticket{Lang: w.l, Profile: p, Title: w.title(), Verdict: verdictText(&w.verdict, w.l), Settle: strings.TrimRight(w.verdict.Settle, ". "), Redacted: opts.Redact}
	w.points(t)
	w.check(t)
	if p.Chat {
		t.Chat = w.chat()
	}
	if d != nil {
		d.ticket(t)
	}
	return t, nil
}

// ticketWriter is what the points of a ticket have in common.
type ticketWriter struct {
	in      TicketInput
	opts    TicketOptions
	l       Lang
	p       Profile
	blank   *redactor // nil: nothing is blanked
	verdict Verdict
	member  *Member // of the incident: the target that the ticket is about
	node    Node
	target  netip.Addr
	asked   string
	back    refusal // of the trace from the other end
	ping    Stats   // plain pings of the window
	dense   dense   // of an incident: several a second beside them
	from    time.Time
	to      time.Time // zero: not over, or not known
	open    string    // the key of what to say then
	ended   time.Time // of the trace that is said to have ended before
	own     Own
}

func (w *ticketWriter) prepare() {
	if r := w.in.Report; r != nil {
		e := &r.Evidence
		w.node, w.target, w.asked = e.Node, e.Target.Address, e.Target.Asked
		w.verdict = JudgeWith(e, Around{Lang: w.l, Reverse: w.in.Reverse})
		w.ping = w.plainPings(e)
		w.window(&w.verdict, e)
	}
	w.knowSource()
	if inc := w.in.Incident; inc != nil {
		w.node = inc.Node
		w.pickMember()
	}
	w.back = w.refused()
	if inc := w.in.Incident; inc != nil {
		w.verdict = w.judgeIncident()
		w.from, w.to = inc.Times.Began, time.Time{}
		if m := w.member; m != nil && m.Began.After(w.from) { // it joined later
			w.from = m.Began.In(w.from.Location())
		}
		w.open = "ticket.unknown"
		if inc.State == IncidentOpen {
			w.open = "ticket.lasting"
		}
		if t, ok := inc.until(); ok {
			w.to = t
		}
	}
	w.settled()
	w.own = w.opts.Own
	tags := func(m map[string]string) {
		for key, to := range map[string]*string{"circuit": &w.own.Circuit, "customer": &w.own.Customer, "contact": &w.own.Contact} {
			if v := strings.TrimSpace(m[key]); v != "" {
				*to = v
			}
		}
	}
	if w.in.Report != nil {
		for _, q := range w.in.Report.Evidence.Requests {
			tags(q.Tags)
		}
	}
	if w.member != nil {
		tags(w.member.Tags)
	}
}

// judgeIncident is the incident's verdict with the trace from the other end,
// if that counts.
func (w *ticketWriter) judgeIncident() Verdict {
	r, all := w.in.Reverse, w.in.Reports
	if r != nil && w.back.why == "" && !slices.Contains(all, r) {
		all = append(slices.Clone(all), r)
	}
	d := JudgeIncidentIn(w.in.Incident, all, w.l)
	if r != nil && w.back.why != "" && d.Class == RealLoss {
		d.Sentence = w.l.join(d.Sentence, w.l.Say("reverse.not", w.back.why))
	}
	return d
}

// settled takes back the wish for a trace from the other end where there is
// one that the verdict cannot use: another program's text has no times.
func (w *ticketWriter) settled() {
	if w.in.ReverseText == nil || !w.bothWays() {
		return
	}
	for _, key := range []string{"settle.reverse", "inc.settle"} {
		if w.verdict.Settle == w.l.Say(key) {
			w.verdict.Settle = ""
		}
	}
}

// knowSource gives the incident the address that its trace left with, where it
// has none of that family: by it a trace from the other end is known as one.
func (w *ticketWriter) knowSource() {
	r, inc := w.in.Report, w.in.Incident
	if r == nil || inc == nil || r.Evidence.Node.Name != inc.Node.Name {
		return
	}
	if a := inc.Node.Source; known(a) && sameFamily(a, r.Evidence.Target.Address) {
		return
	}
	own := *inc
	own.Node.Source = r.Evidence.Node.Source
	w.in.Incident = &own
}

// pickMember finds the incident's member that the report is of, else the one
// that lost the most.
func (w *ticketWriter) pickMember() {
	inc := w.in.Incident
	for i := range inc.Members {
		m := &inc.Members[i]
		if w.target.IsValid() && m.Address == w.target {
			w.member = m
			break
		}
		if w.member == nil || !w.target.IsValid() && m.Lost > w.member.Lost {
			w.member = m
		}
	}
	m := w.member
	if m == nil {
		return
	}
	if !w.target.IsValid() {
		w.target = m.Address
	}
	if w.asked == "" {
		w.asked = m.Target
	}
	upTo := inc.upTo().Add(time.Second)
	if m.Recovered != nil { // Sent and Lost go no further
		upTo = *m.Recovered
	}
	rtts := m.rtts(m.Began, upTo)
	w.ping = Stats{Sent: m.Sent, Lost: m.Lost, Answered: m.Sent - m.Lost, RTT: rttStats(rtts)}
	w.dense = denseOf(m)
}

// window is when the report's target lost packets; where it lost none, when
// the trace ran.
func (w *ticketWriter) window(d *Verdict, e *Evidence) {
	w.from, w.open = e.Times.Started, "ticket.lasting"
	if e.Times.Ended != nil {
		w.to, w.ended = *e.Times.Ended, *e.Times.Ended
		w.open = "ticket.lasting.trace"
	}
	if len(d.Spells) == 0 {
		return
	}
	first, last := d.Spells[0].From, d.Spells[len(d.Spells)-1].To
	if first.By != nil {
		w.from = first.By.In(e.Times.Started.Location())
	}
	w.to = time.Time{}
	if last.By != nil {
		w.to = last.By.In(e.Times.Started.Location())
	}
}

// notOver is what stands in the place of the end of a trouble that has none.
func (w *ticketWriter) notOver() string {
	if w.open == "ticket.lasting.trace" {
		return w.l.Say(w.open, w.local(w.ended))
	}
	return w.l.Say(w.open)
}

// destination is the target as an address, with what it was asked as.
func (w *ticketWriter) destination() string {
	if w.target.IsValid() {
		return w.target.String()
	}
	return short(Printable(w.asked), maxHostName)
}

func (w *ticketWriter) title() string {
	if l, _ := w.loss(); l != nil && l.Lost > 0 {
		return w.l.Say("ticket.title.loss", w.destination(), percent(100*float64(l.Lost)/float64(l.Sent)), l.Lost, l.Sent)
	}
	return w.l.Say("ticket.title", w.destination(), w.l.Say("class."+string(w.verdict.Class)))
}

// loss is the target's own: of its pings in an incident, which may have other
// members, else of the trace.
func (w *ticketWriter) loss() (l *Loss, what string) {
	if w.member != nil {
		return w.ping.Interval(), "ping"
	}
	return w.verdict.Loss, "probe"
}

// sourceAddr is the address that a carrier sees: the public one, where it is
// known, of the family that the packets went over.
func (w *ticketWriter) sourceAddr() netip.Addr {
	if a := w.node.Address; known(a) && sameFamily(a, w.target) {
		return a
	}
	for _, a := range w.sources() {
		if public(a) {
			return a
		}
	}
	return netip.Addr{}
}

// localAddr is the address that the probes left with; invalid: not recorded.
func (w *ticketWriter) localAddr() netip.Addr {
	for _, a := range w.sources() {
		return a
	}
	return netip.Addr{}
}

// sources are the addresses that the trace and the incident's node left with.
func (w *ticketWriter) sources() []netip.Addr {
	all := []netip.Addr{w.node.Source}
	if r := w.in.Report; r != nil {
		all = []netip.Addr{r.Evidence.Node.Source, w.node.Source}
	}
	return slices.DeleteFunc(all, func(a netip.Addr) bool { return !known(a) || !sameFamily(a, w.target) })
}

// sameFamily says that two addresses can be the two ends of a packet; of one
// that is not known nothing speaks against it.
func sameFamily(a, b netip.Addr) bool {
	return !a.IsValid() || !b.IsValid() || plain(a).Is4() == plain(b).Is4()
}

// known says that an address is one: a kernel without a route says 0.0.0.0.
func known(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() }

var carrierGrade = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// public says that an address means the same to everybody.
func public(a netip.Addr) bool {
	return a.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate() && !carrierGrade.Contains(a.Unmap())
}
