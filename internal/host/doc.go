// Package host reads the machine's own state: links, default routes,
// neighbours, resolvers, clock, load, counters of faults. An incident
// keeps one snapshot of its beginning and one of its end, so that a fault of
// this machine is not taken for one of a carrier's.
//
// What belongs to a network namespace is asked for on a thread inside of it:
// links, routes and neighbours through rtnetlink (rtnetlink(7)), counters
// through /proc/thread-self/net. /sys/class/net is of no use for that: it
// shows the namespace in which it was mounted.
//
// What cannot be read is absent. A snapshot runs no program and takes about
// a millisecond on a machine with a few links; what the kernel may have
// a million of (routes, neighbours) is read up to a bound.
package host
