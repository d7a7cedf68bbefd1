package report

import (
	"regexp"
	"strings"
)

var (
	routeNumber = regexp.MustCompile(`^[0-9]+(?:[.,][0-9]+)?$`)
	routeStray  = regexp.MustCompile(`^ ?(?:[0-9]+(?:[.,][0-9]+)? +)?ms(?:ec)?(?: |$)`)
	routeLike   = regexp.MustCompile(`[0-9] ms(?:ec)?(?: |$)|\([0-9a-fA-F]*[.:][0-9a-fA-F.:]+\)`)
)

// routeFields are the words of a hop in the form of Unix: "ms", "[AS64500]",
// "MPLS:L=24015". An interrupted one ends in "^C".
func routeFields(rest string) []string {
	rest = ciscoMPLS.ReplaceAllString(strings.ReplaceAll(rest, "[AS ", "[AS"), "MPLS:L=$1")
	fields := strings.Fields(strings.ReplaceAll(rest, "^C", " "))
	for i, s := range fields {
		if s == "msec" {
			fields[i] = "ms"
		}
	}
	return fields
}

// mostBroken is into how many further lines a hop may be broken.
const mostBroken = 8

// wholeRoute is a hop behind its TTL together with the next lines, if a mail
// program broke it; n is how many those are.
//
//	 2  core1.example.net (198.18.0.1)  1.6 ms  1.7
//	ms  *
func wholeRoute(rest string, next []string) (whole string, n int) {
	whole = rest
	joined := rest
	for i, line := range next[:min(len(next), mostBroken)] {
		tail, probes := routeTail(line)
		if !tail || strings.HasPrefix(line, "   ") || splitName(joined, line) {
			break
		}
		joined += " " + line
		if probes {
			whole, n = joined, i+1
		}
	}
	return whole, n
}

// splitName says that a hop is a host alone as yet, and the next line begins with
// another: they are two halves of one.
func splitName(line, next string) bool {
	last, first := routeFields(line), routeFields(next)[0]
	return len(last) == 1 && last[0] != "*" && routeHost(first, "") && first[0] != '('
}

// routeTail says that a line without a TTL can be the rest of a hop: it is made
// of times, stars and hosts alone. probes: not only of hosts.
func routeTail(line string) (tail, probes bool) {
	fields := routeFields(line)
	for i, s := range fields {
		next := ""
		if i+1 < len(fields) {
			next = fields[i+1]
		}
		switch {
		case s == "*":
			probes = true
		case s == "ms":
			if i > 0 && !routeNumber.MatchString(fields[i-1]) {
				return false, false
			}
			probes = true
		case routeNumber.MatchString(s):
			if next != "ms" && next != "" {
				return false, false
			}
		case len(s) > 1 && s[0] == '!':
			probes = true
		case strings.HasPrefix(s, "[AS") || strings.Contains(s, "MPLS:") || strings.HasPrefix(s, "L="):
		case routeHost(s, next):
		default:
			return false, false
		}
	}
	return len(fields) > 0, probes
}

// routeHost says that a word is a host: an address, a name with a point in it, or
// one with an address behind.
func routeHost(s, next string) bool {
	if _, ok := parseAddress(strings.Trim(s, "()")); ok {
		return true
	}
	if strings.HasPrefix(next, "(") {
		_, ok := parseAddress(strings.Trim(next, "()"))
		return ok
	}
	return typedHost.MatchString(s) && !routeNumber.MatchString(s)
}
