// Package hook tells people when an incident opens, when it has become much
// larger than they were told, and when it closes: it runs a command, or sends
// an HTTP POST.
//
// Send makes one message per hook, incident and event. It goes into the lane
// of its hook, which delivers one message at a time; a hook that is dead never
// delays another. Within a lane the messages of one incident keep their order:
// the close waits until the open is delivered or given up.
//
//	what came of an attempt           what becomes of the message
//	exit 0, 2xx                       delivered
//	4xx but 408, 425, 429             refused: said in the log, gone
//	no connection, no such program,   the whole lane waits: nobody is there
//	  429, 503
//	anything else                     it waits by itself, the lane a moment too
//	mtrq ends meanwhile               kept, as if it had not been tried
//	waits for 24 h                    given up: said in the log, gone
//	1000 younger ones wait            dropped: counted, said in the log once
//
// Waits are 1 s, doubling to 60 s, with jitter; a Retry-After may make one
// longer, up to an hour.
//
// A message that waits is a file in the queue directory, as far as the disk
// lets, and is delivered after a restart. Its file goes when it is delivered,
// so it comes twice only where mtrq or the machine died between the two. It
// then has the same id: in the body, in the header Idempotency-Key, in
// MTRQ_HOOK_ID. A hook is known by its command or URL: messages for one that
// the configuration no longer has are dropped.
//
// The body, for a POST and for the standard input of a command, is a Message
// in JSON, or what the hook's template (text/template) makes of a Message:
//
//	{"text": {{json .Sentence}}, "url": {{json .Link}}}
//
// Further functions are urlquery and those of text/template. What comes from
// strangers (names of targets, and the sentence with them) has no control
// characters, but may hold quotes: write json around it. The template is read
// once, at the start.
//
// A command runs without shell in "/", with PATH, LANG, HOME, MTRQ_HOOK_ID and
//
//	MTRQ_EVENT     incident-open, incident-grown (for hooks on incident-open, at most once), incident-close
//	MTRQ_INCIDENT  its ID
//	MTRQ_NODE      name of this node
//	MTRQ_VERDICT   the sentence
//	MTRQ_LINK      page of the incident; empty: nobody said where pages are
//	MTRQ_TARGETS   the first 20 targets, a space between; only A-Z a-z 0-9 . : _ - in them
//
// It is a process group of its own and has none of the rights to send probes.
// What runs too long gets a TERM and a second later a KILL, as a group; what a
// command leaves running in its group is killed when it ends.
package hook
