package report

import (
	"strings"
	"time"
)

// chat is the whole in a few lines, for a messenger. The circuit is what the
// sender wrote: nothing of it is blanked.
func (w *ticketWriter) chat() string {
	circuit := short(Printable(strings.TrimSpace(w.own.Circuit)), 200)
	if circuit == "" {
		circuit = w.l.Say("ticket.unknown")
	}
	what := w.blanked(strings.Join(w.chatWhat(), w.l.Say("comma")))
	from := w.l.Say("chat.source")
	if a := w.sourceAddr(); a.IsValid() {
		from = a.String()
	}
	s := w.l.Say("chat", circuit, from, w.blanked(w.destination()), w.chatSpan(), what)
	both := w.l.Say("chat.one")
	switch {
	case !w.traced() && !w.bothWays():
		both = w.l.Say("chat.none")
	case w.traced() && w.bothWays():
		both = w.l.Say("chat.both")
	}
	return w.l.join(w.l.join(s, w.blanked(w.chatLink())), both)
}

func (w *ticketWriter) blanked(s string) string {
	if w.blank == nil {
		return s
	}
	return w.blank.text(s)
}

// chatSpan is when, in Beijing time.
func (w *ticketWriter) chatSpan() string {
	at := func(t time.Time) string { return t.In(beijingZone()).Format(time.DateTime) }
	switch {
	case !w.to.IsZero():
		return w.l.Say("chat.span", at(w.from), at(w.to))
	case w.open == "ticket.lasting.trace":
		return w.l.Say("chat.open.trace", at(w.from), at(w.ended))
	case w.open == "ticket.lasting":
		return w.l.Say("chat.open", at(w.from))
	}
	return w.l.Say("chat.open.unknown", at(w.from))
}

// chatWhat is what is wrong: what the verdict is of, and what was lost.
func (w *ticketWriter) chatWhat() []string {
	class := w.l.Say("class." + string(w.verdict.Class))
	l, what := w.loss()
	var parts []string
	switch w.verdict.Class {
	case RealLoss:
	case Latency:
		parts = append(parts, w.chatSlower(class))
	case PathChanged:
		parts = append(parts, w.chatPath(class))
	default:
		parts = append(parts, class)
	}
	quiet := w.verdict.Class == Latency || w.verdict.Class == PathChanged // no loss is no news of these
	if l != nil && (l.Lost > 0 || !quiet) {
		parts = append(parts, w.l.Say("chat.lost", w.l.counted(l, what)))
	}
	if len(parts) == 0 {
		parts = append(parts, class)
	}
	return parts
}

// chatSlower is by how much the round-trip time rose; else, where that is not
// known.
func (w *ticketWriter) chatSlower(other string) string {
	if m := w.member; m != nil {
		now, usual := w.ping.RTT, m.Usual
		switch {
		case now == nil || usual == nil:
		case w.in.Incident.Trigger == TriggerJitter && now.P95 > usec(usual.P95US):
			return w.l.Say("chat.jitter", msText(usec(usual.P95US)), msText(now.P95))
		case w.in.Incident.Trigger != TriggerJitter && now.P50 > usec(usual.P50US):
			return w.l.Say("chat.slower", msText(usec(usual.P50US)), msText(now.P50))
		}
		return other
	}
	if r := look(&w.in.Report.Evidence).rise(); r != nil {
		return w.l.Say("chat.slower", tenth(r.low), tenth(r.high))
	}
	return other
}

// chatPath is which routers are others; else, where that is not known.
func (w *ticketWriter) chatPath(other string) string {
	var diff []hopChange
	if m := w.member; m != nil {
		diff = changes(m.Before, m.After)
	} else {
		v := look(&w.in.Report.Evidence)
		if s := v.shift(); s != nil {
			diff = s.hops
		} else {
			diff = v.unusual()
		}
	}
	if len(diff) == 0 {
		return other
	}
	return w.l.Say("chat.path", hopWords(w.l, diff))
}

// chatLink is where the loss begins, as surely as the verdict says it.
func (w *ticketWriter) chatLink() string {
	l := w.verdict.Link
	switch {
	case l == nil || !l.To.Addr.IsValid():
		return ""
	case w.verdict.Class != RealLoss && w.verdict.Class != OwnNetwork && w.verdict.Class != UplinkCut:
		return "" // it is no place of a loss
	}
	from := w.l.Say("name.machine")
	switch {
	case l.From.Addr.IsValid():
		from = l.From.Addr.String()
	case l.From.TTL > 0:
		from = w.l.Say("name.hop.silent", l.From.TTL)
	}
	key := "chat.link.maybe"
	switch w.verdict.Grade {
	case Certain:
		key = "chat.link"
	case Likely:
		key = "chat.link.probably"
	}
	return w.l.Say(key, from, l.To.Addr)
}
