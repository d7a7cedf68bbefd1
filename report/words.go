package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// clockFormat is the time of day as sentences have it.
const clockFormat = "15:04:05.0"

// ofN is "3 of 10 probes".
func ofN(x, n int, what string) string {
	if what == "" {
		what = "probe"
	}
	if n == 1 {
		return fmt.Sprintf("%d of 1 %s", x, what)
	}
	return fmt.Sprintf("%d of %d %ss", x, n, what)
}

// counted is "3 of 10 probes (30 %, 95 % interval 6.6 to 65.3 %)".
func counted(l *Loss) string { return English.counted(l, "probe") }

// percent never rounds some loss to none, or some answers away.
func percent(p float64) string {
	switch s := shortTenth(p); {
	case p > 0 && s == "0":
		return "<0.1"
	case p < 100 && s == "100":
		return ">99.9"
	default:
		return s
	}
}

// shortTenth has one decimal where it says something.
func shortTenth(x float64) string { return strings.TrimSuffix(tenth(x), ".0") }

// tenth has one decimal. It is rounded as tables and mtr do, by printf: one
// count has one percentage in all of a report.
func tenth(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }

// probability has two decimals.
func probability(p float64) string { return strconv.FormatFloat(p, 'f', 2, 64) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// endName is an end of a link for a sentence.
func (v *view) endName(l LinkEnd) string {
	switch {
	case l.TTL == 0:
		return v.lang.Say("name.machine")
	case v.end() >= 0 && l.TTL == v.end()+1, v.end() < 0 && l.Addr.IsValid() && l.Addr == v.e.Target.Address:
		return v.lang.Say("name.target")
	case l.Addr.IsValid():
		return v.lang.Say("name.hop", l.TTL, l.Addr)
	case v.foreignHost(l.TTL) != "":
		return v.lang.Say("name.hop", l.TTL, v.foreignHost(l.TTL))
	default:
		return v.lang.Say("name.hop.silent", l.TTL)
	}
}

// name is the protocol, and the port where there is one: "TCP port 443".
func (o Other) name(l Lang) string {
	p := strings.ToUpper(Printable(o.Protocol))
	if o.Port > 0 {
		return l.Say("name.port", p, o.Port)
	}
	return p
}

// when is ", between 14:05:33.1 and 14:05:42.9" of the first and the
// last lost probe; "" where nothing was lost.
func (v *view) when() string {
	first, last := v.lostEnds()
	s := &v.series
	if v.e.Foreign != nil {
		return ""
	}
	switch {
	case first < 0:
		return ""
	case first == last:
		return v.lang.Say("when.at", v.clock(s.TxMS[first]))
	}
	if n := v.spells(); n > 1 {
		return v.lang.Say("when.spells", n, v.clock(s.TxMS[first]), v.clock(s.TxMS[last]))
	}
	return v.lang.Say("when", v.clock(s.TxMS[first]), v.clock(s.TxMS[last]))
}

// spells is in how many stretches the target was losing packets.
func (v *view) spells() int {
	n := 1
	for _, c := range v.calm() {
		if !math.IsInf(c.from, -1) && !math.IsInf(c.to, 1) {
			n++
		}
	}
	return n
}

// clock is the time of day, to a tenth of a second, in the trace's zone.
func (v *view) clock(ms float64) string {
	return v.e.Times.Started.Add(time.Duration(ms * float64(time.Millisecond))).Format(clockFormat)
}

// hopWords says which routers became which: "hop 4 was 198.18.0.17, is
// 198.18.0.18; …".
func hopWords(l Lang, hops []hopChange) string {
	const most = 3
	var parts []string
	for i, c := range hops {
		if i == most {
			break
		}
		parts = append(parts, l.Say("hop.was", c.ttl, addrWords(l, c.before), addrWords(l, c.after)))
	}
	s := strings.Join(parts, l.Say("semicolon"))
	if n := len(hops) - most; n > 0 {
		s += l.Say("hop.more", l.count(n, "hop"))
	}
	return s
}
