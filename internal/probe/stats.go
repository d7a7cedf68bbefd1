package probe

// Stats is what a scheduler has done since it was made, and what it is doing.
type Stats struct {
	Processes int               // mtr-packet processes that run
	InFlight  int               // probes that mtr-packet still waits for
	Waiting   int               // requests that wait for their turn at a router
	Queued    [Baseline + 1]int // requests that wait for budget, by class

	Started  int // processes
	Restarts int // processes that died or were killed, and were replaced

	Sent     int // probes handed to mtr-packet
	Answered int // in time
	Lost     int // no answer in time
	Late     int // of the lost: answered after all
	Unsent   int // never left, or nobody can say
	Foreign  int // of the unsent: answers from a foreign address
	Garbage  int // lines of mtr-packet that are no answers
	Stalls   int // times that this process was kept from running

	Features Features // as the last process said
	Err      error    // why no process runs and probes are not sent (ErrUnable), or nil
}
