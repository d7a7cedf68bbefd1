// Package spool is the durable job directory of mtrq: senders put jobs in,
// one runner takes them out. It touches only the directory that it was given.
//
//	drop/   requests from strangers, any file name; not accepted into the spool yet
//	tmp/    being written; nothing here was ever acknowledged
//	new/    accepted: <ULID>.job, <ULID>.batch; <ULID>.<n>.job: in hand when n runners died
//	cur/    claimed by the runner, and what their traces saw: <ULID>.events
//	bad/    what could not be read or run, each with <name>.reason beside it
//	state/  what the runner says of itself, replaced whole, not durable
//
// A sender calls Submit, SubmitBatch or, without rights on new/, SubmitDrop. The runner
// calls Lock, Recover, then Claim whenever Watch hints; it appends events to each Claim,
// writes the report to its archive and calls Finish. Every accepted job is
// named in exactly one report or lies in bad/ with a reason.
//
// # Order of steps
//
//	submit   write tmp/A, sync and close it; rename to new/A; sync new/, tmp/; say so
//	claim    rename new/A to cur/A; sync cur/, new/; trace
//	join     write "join B" to cur/A.events; the report of A names B, too; finish A; finish B
//	finish   (report durable) unlink cur/A.events; unlink cur/A
//	return   unlink cur/A.events; rename cur/A to new/A
//	bad      write bad/A.reason; rename cur/A to bad/A; rename its events
//	drop     copy drop/x to tmp/A.intake; rename to new/A; sync new/, tmp/; unlink drop/x; sync drop/; only then claim A
//
// Of two names of a rename a power cut leaves the old, the new, or (btrfs) both, and
// never neither; an unlink without a sync may be undone. Hence more rows than the steps alone would make.
//
// # Recovery
//
// Plan decides by the names found, whether the events of a job hold a
// probe ("sent"), whether those of another say that it joined its trace
// ("joined-M-L": M joined L), and whether the archive has its report ("reported"). A is a job;
// B is a batch of the jobs L and M. What is not mentioned on the right stays. What lies in
// drop/ decides nothing here: a claim looks whether the file that its job came from is still there.
// The tests read this table and run it row by row.
//
//	found                                                   | meaning                                        | recovery
//	--------------------------------------------------------+------------------------------------------------+---------
//	tmp/A.job                                               | never acknowledged, its sender is gone         | remove tmp/A.job
//	tmp/A.job fresh                                         | its sender may be at work                      | keep
//	tmp/x.part                                              | not ours, or torn                              | remove tmp/x.part
//	tmp/A.job.reason                                        | died while putting A into bad/                 | remove tmp/A.job.reason
//	new/A.job                                               | queued                                         | keep
//	new/A.1.job                                             | queued, a runner died before its probe         | keep
//	drop/A.job                                              | not taken in yet                               | keep
//	drop/A.job tmp/A.intake                                 | died while taking it in                        | remove tmp/A.intake
//	drop/A.job tmp/A.intake fresh                           | the same: nobody but the dead runner wrote it  | remove tmp/A.intake
//	drop/A.job tmp/A.intake new/A.job                       | half-done move into new/                       | remove tmp/A.intake
//	drop/A.job new/A.job                                    | taken in, not removed from drop/ yet           | keep
//	drop/A.job cur/A.job                                    | the same, claimed; a look into drop/ is next   | move cur/A.job new/A.1.job
//	drop/A.job new/A.1.job                                  | the same, recovered                            | keep
//	tmp/A.intake fresh                                      | its file was taken back                        | remove tmp/A.intake
//	tmp/A.job new/A.job                                     | half-done submit                               | remove tmp/A.job
//	tmp/A.job fresh new/A.job                               | submit by link and unlink, under way           | remove tmp/A.job
//	tmp/A.job cur/A.job                                     | a claim overtook the sender's sync             | move cur/A.job new/A.1.job; remove tmp/A.job
//	tmp/A.job cur/A.job cur/A.events sent-A                 | the same, and it was traced                    | report A cur/A.job; remove tmp/A.job
//	tmp/A.job reported-A                                    | the same, and it was finished                  | remove tmp/A.job
//	new/A.job cur/A.job                                     | half-done claim                                | move cur/A.job new/A.1.job; remove new/A.job
//	new/A.1.job cur/A.1.job                                 | half-done second claim                         | move cur/A.1.job new/A.2.job; remove new/A.1.job
//	cur/A.job                                               | runner died before a probe                     | move cur/A.job new/A.1.job
//	cur/A.job cur/A.events                                  | the same, a start line written                 | remove cur/A.events; move cur/A.job new/A.1.job
//	cur/A.1.job                                             | and once before                                | move cur/A.1.job new/A.2.job
//	cur/A.2.job                                             | and twice before                               | bad cur/A.2.job bad/A.2.job
//	cur/A.job cur/A.events sent-A                           | runner died while tracing                      | report A cur/A.job
//	cur/A.2.job cur/A.events sent-A                         | the same at the last attempt                   | report A cur/A.2.job
//	cur/A.job cur/A.events sent-A reported-A                | died between report and finish                 | remove cur/A.events; remove cur/A.job
//	cur/A.job reported-A                                    | half-done finish                               | remove cur/A.job
//	cur/A.events reported-A                                 | half-done finish, an unlink undone             | remove cur/A.events
//	cur/A.events                                            | half-done return                               | remove cur/A.events
//	cur/A.events sent-A                                     | evidence without its job                       | bad cur/A.events bad/A.events
//	new/A.job reported-A                                    | claim and finish, the claim undone             | remove new/A.job
//	new/A.job cur/A.job reported-A                          | the same, half undone                          | remove cur/A.job; remove new/A.job
//	new/A.job cur/A.events sent-A                           | given with events, runner died before the claim| move new/A.job cur/A.job; report A cur/A.job
//	new/A.job cur/A.job cur/A.events sent-A                 | half-done claim, traced                        | remove new/A.job; report A cur/A.job
//	new/A.1.job cur/A.job                                   | half-done recovery                             | remove cur/A.job
//	new/A.job new/A.1.job                                   | claim undone, then recovered                   | remove new/A.job
//	bad/A.job bad/A.job.reason                              | put aside                                      | keep
//	bad/A.job                                               | its reason was lost                            | explain bad/A.job
//	bad/A.job.reason cur/A.job                              | died while putting A into bad/                 | move cur/A.job new/A.1.job; remove bad/A.job.reason
//	bad/A.2.job.reason cur/A.2.job                          | the same at the last attempt                   | bad cur/A.2.job bad/A.2.job
//	bad/A.events.reason cur/A.events sent-A                 | the same, evidence without its job             | bad cur/A.events bad/A.events
//	bad/B.batch.reason new/B.batch unreadable-B             | the same, a batch                              | bad new/B.batch bad/B.batch
//	bad/A.job bad/A.job.reason cur/A.job                    | half-done move to bad/                         | remove cur/A.job
//	bad/A.job bad/A.job.reason cur/A.events sent-A          | died before the events followed                | move cur/A.events bad/A.events
//	bad/A.job bad/A.job.reason bad/A.events cur/A.events sent-A | their half-done move                       | remove cur/A.events
//	bad/A.events bad/A.events.reason cur/A.events sent-A    | half-done move of evidence without its job     | remove cur/A.events
//	bad/A.job bad/A.job.reason tmp/A.job                    | half-done move from tmp/                       | remove tmp/A.job
//	bad/A.foreign bad/A.foreign.reason                      | a stranger's file                              | keep
//	bad/A.events bad/A.events.reason                        | evidence put aside                             | keep
//	bad/A.job.reason                                        | its file was taken away                        | remove bad/A.job.reason
//	cur/L.job cur/L.events sent-L cur/M.job joined-M-L      | runner died while tracing for both             | report L cur/L.job; report M cur/M.job with L
//	cur/L.job cur/L.events sent-L new/M.job joined-M-L      | the same, the claim of M undone                | report L cur/L.job; move new/M.job cur/M.job; report M cur/M.job with L
//	cur/L.job cur/L.events cur/M.job joined-M-L             | runner died before a probe                     | remove cur/L.events; move cur/L.job new/L.1.job; move cur/M.job new/M.1.job
//	cur/L.job cur/L.events sent-L reported-L cur/M.job joined-M-L reported-M | died between report and finish | remove cur/L.events; remove cur/L.job; remove cur/M.job
//	cur/L.job cur/L.events sent-L reported-L cur/M.job joined-M-L | the report does not name M               | remove cur/L.events; remove cur/L.job; move cur/M.job new/M.1.job
//	cur/L.events sent-L cur/M.job joined-M-L                | evidence without its job                       | bad cur/L.events bad/L.events; move cur/M.job new/M.1.job
//	bad/L.job bad/L.job.reason cur/L.events sent-L cur/M.job joined-M-L | put aside, its events follow       | move cur/L.events bad/L.events; move cur/M.job new/M.1.job
//	cur/M.job cur/M.events sent-M joined-M-L cur/L.job cur/L.events sent-L | M has a trace of its own        | report L cur/L.job; report M cur/M.job
//	tmp/B.batch                                             | never acknowledged                             | remove tmp/B.batch
//	new/B.batch                                             | queued                                         | keep
//	new/B.batch unreadable-B                                | no END line: nothing of it was accepted        | bad new/B.batch bad/B.batch
//	cur/B.batch                                             | runner died before a probe                     | move cur/B.batch new/B.1.batch
//	cur/B.batch cur/L.events                                | the same, a start line written                 | remove cur/L.events; move cur/B.batch new/B.1.batch
//	cur/B.2.batch                                           | for the third time                             | bad cur/B.2.batch bad/B.2.batch
//	cur/B.2.batch cur/L.events sent-L                       | the same, but L was traced                     | move cur/B.2.batch new/B.2.batch; report L new/B.2.batch
//	cur/B.batch cur/L.events sent-L                         | L was traced, M not: no attempt                | move cur/B.batch new/B.batch; report L new/B.batch
//	new/B.batch cur/B.batch cur/L.events sent-L             | half-done claim, L was traced                  | remove cur/B.batch; report L new/B.batch
//	new/B.batch cur/L.events sent-L                         | put back by recovery, which then died          | report L new/B.batch
//	cur/B.batch cur/L.events sent-L reported-M              | L was traced, M is done                        | report L cur/B.batch
//	cur/B.batch cur/L.events sent-L joined-M-L              | M joined L                                     | report L cur/B.batch; report M cur/B.batch with L
//	cur/B.batch reported-L                                  | L is done, M not tried                         | move cur/B.batch new/B.1.batch
//	cur/B.batch reported-L reported-M                       | died before the last finish                    | remove cur/B.batch
//	cur/B.batch cur/L.events sent-L reported-L reported-M   | the same, an unlink undone                     | remove cur/B.batch; remove cur/L.events
//	cur/B.batch reported-L bad/M.job bad/M.job.reason       | L is done, M put aside                         | remove cur/B.batch
//	cur/B.batch bad/M.job bad/M.job.reason                  | M put aside, L not tried                       | move cur/B.batch new/B.1.batch
//	new/B.batch cur/B.batch                                 | half-done claim                                | move cur/B.batch new/B.1.batch; remove new/B.batch
//	new/B.1.batch cur/B.batch                               | half-done recovery                             | remove cur/B.batch
//	new/B.1.batch cur/L.events sent-L                       | returned by recovery, which then died          | report L new/B.1.batch
//	new/B.batch reported-L reported-M                       | claim and finish, the claim undone             | remove new/B.batch
//	bad/B.2.batch bad/B.2.batch.reason cur/L.events sent-L  | put aside by recovery, which then died         | report L bad/B.2.batch
//	bad/B.batch bad/B.batch.reason                          | put aside                                      | keep
package spool
