package spool

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ParseTarget checks one target and gives its canonical form: an IP address
// as RFC 5952 writes it (IPv4 mapped into IPv6 comes out as IPv4), or a host
// name of RFC 1123, section 2.1, in lower case. Brackets around an IPv6
// address and one dot at the end of a name are taken off. Whatever else people paste
// (URLs, host:port, zones, percent-encoding) is refused with what to write
// instead; the error does not repeat the target.
func ParseTarget(s string) (string, error) {
	if s == "" {
		return "", errors.New("is empty: give an IP address or a host name")
	}
	if len(s) > 300 {
		return "", errors.New("is longer than 253 characters: give an IP address or a host name")
	}
	inner, bracketed := s, false
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		inner, bracketed = s[1:len(s)-1], true
	}
	addr, err := netip.ParseAddr(inner)
	switch {
	case err == nil && addr.Zone() != "":
		return "", errors.New("has a zone, which means something on one machine only: leave out the % and what follows")
	case err == nil && bracketed && addr.Is4():
		return "", errors.New("is an IPv4 address in brackets: leave them out")
	case err == nil:
		return addr.Unmap().String(), nil
	case bracketed:
		return "", errors.New("has brackets around what is no IPv6 address")
	}
	return parseName(s)
}

// parseName checks s, which is no address, as a host name.
func parseName(s string) (string, error) {
	switch {
	case strings.Contains(s, "://"):
		return "", errors.New("is a URL: give its host alone")
	case strings.Contains(s, "%"):
		return "", errors.New("holds a % (percent-encoding or a zone): decode it, or leave the zone out")
	case strings.ContainsAny(s, " \t\r\n"):
		return "", errors.New("holds white space: give one IP address or host name")
	case strings.ContainsAny(s, "/\\?#@"):
		return "", errors.New("holds a character of a path, prefix or URL: give an IP address or a host name alone")
	case strings.Contains(s, ":"):
		return "", errors.New("is no IPv6 address; for host:port give the port with the key port")
	}
	for _, r := range s {
		if r > 0x7e {
			return "", errors.New("holds characters beyond ASCII: write the name in its ASCII form (xn--…)")
		}
	}
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if len(name) > 253 {
		return "", errors.New("is longer than 253 characters")
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return "", err
		}
	}
	// RFC 1123, section 2.1: the top label of a name is never a number, so
	// that 203.0.113.256 is a wrong address and no name. Resolvers read 0x7f
	// as a number too.
	if last := labels[len(labels)-1]; isNumber(last) {
		return "", errors.New("looks like an IPv4 address but is none: four numbers 0-255 without leading zeros")
	}
	return name, nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("is no host name: a label between dots is empty")
	case len(label) > 63:
		return errors.New("is no host name: a label is longer than 63 characters")
	case label[0] == '-' || label[len(label)-1] == '-':
		return errors.New("is no host name: a label begins or ends with a hyphen")
	}
	for i := range len(label) {
		c := label[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' {
			continue
		}
		return fmt.Errorf("is no host name: it holds %q; allowed are letters, digits, hyphens and dots", c)
	}
	return nil
}

func isNumber(label string) bool {
	digits := "0123456789"
	if rest, ok := strings.CutPrefix(label, "0x"); ok {
		label, digits = rest, "0123456789abcdef"
	}
	return strings.Trim(label, digits) == ""
}
