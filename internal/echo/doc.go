// Package echo sends thousands of ICMP echo requests a second, through one
// socket a family, for whoever has to know of each what became of it.
//
// It has no goroutine and no timer: its caller's loop says Send when pings
// are due and Poll every few milliseconds. All a Pinger knows of the network
// is what the kernel kept for it: answers, ICMP errors, the time at which
// each arrived, and how many found no room. So a process that was stopped
// for half a minute and then calls Poll misses nothing.
//
// What becomes of a ping (the last line is the only one that may follow
// another):
//
//	found                                                outcome
//	answer that arrived by the deadline, however late    Reply
//	it is read
//	ICMP error of a router, by the deadline              Unreachable, From is the router
//	the kernel has no way there                          NoRoute
//	nothing, and nothing was dropped at the socket       Lost
//	nothing, but packets were dropped at the socket      Unknown
//	since it left
//	the kernel did not take it, for 100 ms or for good   Unknown, Err says why
//	answer, but the clock was stepped so that nobody     Unknown
//	can say whether in time
//	answer up to 2 s after the deadline                  Lost, then Late
//
// An answer is a ping's own when it repeats 64 random bits of it and comes
// from the address that was asked. What else arrives is counted as foreign.
// Sequence numbers stay below 32,768: mtr-packet, which matches answers by
// identifier and sequence alone, uses 33,000 and more, so the two can never
// take each other's.
package echo
