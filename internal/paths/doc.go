// Package paths remembers what the path to each target is usually like:
// the addresses at every TTL, how many of the probes each of them answers,
// how fast, and at which TTL the target itself answers.
//
// It is fed one probe at a time, by rounds every few minutes and by first
// looks, and tells when the routers are others than usual. It survives
// restarts in a file, and it is bounded: a target that nobody has noted for
// longest is forgotten first.
//
// What an answer means depends on what is known of its TTL:
//
//	answer by                  and the TTL is known for      it is
//	an address known there     -                             as usual; whatever else was seen there since is one
//	                                                         more equal-cost member
//	another address            few answers yet               a newcomer: learned at once
//	another address            more than four members        a newcomer: such a hop never says that anything changed
//	another address            long the same members         a stranger
//	any router                 silence                       a newcomer: a silent router spoke
//	any newcomer               while there are strangers     a companion: part of the new path if that holds, else learned
//	a router                   the target, or lies behind    a stranger: the path is longer
//	the target                 a router, or silence on a     a stranger: the path is shorter
//	                           path of known length
//	the target                 lies behind the target        nothing new
//	"unreachable" of a router  something else                nothing: it stands there or nearer
//	nobody                     -                             a lost probe; says nothing of the path
//
// "Long the same" is ten answers (Memory.Steady) for each member without
// another one between them: by then, one more of several equal-cost routers
// that share the probes evenly has stayed hidden in less than 1 of 1,000
// cases. With a round every five minutes that is 50 minutes for a hop with
// one router.
//
// Two strangers in a row at one TTL, or one each at two TTLs that follow
// each other, make a Change. It ends when the usual routers answer again,
// and it becomes what is usual once it has held for Memory.Settle.
// Strangers are not kept across restarts: the next rounds find them again.
package paths
