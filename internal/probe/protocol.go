package probe

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// answer is one line that mtr-packet wrote:
//
//	17 ttl-expired ip-4 198.51.100.1 round-trip-time 1634 mpls 24001,0,1,1
//
// mtr-packet(8), REPLIES.
type answer struct {
	token uint32
	kind  answerKind
	from  netip.Addr    // reply, expired, and noRoute where a router said so
	rtt   time.Duration // beside from; negative where the clock was stepped
	mpls  []Label
	errno int    // errno
	text  string // feature: its value; invalid: the reason, where one is given
}

type answerKind uint8

const (
	answerReply answerKind = iota + 1
	answerExpired
	answerNoReply
	answerNoRoute
	answerNetworkDown
	answerExhausted
	answerDenied
	answerInvalid
	answerAddress // the local address or port cannot be had
	answerErrno
	answerFeature
)

// answerKinds holds the names of 0.87 to 0.96: 0.96 splits no-route in two
// and adds host-down and (so spelled) wait-tcp-respone-timeout.
var answerKinds = map[string]answerKind{
	"reply":                    answerReply,
	"ttl-expired":              answerExpired,
	"no-reply":                 answerNoReply,
	"wait-tcp-respone-timeout": answerNoReply,
	"no-route":                 answerNoRoute,
	"no-route-host":            answerNoRoute,
	"no-route-network":         answerNoRoute,
	"host-down":                answerNoRoute,
	"network-down":             answerNetworkDown,
	"probes-exhausted":         answerExhausted,
	"permission-denied":        answerDenied,
	"invalid-argument":         answerInvalid,
	"address-in-use":           answerAddress,
	"address-not-available":    answerAddress,
	"unexpected-error":         answerErrno,
	"feature-support":          answerFeature,
}

// maxLabels bounds an MPLS stack: mtr-packet decodes 8.
const maxLabels = 32

var errAnswer = errors.New("not an answer of mtr-packet")

// parseAnswer reads one line without its newline. Beside an error the answer
// is zero.
func parseAnswer(line []byte) (answer, error) {
	word, rest := cutWord(line)
	token, err := strconv.ParseUint(string(word), 10, 31)
	if err != nil || token == 0 {
		// Token 0 is mtr-packet's complaint about a line of ours.
		return answer{}, fmt.Errorf("%w: token in %.80q", errAnswer, line)
	}
	word, rest = cutWord(rest)
	a := answer{token: uint32(token), kind: answerKinds[string(word)]}
	if a.kind == 0 {
		return answer{}, fmt.Errorf("%w: unknown word in %.80q", errAnswer, line)
	}
	hasRTT := false
	for {
		var name, value []byte
		if name, rest = cutWord(rest); len(name) == 0 {
			break
		}
		if value, rest = cutWord(rest); len(value) == 0 {
			return answer{}, fmt.Errorf("%w: name without value in %.80q", errAnswer, line)
		}
		var ok bool
		switch string(name) {
		case "ip-4", "ip-6":
			a.from, ok = parseFrom(value, name[3])
		case "round-trip-time":
			a.rtt, ok = parseRTT(value)
			hasRTT = ok
		case "mpls":
			a.mpls, ok = parseMPLS(value)
		case "errno":
			a.errno, err = strconv.Atoi(string(value))
			ok = err == nil
		case "support", "reason":
			a.text, ok = string(value), true
		default:
			ok = true
		}
		if !ok {
			return answer{}, fmt.Errorf("%w: %s in %.80q", errAnswer, name, line)
		}
	}
	switch a.kind {
	case answerReply, answerExpired:
		if !a.from.IsValid() || !hasRTT {
			return answer{}, fmt.Errorf("%w: no address or time in %.80q", errAnswer, line)
		}
	case answerNoRoute:
		if a.from.IsValid() != hasRTT {
			return answer{}, fmt.Errorf("%w: address without time in %.80q", errAnswer, line)
		}
	case answerFeature:
		if a.text == "" {
			return answer{}, fmt.Errorf("%w: no value in %.80q", errAnswer, line)
		}
	}
	return a, nil
}

func cutWord(b []byte) (word, rest []byte) {
	b = bytes.TrimLeft(b, " \t\r")
	if i := bytes.IndexAny(b, " \t\r"); i >= 0 {
		return b[:i], b[i:]
	}
	return b, nil
}

