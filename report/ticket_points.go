package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ownPoint is the point of what the sender wrote for the carrier.
const ownPoint = 9

const (
	ticketTime  = "2006-01-02 15:04:05 -07:00"
	ticketTenth = "2006-01-02 15:04:05.0"
)

// local is a time in the zone of the trouble, with its offset.
func (w *ticketWriter) local(at time.Time) string { return at.In(w.from.Location()).Format(ticketTime) }

// zone is that of the trouble: "+08:00", "UTC".
func (w *ticketWriter) zone() string {
	if _, offset := w.from.Zone(); offset == 0 {
		return "UTC"
	}
	return w.from.Format("-07:00")
}

// points writes the ten points.
func (w *ticketWriter) points(t *Ticket) {
	titles := []string{"ticket.p.time", "ticket.p.ends", "ticket.p.mtr", "ticket.p.ping", "ticket.p.baseline",
		"ticket.p.tcp", "ticket.p.scope", "ticket.p.method", "ticket.p.own", "ticket.p.record"}
	for i, write := range []func(*TicketPoint){w.when, w.ends, w.traces, w.pings, w.baseline, w.otherProtocols, w.scope, w.method, w.ownData, w.record} {
		p := TicketPoint{Number: i + 1, Title: w.l.Say(titles[i])}
		write(&p)
		for k := range p.Facts {
			p.Facts[k].Value = Printable(p.Facts[k].Value)
		}
		t.Points = append(t.Points, p)
	}
}

func (p *TicketPoint) fact(label, value string) {
	p.Facts = append(p.Facts, TicketFact{label, value})
}

func (p *TicketPoint) block(title, text string) {
	p.Blocks = append(p.Blocks, TicketBlock{title, strings.TrimRight(text, "\n")})
}

// when is point 1.
func (w *ticketWriter) when(p *TicketPoint) {
	row := func(key string, at time.Time, none string) {
		if at.IsZero() {
			p.fact(w.l.Say(key), none)
			return
		}
		at = at.In(w.from.Location())
		var all []string
		if w.p.Beijing {
			all = append(all, w.l.Say("ticket.beijing", at.In(beijingZone()).Format(ticketTenth)))
		}
		if z := w.zone(); z != "UTC" && (z != "+08:00" || !w.p.Beijing) {
			all = append(all, at.Format(ticketTenth+" -07:00"))
		}
		all = append(all, at.UTC().Format(ticketTenth+" UTC"))
		v := strings.Join(all, " = ")
		p.fact(w.l.Say(key), v)
	}
	row("ticket.from", w.from, "-")
	row("ticket.to", w.to, w.notOver())
	if !w.to.IsZero() && w.to.After(w.from) {
		p.fact(w.l.Say("ticket.length"), w.l.lasting(w.to.Sub(w.from)))
	}
	clock := w.l.Say("ticket.clock.unknown")
	if c := w.clock(); c != nil {
		clock = w.l.Say("ticket.clock.bad")
		if c.Synced {
			clock = w.l.Say("ticket.clock.good")
		}
		if c.OffsetUS != nil {
			clock += w.l.Say("ticket.clock.offset", tenth(float64(*c.OffsetUS)/1000))
		}
	}
	p.fact(w.l.Say("ticket.clock"), clock)
}

// beijingZone is the zone of all of China, since 1991 without summer time.
func beijingZone() *time.Location { return time.FixedZone("", 8*3600) }

// clock is what was recorded of the clock when it began; nil: nothing.
func (w *ticketWriter) clock() *HostClock {
	if inc := w.in.Incident; inc != nil && inc.Host.Opened != nil && inc.Host.Opened.Clock.ErrorUS != nil {
		return &inc.Host.Opened.Clock
	}
	if r := w.in.Report; r != nil {
		return r.Evidence.Clock
	}
	return nil
}

// ends is point 2. A name is a remark only: what it means changes.
func (w *ticketWriter) ends(p *TicketPoint) {
	source := func() {
		node := Printable(w.node.Name)
		if w.node.Place != "" {
			node += " (" + Printable(w.node.Place) + ")"
		}
		p.fact(w.l.Say("ticket.node"), node)
		pub, local := w.sourceAddr(), w.localAddr()
		p.fact(w.l.Say("ticket.source"), w.known(pub))
		if local.IsValid() && (local != pub || w.p.Private) {
			p.fact(w.l.Say("ticket.source.local"), local.String())
		}
		p.fact(w.l.Say("ticket.source.as"), w.opts.Names.as(pub))
	}
	dest := func() {
		p.fact(w.l.Say("ticket.dest"), w.destination())
		p.fact(w.l.Say("ticket.dest.as"), w.opts.Names.as(w.target))
		name := w.opts.Names.name(w.target)
		if asked := Printable(w.asked); asked != "" && asked != w.destination() {
			name = short(asked, maxHostName)
		}
		if name != "" {
			p.fact(w.l.Say("ticket.dest.name"), name)
		}
	}
	if w.p.DestFirst {
		dest()
		source()
		return
	}
	source()
	dest()
}

