// Package archive keeps reports as plain files by date, each written once:
//
//	.mtrq                                              schema and zone, fixed when the archive is made
//	.lock, .lock-upkeep                                locked by who writes, and by who prunes or makes indexes anew
//	2026/11/23/14/140532+0800_203.0.113.7_<ULID>.json  a report, by time of acceptance in the archive's zone
//	2026/11/23/14/140532+0800_203.0.113.7_<ULID>.txt   the same as text
//	2026/11/23/index.jsonl                             one line a request: the truth for listing
//	2026/11/23/incidents/<ULID>.json                   an incident that is over, by time of opening
//	2026/11/23/incidents/<ULID>.txt, .svg              the same as text and as a picture
//	2026/11/23/suspects.jsonl                          one line a target that missed a ping and was not confirmed
//	target/<hash2>/<target>/2026-11.jsonl              the lines of the indexes by target; file names begin with the day
//	2026/10/23/14.zip                                  an old hour, compressed: in place of 14/, with the same names
//	.writer-<ULID>                                     days that a living writer has touched
//	.prune-2026-10-23-<ULID>/, .pruned-…               what prune took away from a day and has not removed yet
//
// In names of files and directories an IPv6 address has "-" for ":"
// ("2001-db8--7"). A name that did not resolve stands as it is, in lower
// case; one that could be taken for such an address gets a dot at its end;
// a very long one is cut and ends in "~" and a hash.
//
// A [Writer] works in this order, each step durable before the next:
// reports, lines by target, line of the day. A [Archive] only reads, needs
// no right to write, and passes over what is torn or strange. What a crash
// leaves:
//
//	found                                 meaning                 what is done
//	.tmp-*                                never finished          Repair removes it
//	.txt alone                            never acknowledged      the next Write of that report replaces it
//	incident's .txt or .svg alone         never acknowledged      the next WriteIncident of that incident replaces it
//	incident's .json                      acknowledged, or not    nothing: it is whole
//	last line of suspects torn            died while appending    readers skip it; the next append begins a new line
//	.json without line of the day         never acknowledged      Find sees it; Write or Repair adds the lines
//	line by target, no line of the day    the same                the line of the day is added, that by target not again
//	line of the day                       acknowledged            nothing
//	last line of an index torn            died while appending    readers skip it; the next append begins a new line
//	index without a first line            died while making it    readers use what is there; the next append writes it anew
//	.writer-* that nobody has locked      its writer died, or     Repair looks at the days in it, then removes it;
//	                                      owes a report its lines until then Has reads the reports that have no lines
//	.tmp-.mtrq-*                          died making the archive Repair removes it
//	.prune-*                              prune died              the next prune removes its lines by target, then it
//	.pruned-*                             prune died              the next prune removes it
//	a day without index, hours left       prune died              readers use the names; the next prune takes the rest
//	14.zip and 14/ with the same reports  compressing died        readers take those of 14/; the next prune goes on
package archive