func parseFrom(b []byte, family byte) (netip.Addr, bool) {
	a, err := netip.ParseAddr(string(b))
	if err != nil || a.Zone() != "" || a.Is4() != (family == '4') {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// parseRTT reads microseconds. 0.95 writes them signed, 0.96 unsigned: after
// a step of the clock they are negative or huge.
func parseRTT(b []byte) (time.Duration, bool) {
	us, err := strconv.ParseInt(string(b), 10, 33)
	if err != nil {
		return 0, false
	}
	return time.Duration(us) * time.Microsecond, true
}

// parseMPLS reads label,tc,s,ttl for each entry of the stack.
func parseMPLS(b []byte) ([]Label, bool) {
	var labels []Label
	limits := [4]uint64{1<<20 - 1, 7, 1, 255}
	var entry [4]uint64
	for field := 0; ; field++ {
		part, rest, more := bytes.Cut(b, []byte{','})
		v, err := strconv.ParseUint(string(part), 10, 32)
		if err != nil || v > limits[field%4] {
			return nil, false
		}
		entry[field%4] = v
		if field%4 == 3 {
			if len(labels) == maxLabels {
				return nil, false
			}
			labels = append(labels, Label{
				Label: uint32(entry[0]), TC: uint8(entry[1]), S: entry[2] == 1, TTL: uint8(entry[3]),
			})
		}
		if !more {
			return labels, field%4 == 3
		}
		b = rest
	}
}

// appendProbe writes the line that sends a probe. The timeout is always one
// second: with two, sixteen processes run out of places at 8,000 silent
// probes a second. source is always given: mtr-packet 0.95 looks for one
// itself otherwise, with four system calls a probe, calls a missing route an
// invalid argument and dies of a route of type unreachable.
func appendProbe(b []byte, token uint32, s *Spec, source netip.Addr) []byte {
	family := byte('4')
	if s.Addr.Is6() {
		family = '6'
	}
	b = strconv.AppendUint(b, uint64(token), 10)
	b = append(b, " send-probe ip-"...)
	b = append(b, family, ' ')
	b = s.Addr.AppendTo(b)
	b = append(b, " local-ip-"...)
	b = append(b, family, ' ')
	b = source.AppendTo(b)
	b = append(b, " timeout 1 ttl "...)
	b = strconv.AppendUint(b, uint64(s.TTL), 10)
	b = append(b, " protocol "...)
	b = append(b, s.Protocol...)
	if s.Protocol != ICMP {
		b = append(b, " port "...)
		b = strconv.AppendInt(b, int64(s.Port), 10)
	}
	if s.Protocol == UDP && family == '4' {
		b = append(b, " local-port "...)
		b = strconv.AppendInt(b, int64(flowPort(s.Addr)), 10)
	}
	if s.Size > 0 && s.Protocol != TCP {
		b = append(b, " size "...)
		b = strconv.AppendInt(b, int64(s.Size), 10)
	}
	if s.TOS > 0 {
		b = append(b, " tos "...)
		b = strconv.AppendUint(b, uint64(s.TOS), 10)
	}
	return append(b, '\n')
}

// appendBurn writes a line that makes mtr-packet pass over one sequence
// number: the probe gets its number before its address is found to be none.
func appendBurn(b []byte, f Features) []byte {
	b = strconv.AppendUint(b, tokenBurn, 10)
	if !f.Has("ip-4") {
		return append(b, " send-probe ip-6 0\n"...)
	}
	return append(b, " send-probe ip-4 0\n"...)
}

// Tokens below tokenProbes are for questions, not for probes.
const (
	tokenBurn   = 1
	tokenBeat   = 2
	tokenAsk    = 10 // and one for each feature
	tokenProbes = 1 << slotBits
)

// flowPort is the source port of UDP probes over IPv4: the same for one
// target always, so that all its probes are one flow and take one path (with
// both ports given the sequence goes into the checksum). It lies below what
// mtr-packet uses as sequence numbers, and below Linux's ephemeral ports.
func flowPort(a netip.Addr) int {
	h := uint32(2166136261)
	for _, c := range a.As16() {
		h = (h ^ uint32(c)) * 16777619
	}
	return 20000 + int(h%12000)
}