func (w *ticketWriter) known(a netip.Addr) string {
	if !a.IsValid() {
		return w.l.Say("ticket.unknown")
	}
	return a.String()
}

// traces is point 3.
func (w *ticketWriter) traces(p *TicketPoint) {
	if r := w.in.Report; w.traced() {
		p.block(w.l.Say("ticket.forward", w.probes(r)), w.table(r))
	} else {
		p.fact(w.l.Say("ticket.forward.label"), w.l.Say("ticket.none"))
	}
	if w.back.why != "" {
		p.fact(w.l.Say("ticket.reverse.label"), w.l.Say("ticket.reverse.not", w.back.why))
	}
	switch {
	case w.back.sure: // its table would be taken for the other direction
	case w.in.Reverse != nil:
		p.block(w.l.Say("ticket.reverse", w.probes(w.in.Reverse)), w.table(w.in.Reverse))
	case w.in.ReverseText != nil:
		f := w.in.ReverseText
		var b strings.Builder
		r := f.Report()
		f.table(&b, lookWith(&r.Evidence, Around{Lang: w.l}))
		text := b.String()
		if w.blank != nil {
			text = w.blank.words(text)
		}
		p.block(w.l.Say("ticket.reverse.text", string(f.Program)), text)
	default:
		p.fact(w.l.Say("ticket.reverse.label"), w.l.Say("ticket.none"))
	}
	if r := w.in.Report; r != nil {
		var names []string
		for _, row := range Table(r) {
			if n := w.opts.Names.name(row.Addr); n != "" {
				names = append(names, fmt.Sprintf("%s  %s", row.Addr, n))
			}
		}
		if len(names) > 0 {
			p.block(w.l.Say("ticket.names"), strings.Join(names, "\n"))
		}
	}
	for _, l := range w.opts.Names.Missing {
		if !l.onNames() { // names are a remark, which no carrier misses
			p.fact(w.l.Say("ticket.names.missing"), l.Text(w.l))
		}
	}
}

// traced says that there is a trace of which there is something to show.
func (w *ticketWriter) traced() bool { return w.in.Report != nil && len(Table(w.in.Report)) > 0 }

// table is a report's table with numbers only and the AS of each hop.
func (w *ticketWriter) table(r *Report) string {
	p := printer{view: lookWith(&r.Evidence, Around{Lang: w.l}), opts: TextOptions{as: w.opts.Names.asNumber}}
	p.table()
	return string(p.b)
}

// probes is "ICMP, 64 bytes, a round each 1 s".
func (w *ticketWriter) probes(r *Report) string {
	t := r.Evidence.Target
	parts := []string{strings.ToUpper(Printable(t.Protocol))}
	if t.Port > 0 {
		parts = append(parts, w.l.Say("ticket.port", t.Port))
	}
	if t.Size > 0 {
		parts = append(parts, w.l.Say("ticket.bytes", t.Size))
	}
	if t.Interval > 0 {
		parts = append(parts, w.l.Say("ticket.round", waited(t.Interval)))
	}
	parts = append(parts, r.Evidence.Times.Started.Format(ticketTime))
	return strings.Join(parts, w.l.Say("comma"))
}

// otherProtocols is point 6.
func (w *ticketWriter) otherProtocols(p *TicketPoint) {
	for _, r := range w.in.Others {
		p.block(w.probes(r), w.table(r))
	}
	if r := w.in.Report; r != nil {
		for _, o := range r.Evidence.Others {
			said := w.l.Say("ticket.silent")
			if o.Answered {
				said = w.l.Say("ticket.answered")
			}
			p.fact(o.name(w.l), said)
		}
		if mine := r.Evidence.Target.Protocol; mine == "tcp" || mine == "udp" {
			p.fact(w.l.Say("ticket.tcp.label"), w.l.Say("ticket.tcp.above"))
			if !slices.ContainsFunc(w.in.Others, func(o *Report) bool { return o.Evidence.Target.Protocol == "icmp" }) {
				p.fact(w.l.Say("ticket.icmp.label"), w.l.Say("ticket.none"))
			}
		}
	}
	if len(p.Blocks)+len(p.Facts) == 0 {
		p.fact(w.l.Say("ticket.tcp.label"), w.l.Say("ticket.none"))
	}
}

