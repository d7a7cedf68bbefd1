package report

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// foreignLines parts a text into lines fit for matching: printable, tabs as
// spaces, without the "> " of a quoted mail. Bytes that are no UTF-8 (GBK of
// a Chinese Windows, two bytes a character) become marks: only words that
// nothing hangs on are written in them.
func foreignLines(text []byte) []string {
	if order := utf16Order(text); order != nil {
		text = fromUTF16(text, order)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		text = maskPairs(text)
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		l = Printable(l)
		for strings.HasPrefix(l, "> ") || strings.HasPrefix(l, ">") {
			l = strings.TrimPrefix(l[1:], " ")
		}
		lines[i] = strings.TrimRight(l, " ")
	}
	return lines
}

// maskPairs makes "?" of each character of a double-byte encoding. Its second
// byte may be a letter or "|", which so means nothing.
func maskPairs(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] < 0x80:
			out = append(out, b[i])
		case i+1 < len(b) && b[i+1] >= 0x40:
			out = append(out, '?')
			i++
		default:
			out = append(out, '?')
		}
	}
	return out
}

// utf16Order is the order of bytes of a text in UTF-16, which is what
// PowerShell's ">" writes; nil: it is something else. Copied on, it may have lost
// its mark: what traces are made of is ASCII, whose high bytes are zero.
func utf16Order(b []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return binary.LittleEndian
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return binary.BigEndian
	}
	var zeros [2]int // at even places, at odd ones
	for i, c := range b {
		if c == 0 {
			zeros[i%2]++
		}
	}
	// "一" is 4e 00: some zeros are low bytes.
	switch even, odd := zeros[0], zeros[1]; {
	case 4*odd > len(b) && 8*even < odd:
		return binary.LittleEndian
	case 4*even > len(b) && 8*odd < even:
		return binary.BigEndian
	}
	return nil
}

func fromUTF16(b []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// The lines that name a protocol: the command that somebody typed, and mtrq's
// own text. Of mtr's flags -T is TCP and -u is UDP, of traceroute's -I, -T and -U.
var (
	typedMTR   = regexp.MustCompile(`(?:^|[ /])mtr (?:.* )?(--tcp|--udp|-[a-zA-Z0-9]*[Tu][a-zA-Z0-9]*)(?: |$)`)
	typedRoute = regexp.MustCompile(`(?:^|[ /])traceroute6? (?:.* )?-[a-zA-Z0-9]*([ITU])[a-zA-Z0-9]*(?: |$)`)
	tracedBy   = regexp.MustCompile(`^Traced: from .*; (icmp|tcp|udp)(?:[ ,;]|$)`)
)

// protocolIn is the protocol that the lines around a trace of a program name; "":
// none, or more than one.
func protocolIn(lines []string, program ForeignProgram) string {
	named := mtrProtocol
	if program == ForeignTraceroute {
		named = routeProtocol
	}
	found := ""
	for _, line := range lines {
		p := named(line)
		if p != "" && found != "" && p != found {
			return ""
		}
		if p != "" {
			found = p
		}
	}
	return found
}

func mtrProtocol(line string) string {
	switch m := typedMTR.FindStringSubmatch(line); {
	case m != nil && (m[1] == "--tcp" || strings.Contains(m[1], "T")):
		return "tcp"
	case m != nil:
		return "udp"
	}
	if m := tracedBy.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	if typedTarget(line) != "" { // without a flag
		return "icmp"
	}
	return ""
}

func routeProtocol(line string) string {
	m := typedRoute.FindStringSubmatch(line)
	switch {
	case m != nil && m[1] == "T", strings.Contains(line, "tcptraceroute"):
		return "tcp"
	case m != nil && m[1] == "U", m == nil && typedRouteTarget(line) != "":
		return "udp"
	case m != nil:
		return "icmp"
	}
	return ""
}

// Options that take a value: mtr's, and those of Linux's and BSD's traceroute.
const (
	mtrValued   = "FoyicsBQIafmUEPLZGM"
	routeValued = "fgiMmNOPpqstwz"
)

var (
	mtrValuedLong = []string{"--filename", "--order", "--ipinfo", "--interval", "--report-cycles", "--psize", "--bitpattern", "--tos", "--interface",
		"--address", "--first-ttl", "--max-ttl", "--max-unknown", "--max-display-path", "--port", "--localport", "--timeout", "--gracetime", "--mark", "--displaymode"}
	typedWords      = regexp.MustCompile(`(?:^|[ /])mtr +([^|<>;&#]+)`)
	typedRouteWords = regexp.MustCompile(`(?:^|[ /])traceroute6? +([^|<>;&#]+)`)
	typedHost       = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]*(?:\.[0-9A-Za-z_-]+)+\.?$`)
)

// typedTarget is what a command line has mtr trace; "": it is none, or not
// plainly so. Words around a trace may begin with "mtr", too: of a command all
// but one word are options.
//
//	root@hk1:~# mtr -rwzb -c 100 203.0.113.7
func typedTarget(line string) string {
	return commandTarget(typedWords.FindStringSubmatch(line), mtrValued)
}

// typedRouteTarget is the same of traceroute. Its own first line, "traceroute
// to 203.0.113.7 (…", has more words than a command.
func typedRouteTarget(line string) string {
	return commandTarget(typedRouteWords.FindStringSubmatch(line), routeValued)
}

// commandTarget is the only word of a command that is no option.
func commandTarget(m []string, valued string) string {
	if m == nil {
		return ""
	}
	target := ""
	words := strings.Fields(m[1])
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case strings.HasPrefix(w, "--"):
			if slices.Contains(mtrValuedLong, w) {
				i++
			}
		case len(w) > 1 && w[0] == '-':
			if k := strings.IndexAny(w, valued); k == len(w)-1 {
				i++
			}
		case target != "":
			return ""
		default:
			target = w
		}
	}
	if _, err := netip.ParseAddr(target); err != nil && (!typedHost.MatchString(target) || len(target) > maxHostName) {
		return ""
	}
	return strings.TrimSuffix(target, ".")
}
