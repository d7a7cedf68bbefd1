package storm

import "net/netip"

// A hopName says which hop is meant outside of one index: an address, or the
// quiet-th silent hop after it. This machine has neither.
type hopName struct {
	addr  netip.Addr
	quiet int
}

// A placeName says which place is meant outside of one index.
type placeName struct {
	from, to hopName
	router   bool // to itself, whatever link leads there; of this machine, the machine
}

func (x *index) name(p int32) placeName {
	l := x.places[p]
	if l.from < 0 {
		return placeName{to: x.nodes[l.to].name, router: true}
	}
	return placeName{from: x.nodes[l.from].name, to: x.nodes[l.to].name}
}

// names are all places that the path of the only target may have, in
// whatever index they were found.
func (x *index) names() []placeName {
	if !x.known(0) {
		return nil
	}
	out := []placeName{{router: true}}
	for _, p := range x.edges(0) {
		if p >= 0 {
			out = append(out, x.name(p), placeName{to: x.nodes[x.places[p].to].name, router: true})
		}
	}
	return out
}
