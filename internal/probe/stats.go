package probe

// Stats is what a scheduler has done since it was made, and what it is doing.
type Stats struct {
	Processes int               // mtr-packet processes that run
	InFlight  int               // probes that mtr-packet still waits for
	Waiting   int               // requests that wait for their turn at a router
	Queued    [Baseline + 1]int // requests that wait for budget, by class

	Started  uint64 // processes
	Restarts uint64 // processes that died or were killed, and were replaced

	Sent     uint64 // probes handed to mtr-packet
	Answered uint64 // in time
	Lost     uint64 // no answer in time
	Late     uint64 // of the lost: answered after all
	Unsent   uint64 // never left, or nobody can say
	Foreign  uint64 // of the unsent: answers from a foreign address
	Garbage  uint64 // lines of mtr-packet that are no answers
	Stalls   uint64 // times that this process was kept from running

	Features Features // as the last process said
	Err      error    // why no process runs and probes are not sent, or nil
}
