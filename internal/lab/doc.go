// Package lab makes private networks in which everything else is proven: real probers, real sockets, and a network
// whose loss, delay and paths are known, because it is the lab that causes them.
//
// A Net is a simulated network of hundreds to thousands of targets. A program in its namespace sees one layer 3
// device; what it sends is read by this process, which decides what routers and lines would have done, writes the
// answers when they are due and logs the truth. A Chain is a row of real Linux routers, for what a simulation
// would only repeat of our own beliefs.
//
// Both live in unnamed network namespaces without a way out, held by file descriptors: when the process ends, however
// it ends, nothing is left. They need root or a user namespace; TestMain and Need see to that:
//
//	func TestMain(m *testing.M) { os.Exit(lab.TestMain(m)) }
//
//	func TestLossIsSeen(t *testing.T) {
//		lab.Need(t, "mtr")
//		n, err := lab.Start(lab.Config{Targets: 20, Seed: 1})
//		if err != nil {
//			t.Fatal(err)
//		}
//		defer n.Close()
//		target := n.Target(7)                                  // addresses, path, round trip at each TTL
//		undo := n.Loss(target.Link(5), lab.Forward, 30)        // 30 % on the link into its fifth router
//		out, err := n.Space().Command(t.Context(), "mtr", "-n", "-r", "-c", "10", target.Addr4.String()).Output()
//		undo()
//		tally := n.Truth().Toward(7, lab.Window{})             // what really happened
//		...
//	}
//
// Code of the test itself probes from inside through Space.Do: sockets that are opened there stay there.
//
// The engine's two threads run in the test's process, with real-time priority where that is allowed, but a busy Go
// program can keep them from running for some milliseconds. Where microseconds matter, run the prober as a child
// process, or the whole network in a process of its own with the program mtrq-lab.
//
// # Semantics
//
// A link is lossy or slow in either direction; the answer comes back over the links that the probe took. What
// becomes of a probe is decided at once when it is read, so a change of the network does not touch what is in the air.
// A router limits its ICMP errors, not its echo replies. Silent routers forward; black holes answer for themselves.
// Closed UDP ports give port unreachable, closed TCP ports a reset, and 80 and 443 are open. Packets in
// fragments are logged and dropped. A probe to an address that nobody has is answered by the gateway: net unreachable.
package lab
