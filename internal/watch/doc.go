// Package watch is the watchdog: it pings every target at a rhythm, notices
// when one loses packets, and has the evidence made while it still does.
//
//	lists ──► targets ──► rhythm ──► echo (or the pool) ──► histories
//	                                                            │ a ping is missed
//	            first look, burst ◄── suspect ◄─────────────────┘
//	                   │ confirmed: 3 of 12, 6 of 300, latency, jitter, another path
//	                   ▼
//	               trouble ──► group ──► incident ──► state/, hooks ──► archive
//	                   └──► spool (its look's job) ──► run ──► report ──► archive
//
// A Watchdog has one loop, to which all state belongs. Everything that takes
// time runs beside it and leaves what it found in the mailbox: traces, bursts
// of pro-bing, snapshots of the host, and the stateWriter, so that neither a
// full disk nor a slow one keeps it from pinging.
//
// # What a target is
//
//	state        means                                        left when
//	new          not asked long enough                        it answers, or 20 pings are over
//	ok           answers                                      a ping is missed
//	suspect      a missed ping is being confirmed             its window holds no loss any more, or enough
//	lossy, slow  in an incident                               a clean minute; its incident stays open
//	silent       never answered: it may filter                it answers
//	paused       acknowledged maintenance: state/pause/       its time is over, or the file is gone
//	unresolved   its name has no address                      it has one
//
// # What an incident is
//
// Troubles whose losses share a place belong to one incident (group.go has
// the rule); it is open while any of them lasts and for five minutes after:
//
//	open ──► all members clean for a minute: recovered ──► quiet for five minutes: closed, archived, told
//	  ▲                                                │
//	  └──────────── one loses packets again ◄──────────┘  another episode
//
// While open it is state/incidents/<ULID>.json, written anew each second or
// so. A watchdog that starts finds it there: younger than ten minutes it goes
// on, else it is closed as interrupted.
//
// # What is no loss
//
// A stall of our own (SIGSTOP, a suspended machine): answers wait in the
// socket and are read before anything is called lost. An answer after its
// deadline: late, and told apart. Silence of a target that never answered.
// Silence of loopback or of the gateway makes the verdict that of this
// machine or its network.
package watch
