package report

import (
	"fmt"
	"strings"

	"github.com/oklog/ulid/v2"
)

// check says what the carrier of the profile will ask for.
func (w *ticketWriter) check(t *Ticket) {
	miss := func(key string, args ...any) { t.Missing = append(t.Missing, w.need(key, args...)) }
	hint := func(key string, args ...any) { t.Hints = append(t.Hints, w.need(key, args...)) }
	must := func(asked bool, asks, better string) { // by this carrier
		if asked {
			miss(asks, w.who())
			return
		}
		hint(better)
	}
	switch w.verdict.Class {
	case RealLoss, RoutingLoop, Latency, PathChanged, TargetFilters, UplinkCut:
	case Recovered:
		hint("need.recovered")
	default:
		miss("need.fault", w.l.Say("class."+string(w.verdict.Class)))
	}
	w.checkTraces(miss, hint)
	w.checkEnds(miss, must)
	if w.p.Private && w.blank != nil && w.blank.blanks(w.localAddr()) {
		t.Withheld = append(t.Withheld, w.need("withheld.private", w.who()))
	}
	if n := w.pinged(); n < w.p.Ping {
		miss("need.ping", w.who(), w.p.Ping, n, w.destination())
	} else if n == 0 {
		hint("need.noping", w.destination())
	}
	if strings.TrimSpace(w.own.Circuit) == "" && w.p.Circuit {
		miss("need.circuit", w.who())
	}
	if strings.TrimSpace(w.own.Customer) == "" && w.p.Customer {
		miss("need.customer", w.who())
	}
	if strings.TrimSpace(w.own.Contact) == "" {
		must(w.p.Contact, "need.contact.must", "need.contact")
	}
	incident := w.incidentElsewhere() // has what is looked for below
	if c := w.clock(); c == nil && incident == "" || c != nil && !c.Synced {
		hint("need.clock")
	}
	if w.opts.Names.as(w.target) == "-" {
		hint("need.as")
	}
	for _, l := range w.opts.Names.Missing {
		switch l.Kind {
		case LackNoDNS:
			hint("need.names")
		case LackDNS:
			hint("need.names.late")
		}
	}
	if incident != "" {
		hint("need.incident", incident, short(Printable(w.node.Name), maxName))
		return
	}
	if !w.control() {
		hint("need.control")
	}
	if w.in.Before == nil && (w.member == nil || w.member.Usual == nil) {
		hint("need.before", w.destination())
	}
	if w.in.After == nil && (w.member == nil || w.recovered().Sent == 0) {
		hint("need.after", w.destination())
	}
}

// incidentElsewhere is the incident that the watchdog asked for the trace in,
// where it is not at hand; "": it is, or there is none.
func (w *ticketWriter) incidentElsewhere() string {
	if w.in.Incident != nil || w.in.Report == nil {
		return ""
	}
	for _, q := range w.in.Report.Evidence.Requests {
		if id, err := ulid.ParseStrict(q.Event); err == nil && q.Source == "watchdog" {
			return id.String()
		}
	}
	return ""
}

// checkEnds is of the addresses of both ends.
func (w *ticketWriter) checkEnds(miss func(string, ...any), must func(bool, string, string)) {
	if !w.target.IsValid() {
		miss("need.dest")
	}
	if !w.sourceAddr().IsValid() {
		must(w.p.Public, "need.public.must", "need.public")
	}
	if w.p.Private && !w.localAddr().IsValid() {
		miss("need.private", w.who())
	}
}

// need is a sentence of the check. It may begin with the carrier's name, which
// in English begins with a small letter, and in Chinese has a space before.
func (w *ticketWriter) need(key string, args ...any) string {
	s := strings.TrimSpace(w.l.Say(key, args...))
	if strings.HasPrefix(s, w.p.Name(w.l)) && s[0] < 0x80 {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// who is the carrier's name as it stands in a sentence.
func (w *ticketWriter) who() string { return w.l.spaced(w.p.Name(w.l)) }

// spaced parts a word in Latin letters from the Chinese around it.
func (l Lang) spaced(name string) string {
	if l != Chinese || name == "" {
		return name
	}
	if name[0] < 0x80 {
		name = " " + name
	}
	if name[len(name)-1] < 0x80 {
		name += " "
	}
	return name
}

// checkTraces is of the trace, the one from the other end and the TCP one.
func (w *ticketWriter) checkTraces(miss, hint func(string, ...any)) {
	r := w.in.Report
	if r == nil {
		miss("need.trace", w.destination())
	} else if n := r.Evidence.TargetStats().Sent; n < w.p.Packets {
		miss("need.packets", w.who(), w.p.Packets, n, w.destination())
	}
	w.checkReverse(miss, hint)
	if !w.p.TCP {
		return
	}
	for _, protocol := range []string{"icmp", "tcp"} {
		w.checkProtocol(protocol, miss)
	}
}

// checkProtocol is of the longest trace by a protocol.
func (w *ticketWriter) checkProtocol(protocol string, miss func(string, ...any)) {
	most := -1
	for _, r := range append([]*Report{w.in.Report}, w.in.Others...) {
		if r != nil && r.Evidence.Target.Protocol == protocol {
			most = max(most, r.Evidence.TargetStats().Sent)
		}
	}
	r := w.in.Report
	switch {
	case most < 0 && protocol == "tcp":
		miss("need.tcp", w.who(), w.p.Packets, w.destination())
	case most < 0:
		miss("need.icmp", w.who(), w.p.Packets, w.destination())
	case most >= w.p.Packets || r != nil && r.Evidence.Target.Protocol == protocol: // what that lacks is said
	case protocol == "tcp":
		miss("need.tcp.packets", w.who(), w.p.Packets, most, w.destination())
	default:
		miss("need.icmp.packets", w.who(), w.p.Packets, most, w.destination())
	}
}

// backCommand is what the other end types, whatever runs there.
func (w *ticketWriter) backCommand() string {
	to := "ADDRESS"
	if a := w.sourceAddr(); a.IsValid() {
		to = a.String()
	}
	return fmt.Sprintf("mtr -nrwzc %d %s > theirs.txt", w.p.Packets, to)
}

// backTo is where the trace from the other end must go.
func (w *ticketWriter) backTo() string {
	if a := w.sourceAddr(); a.IsValid() {
		return a.String()
	}
	return w.l.Say("need.here")
}
