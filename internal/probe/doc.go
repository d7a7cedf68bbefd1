// Package probe sends single packets through mtr-packet, in order and at a
// pace, and says what became of each.
//
// A Scheduler has one loop, to which all state belongs:
//
//	Submit ─► inbox ─┬────────────────► order ─► budgets ─► pool ─► mtr-packet …
//	                 └─► streams ───────┘                    │
//	                     (LongLook, Baseline with a Router)  └─► answers ─► inbox ─► Done
//
// What a request comes to:
//
//	what happens                                    OnSent  Done
//	the target answers within the deadline          yes     Reply
//	a router says: TTL exceeded                     yes     Expired
//	a router, or a firewall, says: unreachable      yes     Unreachable
//	no answer, mtr-packet running all the while     yes     Lost
//	an answer after that (mtr-packet waits 1 s)     yes     Lost, Late
//	this machine has no route, or its network is
//	down: found here or by mtr-packet               yes     NoRoute
//	mtr-packet died, hung or babbled                maybe   Unsent, ErrProcess
//	we or mtr-packet were kept from running, and
//	the answer came too late or not at all          yes     Unsent, ErrStalled
//	an echo reply from another address              yes     Unsent, ErrForeign
//	refused: EPERM, EMSGSIZE, ENOBUFS …             yes     Unsent, ErrPermission, ErrInvalid, ErrSystem
//	no such packet, or not by this mtr-packet       no      Unsent, ErrInvalid
//	no mtr-packet, or it may not open its sockets   no      Unsent, ErrMissing, ErrPermission, and ErrUnable
//	mtr-packet fails at each start                  no      Unsent, ErrProcess and ErrUnable
//	cancelled before it left                        no      Unsent, ErrCancelled
//	Run ended                                       maybe   Unsent, ErrStopped
//
// OnSent and Done are called by the loop, one at a time; they may call any
// method of the Scheduler. Silence becomes Lost only when mtr-packet has
// shown a sign of life after the deadline: silence of a stopped process is
// not that of a line.
//
// Things of mtr-packet 0.95 that shape this package, all seen in tests here:
// it dies of a route of type unreachable and calls a missing route an invalid
// argument when it has to find the source address itself, so the source is
// always given; UDP over IPv6 with both ports given is never matched with its
// answer, so there the source port varies; answers to TCP are matched by
// number alone across processes, and UDP answers are dropped when their port
// is a number in use (process.go).
package probe
