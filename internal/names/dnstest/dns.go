// Package dnstest is a DNS server on loopback that knows names of addresses,
// for tests. It answers PTR queries over UDP (RFC 1035, sections 3.3.12 and
// 4.1) with whatever bytes it was given, as a stranger's server may.
package dnstest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// A Server answers until Close.
type Server struct {
	conn net.PacketConn
	done sync.WaitGroup

	mu    sync.Mutex
	names map[string]string // by question: "5.0.18.198.in-addr.arpa"
	mute  bool
	asked int
}

// New begins to answer, on 127.0.0.1 at a free port.
func New() (*Server, error) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{conn: conn, names: map[string]string{}}
	s.done.Go(s.serve)
	return s, nil
}

// Addr is where it listens: "127.0.0.1:40053".
func (s *Server) Addr() string { return s.conn.LocalAddr().String() }

// Set gives an address a name: labels of any bytes but ".". An address
// without one does not exist.
func (s *Server) Set(a netip.Addr, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[question(a)] = name
}

// Mute says whether it keeps silent.
func (s *Server) Mute(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = yes
}

// Asked is how many queries came.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Close ends it.
func (s *Server) Close() error {
	err := s.conn.Close()
	s.done.Wait()
	return err
}

func (s *Server) serve() {
	b := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(b)
		if err != nil {
			return // closed
		}
		if out := s.answer(b[:n]); out != nil {
			_, _ = s.conn.WriteTo(out, from) // who is gone asks no more
		}
	}
}

const headerLen = 12

// answer makes the answer to a query; nil: none.
func (s *Server) answer(query []byte) []byte {
	if len(query) < headerLen {
		return nil
	}
	var labels []string
	at := headerLen
	for at < len(query) && query[at] != 0 {
		end := at + 1 + int(query[at])
		if end > len(query) {
			return nil
		}
		labels = append(labels, string(query[at+1:end]))
		at = end
	}
	at += 5 // the root, type, class
	if at > len(query) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.mute {
		return nil
	}
	name, ok := s.names[strings.ToLower(strings.Join(labels, "."))]
	out := append([]byte(nil), query[:at]...)
	flags, answers := uint16(0x8580), uint16(0) // an answer, authoritative
	if ok {
		answers = 1
	} else {
		flags |= 3 // no such name
	}
	binary.BigEndian.PutUint16(out[2:], flags)
	binary.BigEndian.PutUint16(out[4:], 1)
	binary.BigEndian.PutUint16(out[6:], answers)
	binary.BigEndian.PutUint32(out[8:], 0)
	if !ok {
		return out
	}
	var data []byte
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		label = label[:min(len(label), 63)]
		data = append(append(data, byte(len(label))), label...)
	}
	data = append(data, 0)
	out = append(out, 0xc0, headerLen, 0, 12, 0, 1, 0, 0, 0, 60) // the name asked for, PTR, IN, 60 s
	out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
	return append(out, data...)
}

// question is what is asked to find the name of an address.
func question(a netip.Addr) string {
	var labels []string
	b := a.AsSlice()
	for i := len(b) - 1; i >= 0; i-- {
		if a.Is4() {
			labels = append(labels, strconv.Itoa(int(b[i])))
			continue
		}
		const hex = "0123456789abcdef"
		labels = append(labels, hex[b[i]&15:b[i]&15+1], hex[b[i]>>4:b[i]>>4+1])
	}
	if a.Is4() {
		return strings.Join(labels, ".") + ".in-addr.arpa"
	}
	return strings.Join(labels, ".") + ".ip6.arpa"
}