// scope is point 7.
func (w *ticketWriter) scope(p *TicketPoint) {
	inc := w.in.Incident
	affected := w.l.Say("ticket.affected.one")
	if inc != nil {
		affected = w.l.Say("ticket.affected.of", max(inc.Affected, len(inc.Members)), inc.Watched)
	} else if id := w.incidentElsewhere(); id != "" {
		affected = w.l.Say("ticket.affected.incident", id)
	}
	p.fact(w.l.Say("ticket.affected"), affected)
	saw, known := w.nodes()
	p.fact(w.l.Say("ticket.nodes"), w.l.Say("ticket.nodes.of", saw, known))
	if inc == nil {
		p.fact(w.l.Say("ticket.control"), w.l.Say("ticket.unknown"))
		return
	}
	clean := w.l.Say("ticket.control.clean", w.l.count(inc.Clean, "target"))
	if len(inc.Controls) > 0 {
		var some []string
		for _, a := range inc.Controls {
			some = append(some, a.String())
		}
		clean = w.l.Say("ticket.control.some", clean, strings.Join(some, w.l.Say("comma")))
	}
	p.fact(w.l.Say("ticket.control"), clean)
	for _, c := range inc.Canaries {
		if c.Kind == CanaryAnchor || c.Kind == CanaryGateway {
			if c.Known && c.Sent > 0 && c.Addr.IsValid() {
				p.fact(w.canary(c.Kind), c.Addr.String()+w.l.Say("comma")+w.l.Say("ticket.lost", w.l.of(c.Lost, c.Sent, "ping")))
			}
		}
	}
	if c := inc.Common; c != nil && c.To.IsValid() {
		p.fact(w.l.Say("ticket.common"), w.known(c.From)+" → "+c.To.String())
	}
}

// nodes counts the nodes that saw the trouble, of those that looked: this one,
// those of the incident's traces, and the other end.
func (w *ticketWriter) nodes() (saw, known int) {
	seen := map[string]bool{w.node.Name: trouble(w.verdict.Class)}
	add := func(r *Report) {
		e := &r.Evidence
		seen[e.Node.Name] = seen[e.Node.Name] || trouble(Judge(e).Class)
	}
	for _, r := range w.in.Reports {
		if r != w.in.Reverse {
			add(r)
		}
	}
	if r := w.in.Reverse; r != nil && w.back.why == "" {
		add(r)
	}
	for _, yes := range seen {
		known++
		if yes {
			saw++
		}
	}
	if f := w.in.ReverseText; f != nil && w.back.why == "" {
		known++
		if trouble(f.Report().Evidence.Verdict.Class) {
			saw++
		}
	}
	return saw, known
}

// trouble says that a verdict is one of something amiss.
func trouble(c Class) bool {
	switch c {
	case Clean, RateLimitOnly, NotProven, MeasurementFault:
		return false
	}
	return true
}

func (w *ticketWriter) canary(k CanaryKind) string {
	if k == CanaryGateway {
		return w.l.Say("ticket.canary.gateway")
	}
	return w.l.Say("ticket.canary.anchor")
}

// control says that a target was seen clean in the same minutes.
func (w *ticketWriter) control() bool {
	inc := w.in.Incident
	if inc == nil {
		return false
	}
	return inc.Clean > 0 || slices.ContainsFunc(inc.Canaries, func(c Canary) bool {
		return c.Kind == CanaryAnchor && c.Known && c.Sent >= fewProbes && c.Lost == 0
	})
}

// method is point 8.
func (w *ticketWriter) method(p *TicketPoint) {
	r := w.in.Report
	v := Versions{}
	if inc := w.in.Incident; inc != nil {
		v = inc.Versions
	}
	if r != nil {
		v = r.Evidence.Versions
	}
	program := strings.TrimSpace("mtrq " + Printable(v.MTRQ))
	if v.MTRPacket != "" {
		program += w.l.Say("comma") + "mtr-packet " + Printable(v.MTRPacket)
	}
	p.fact(w.l.Say("ticket.program"), program)
	if r == nil {
		return
	}
	p.fact(w.l.Say("ticket.probes"), w.probes(r))
	target := r.Evidence.TargetStats()
	p.fact(w.l.Say("ticket.count"), w.l.Say("ticket.count.to", target.Sent, most(r)))
	p.fact(w.l.Say("ticket.note"), w.l.Say("ticket.note.limits"))
}

// most is how many probes the hop that was asked most often got.
func most(r *Report) int {
	n := 0
	for i := range r.Evidence.Hops {
		n = max(n, len(r.Evidence.Hops[i].Answer))
	}
	return n
}

// ownData is point 9.
func (w *ticketWriter) ownData(p *TicketPoint) {
	for _, x := range []TicketFact{{"ticket.circuit", w.own.Circuit}, {"ticket.customer", w.own.Customer}, {"ticket.contact", w.own.Contact}} {
		v := short(Printable(strings.TrimSpace(x.Value)), 200)
		if v == "" {
			v = "-"
		}
		p.fact(w.l.Say(x.Label), v)
	}
}

// record is point 10: where the original is.
func (w *ticketWriter) record(p *TicketPoint) {
	if r := w.in.Report; r != nil {
		p.fact(w.l.Say("ticket.report"), r.Evidence.ID.String())
	}
	if inc := w.in.Incident; inc != nil {
		p.fact(w.l.Say("ticket.incident"), inc.ID.String())
	}
	p.fact(w.l.Say("ticket.form"), w.l.Say("ticket.form.text"))
}
