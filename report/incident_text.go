package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// How much of an incident its text shows; what is more is counted.
const (
	textMembers  = 20 // rows of the table
	textStrips   = 5  // members with their pings
	textReports  = 3  // of a member's traces
	textCanaries = 12
	textNotes    = 50
)

// IncidentText is an incident for a terminal or a ticket: verdict, times,
// members with a strip of their pings, what they have in common and what
// changed. reports are those of its members as far as they are at hand.
// Lines hold at most 100 characters. It says the same of the same
// arguments, holds no control byte but newlines whatever strangers sent,
// and judges anew.
func IncidentText(inc *Incident, reports []*Report) string {
	t := incidentText{incidentView: lookAt(inc, reports)}
	t.verdict()
	t.times()
	t.where()
	t.table()
	for i := range inc.Members {
		if i == textStrips {
			break
		}
		t.member(&inc.Members[i])
	}
	t.common()
	t.canaries()
	t.host()
	for i, n := range inc.Notes {
		if i == textNotes {
			t.line("Note: and %d more", len(inc.Notes)-i)
			break
		}
		t.line("Note: %s", Printable(n))
	}
	return string(chop(wrap([]byte(t.b.String()), 0, textWidth), textWidth))
}

type incidentText struct {
	*incidentView
	b strings.Builder
}

func (t *incidentText) line(format string, args ...any) {
	fmt.Fprintf(&t.b, format, args...)
	t.b.WriteByte('\n')
}

func (t *incidentText) verdict() {
	inc := t.inc
	d := t.judge()
	t.line("Incident: %s, %s; %s (%s)", inc.ID, inc.State, t.name(), inc.Trigger)
	t.line("Verdict: %s, %s. %s", d.Class, d.Grade, d.Sentence)
	if len(d.Rules) > 0 {
		t.line("  Rules: %s.", strings.Join(d.Rules, " "))
	}
	if d.Settle != "" {
		t.line("  To settle it: %s.", strings.TrimRight(d.Settle, ". "))
	}
	t.line("")
}

func (t *incidentText) times() {
	inc, at := t.inc, &t.inc.Times
	t.line("Began:         %s (%s)", at.Began.Format("2006-01-02 15:04:05.000 -07:00"), at.Began.UTC().Format("2006-01-02 15:04:05 UTC"))
	row := func(what string, p *time.Time, none string) {
		switch {
		case p != nil:
			t.line("  %-12s %s", what, t.since(*p))
		case none != "":
			t.line("  %-12s %s", what, none)
		}
	}
	open := ""
	if inc.State == IncidentOpen {
		open = "not yet"
	}
	row("noticed", &at.Noticed, "")
	row("first probe", at.Probed, "none")
	row("opened", &at.Opened, "")
	row("last loss", at.LastLoss, "")
	row("recovered", at.Recovered, open)
	row("closed", at.Closed, open)
	if inc.State == IncidentInterrupted {
		t.line("  interrupted: the watchdog died meanwhile; this is what it had written by %s", t.since(inc.At))
	}
	if len(inc.Episodes) > 1 {
		t.line("Episodes: %d", len(inc.Episodes))
		for i, e := range inc.Episodes {
			if i == textMembers {
				t.line("  and %d more", len(inc.Episodes)-i)
				break
			}
			if e.To == nil {
				t.line("  %s, lasting", t.since(e.From))
				continue
			}
			t.line("  %s to %s (%s)", t.since(e.From), t.since(*e.To), lasting(e.To.Sub(e.From)))
		}
	}
}

// since is a moment as against the beginning: "+0.62 s".
func (t *incidentText) since(at time.Time) string {
	return fmt.Sprintf("%+.2f s", at.Sub(t.inc.Times.Began).Seconds())
}

// where says who watched, and how many targets.
func (t *incidentText) where() {
	inc := t.inc
	from := Printable(inc.Node.Name)
	if inc.Node.Place != "" {
		from += " (" + Printable(inc.Node.Place) + ")"
	}
	if inc.Node.Source.IsValid() {
		from += ", " + inc.Node.Source.String()
	}
	if inc.Node.Address.IsValid() && inc.Node.Address != inc.Node.Source {
		from += ", seen as " + inc.Node.Address.String()
	}
	if inc.Versions.MTRQ != "" {
		from += "; mtrq " + Printable(inc.Versions.MTRQ)
		if inc.Versions.MTRPacket != "" {
			from += ", mtr-packet " + Printable(inc.Versions.MTRPacket)
		}
	}
	t.line("Watched: from %s", from)
	t.line("Targets: %d in trouble of %d watched; %d answered all the while", t.targets(), inc.Watched, inc.Clean)
	t.line("")
}

