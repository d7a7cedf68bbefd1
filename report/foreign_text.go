package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ForeignText is what a foreign trace shows: its table as mtr's users know
// it, the verdict with what is uncertain about it, and what would settle it.
// It holds no control byte but newlines.
func ForeignText(f *Foreign, lang Lang) string {
	r := f.Report()
	v := lookWith(&r.Evidence, Around{Lang: lang})
	d := v.judge()
	var b strings.Builder
	unknown := v.lang.Say("foreign.unknown")
	source := f.Source
	if source == "" {
		source = unknown
	}
	target := unknown
	if f.Target != "" || f.Address.IsValid() {
		target = v.name()
	}
	fmt.Fprintf(&b, "%s\n\n", v.lang.Say("foreign.head", string(f.Program), source, target))
	f.table(&b, v)
	table := b.Len()
	fmt.Fprintf(&b, "\n%s\n", verdictText(&d, v.lang))
	if len(d.Rules) > 0 {
		fmt.Fprintf(&b, "  %s\n", strings.Join(d.Rules, " "))
	}
	if d.Settle != "" {
		fmt.Fprintf(&b, "  %s\n", v.lang.Say("explain.settle", strings.TrimRight(d.Settle, ". ")))
	}
	return string(wrap([]byte(b.String()), table, textWidth))
}

// table prints the hops; "~" stands at a router that limits its answers.
func (f *Foreign) table(b *strings.Builder, v *view) {
	hosts := make([]string, len(f.Hops))
	width := 4
	for i := range f.Hops {
		hosts[i] = "???"
		if len(f.Hops[i].Hosts) > 0 {
			hosts[i] = f.Hops[i].Hosts[0].String()
			if as := f.Hops[i].Hosts[0].AS; as > 0 {
				hosts[i] = fmt.Sprintf("AS%d %s", as, hosts[i])
			}
		}
		width = max(width, utf8.RuneCountInString(hosts[i]))
	}
	n := len(f.Hops)
	for n > 1 && f.Hops[n-1].Lost == f.Hops[n-1].Sent && f.Hops[n-2].Lost == f.Hops[n-2].Sent {
		n-- // silence goes on: one line says so
	}
	fmt.Fprintf(b, "%s  Loss%%   Lost/Snt    Avg   Best   Wrst\n", pad("     HOST", width+5))
	for i := range f.Hops[:n] {
		h := &f.Hops[i]
		loss, mark := "-", " "
		if l := h.stats().Loss(); l != nil {
			loss = percent(*l) + "%"
		}
		if v.limited[i] {
			mark = "~"
		}
		lost, avg, best, worst := "-", "-", "-", "-"
		if h.Sent > 0 {
			lost = fmt.Sprintf("%d/%d", h.Lost, h.Sent)
		}
		if t := h.RTT; t != nil {
			avg, best, worst = msText(t.Avg), msText(t.Best), msText(t.Worst)
		}
		fmt.Fprintf(b, "%3d  %s %6s%s %10s %6s %6s %6s\n", h.TTL, pad(hosts[i], width), loss, mark, lost, avg, best, worst)
		for _, x := range h.Hosts[min(1, len(h.Hosts)):] {
			fmt.Fprintf(b, "     %s\n", x)
		}
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
