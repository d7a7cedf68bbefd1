// Package trace runs one job: it sends probes to every TTL of the path to
// a target, round after round, and says what it saw as events.
//
// A trace has two parts. The first look is three waves over the whole
// path, sent at once however many traces there are:
//
//	wave 1    one probe to the target and one to each TTL 1..L+2, L being
//	          the remembered length; without memory TTL 1..16, then on
//	          until 5 silent TTLs in a row
//	wave 2    150 ms after wave 1 has left, over what is known by then
//	wave 3    300 ms after it
//
// The long look follows in one of N slots: a round over the path once an
// interval and five probes to the target itself, until the target has
// been clean for a while (machine.stop has the rule).
//
// What to send when, and when to stop, is decided by a machine without
// clock, network or goroutines; Tracer gives it all three. A machine is
// told what became of its probes and asked what to send next:
//
//	Tracer.Trace ── step(now) ──► asks ──► probe.Scheduler
//	     ▲                                      │
//	     └──── sent / done ◄──── results ◄──────┘
//
// Nothing here looks up the name or the AS of a router.
package trace