// table is a row a member.
func (t *incidentText) table() {
	members := t.inc.Members
	more := t.targets() - textMembers
	members = members[:min(len(members), textMembers)]
	name := func(m *Member) string { return short(strings.TrimSpace(Printable(m.Target)), maxName) }
	group := func(m *Member) string { return short(strings.TrimSpace(Printable(m.Group)), 14) }
	wide, side := len("Target"), 0
	for i := range members {
		wide = max(wide, utf8.RuneCountInString(name(&members[i])))
		side = max(side, utf8.RuneCountInString(group(&members[i])))
	}
	if side > 0 {
		side = max(side, len("Group"))
	}
	// 2 + target + 2 + group + 2 + 15 + 2 + 10 + 2 + 26
	wide = min(wide, textWidth-59-2-side)
	row := func(target, group, lost, since, report string) {
		if utf8.RuneCountInString(target) > wide {
			t.line("  %s", target)
			target = ""
		}
		s := "  " + padded(target, wide)
		if side > 0 {
			s += "  " + padded(group, side)
		}
		t.line("%s", strings.TrimRight(fmt.Sprintf("%s  %15s  %10s  %s", s, lost, since, report), " "))
	}
	row("Target", "Group", "Lost of sent", "Since", "Report")
	for i := range members {
		m := &members[i]
		report := "-"
		if len(m.Reports) > 0 {
			report = m.Reports[0].String()
		}
		lost := "-"
		if m.Sent > 0 {
			lost = fmt.Sprintf("%d of %d", m.Lost, m.Sent)
		}
		row(name(m), group(m), lost, t.since(m.Began), report)
	}
	if more > 0 {
		t.line("  and %d more", more)
	}
	t.line("")
	t.line("Pings, %d a line, the time of the first at the left: . answered  x lost  l late  ? nobody listened", stripWidth)
}

// member is what is known of one target.
func (t *incidentText) member(m *Member) {
	t.line("%s%s", m.name(), memberWords(m))
	how := "began " + t.since(m.Began) + ", opened " + t.since(m.Opened)
	if m.Recovered != nil {
		how += ", recovered " + t.since(*m.Recovered)
	}
	if m.Sent > 0 {
		how += "; lost " + pings(Stats{Lost: m.Lost, Sent: m.Sent}.Interval())
	}
	if u := m.Usual; u != nil {
		how += fmt.Sprintf("; usually RTT p50 %s p95 %s ms, %d of %d lost", msText(usec(u.P50US)), msText(usec(u.P95US)), u.Lost, u.Sent)
	}
	t.line("  %s", how)
	t.strip("", &m.Pings, 12)
	if len(m.Meter) > 0 {
		t.minutes(m.Meter)
	}
	t.strip("Confirmed by pings through sockets of their own:", m.Burst, 2)
	t.strip("Several a second, through sockets of their own:", m.Dense, 6)
	if diff := changes(m.Before, m.After); len(diff) > 0 {
		t.line("  Path before (%s) and after (%s):", t.clock(m.Before.At), t.clock(m.After.At))
		for _, c := range diff {
			t.line("    %2d  %s -> %s", c.ttl, addrList(c.before), addrList(c.after))
		}
	}
	reports := t.reportsOf(m)
	for i, r := range reports {
		if i == textReports {
			t.line("  and %s more", plural(len(reports)-i, "trace"))
			break
		}
		d := t.verdictOf(r)
		t.line("  Trace %s: %s, %s. %s", r.Evidence.ID, d.Class, d.Grade, short(d.Sentence, maxSaid))
	}
}

// memberWords are a member's group and tags.
func memberWords(m *Member) string {
	var words []string
	if g := strings.TrimSpace(Printable(m.Group)); g != "" {
		words = append(words, "group "+short(g, maxName))
	}
	keys := make([]string, 0, len(m.Tags))
	for k := range m.Tags {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		words = append(words, short(Printable(k), maxName)+"="+short(Printable(m.Tags[k]), maxName))
	}
	if len(words) == 0 {
		return ""
	}
	const most = 8
	if n := len(words) - most; n > 0 {
		words = append(words[:most], strconv.Itoa(n)+" more")
	}
	return ", " + strings.Join(words, ", ")
}

func addrList(addrs []netip.Addr) string {
	const most = 3
	var s []string
	for i, a := range addrs {
		if i == most {
			s = append(s, strconv.Itoa(len(addrs)-most)+" more")
			break
		}
		s = append(s, a.String())
	}
	if len(s) == 0 {
		return "-"
	}
	return strings.Join(s, ", ")
}

func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// chop breaks the lines that wrap could not: a word may be longer than a
// line.
func chop(b []byte, width int) []byte {
	out := make([]byte, 0, len(b))
	n := 0
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == '\n':
			n = 0
		case n == width:
			out = append(out, '\n')
			n = 1
		default:
			n++
		}
		out = append(out, b[:size]...)
		b = b[size:]
	}
	return out
}
