// Package cases holds traces of which it is known what was wrong: events as
// a trace writes them, and beside them the truth. Verdicts are measured by
// them.
//
// A Case comes from the lab (real traces over a simulated network, made by
// internal/lab/corpus and kept in report/testdata/corpus) or from Draw, which
// simulates network and trace without sending a packet: 500 in a second, anew
// from every seed. DrawIncidents does the same with many targets. Score compares
// verdicts with the truth.
//
// What is right is decided from the truth and from how much the trace could
// see of it, never from what the verdict's own code says:
//
//	packets of the target lost by the network   the right class is
//	none                                        clean, or what the scenario is (path-changed, latency, …);
//	                                            rate-limit-only where chance does not explain what a router holds back
//	one, or no more than 0.1 % would explain     not-proven
//	more                                        real-loss, own-network on the first link
//
// Where a trace saw too little for the right answer, Label.Also has what is
// right, too; it never has a loss where there was none.
package cases
