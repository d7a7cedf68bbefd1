package probe

import (
	"fmt"
	"net/netip"
	"time"
)

// Sizes of a whole IP packet, bytes: headers of IP and ICMP or UDP, and
// mtr-packet's buffer.
const (
	minSize4 = 20 + 8
	minSize6 = 40 + 8
	maxSize  = 9000
)

// maxDeadline is how long mtr-packet waits for an answer.
const maxDeadline = time.Second

// check says in words why no such packet can be sent, or nil.
func (s *Spec) check() error {
	fault := ""
	switch least := minSize(s.Addr); {
	case !s.Addr.IsValid(), s.Addr.Is4In6():
		fault = "no address to send to"
	case s.Addr.Zone() != "":
		fault = "mtr-packet knows no zones in IPv6 addresses"
	case s.Addr.IsUnspecified(), s.Addr.IsMulticast():
		fault = "not the address of one machine"
	case s.TTL == 0:
		fault = "a TTL of 0 does not leave the machine"
	case s.Protocol != ICMP && s.Protocol != UDP && s.Protocol != TCP:
		fault = fmt.Sprintf("protocol %q is none of icmp, udp, tcp", s.Protocol)
	case s.Protocol != ICMP && (s.Port < 1 || s.Port > 65535):
		fault = fmt.Sprintf("%s needs a port from 1 to 65535, not %d", s.Protocol, s.Port)
	case s.Protocol == ICMP && s.Port != 0:
		fault = "icmp has no ports"
	case s.Size != 0 && s.Protocol != TCP && (s.Size < least || s.Size > maxSize):
		fault = fmt.Sprintf("size %d is not from %d to %d", s.Size, least, maxSize)
	case s.Source.IsValid() && (s.Source.Is4() != s.Addr.Is4() || s.Source.Is4In6() || s.Source.Zone() != ""):
		fault = fmt.Sprintf("source %s is not of the target's family", s.Source)
	}
	if fault == "" {
		return nil
	}
	return fmt.Errorf("send %s probe to %s: %s: %w", s.Protocol, s.Addr, fault, ErrInvalid)
}

func minSize(a netip.Addr) int {
	if a.Is4() {
		return minSize4
	}
	return minSize6
}

// checkFeatures says which feature of mtr-packet the packet lacks, or nil.
func (s *Spec) checkFeatures(f *Features) error {
	family := "ip-4"
	if s.Addr.Is6() {
		family = "ip-6"
	}
	for _, need := range [...]string{family, string(s.Protocol)} {
		if !f.Has(need) {
			return fmt.Errorf("send %s probe to %s: mtr-packet %s has no %s on this machine: %w",
				s.Protocol, s.Addr, f.Version, need, ErrInvalid)
		}
	}
	return nil
}

// check says what is wrong with a request, or nil.
func (r *Request) check() error {
	switch {
	case r.Class > Baseline:
		return fmt.Errorf("send probe to %s: no class %d: %w", r.Addr, r.Class, ErrInvalid)
	case r.Deadline <= 0 || r.Deadline > maxDeadline:
		return fmt.Errorf("send probe to %s: deadline %s is not from 0 to %s: %w", r.Addr, r.Deadline, maxDeadline, ErrInvalid)
	}
	return r.Spec.check()
}
