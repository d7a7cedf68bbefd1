// Package report is the finished record of a trace: what was asked and
// when, every probe and what became of it, the figures that follow, and
// one sentence that says what it shows. It is pure: bytes and values in,
// bytes and values out; no network, no clock, no files.
//
// A trace appends what it sees to an events file, one line an event:
//
//	{"e":"p","n":2,"ttl":2,"ms":0.633,"deadline_ms":1000,"kind":"expired","us":1630,"addr":"198.18.0.5"}
//
// AppendEvent writes such lines and ReadEvents reads them, whatever a
// crash has left of them. Fold, or a Builder while the trace still runs,
// makes a Report of them: the same code for a trace that runs, one that
// ended and one that was cut short.
//
//	var b report.Builder
//	b.Requests, b.Node = requests, node
//	garbage, err := report.ReadEvents(file, b.Add)
//	b.Options.Garbage = garbage
//	r, err := b.Report()
//	os.Stdout.WriteString(report.Text(r))
//	err = report.Encode(archive, r)
//
// # What a probe is
//
//	sent toward the target itself        the ping series (TTL 0 in events)
//	sent with TTL k, up to the path's    hop k; at the target's own TTL it
//	end                                  counts for the target, too
//	sent with a TTL beyond the end       Evidence.Beyond: kept, counted nowhere
//	answered after its deadline          answered, and noted as late
//	no word when the trace was cut       lost if its deadline was over by then,
//	short                                else pending and counted nowhere
//	not sent after all                   nothing
//
// Silence is evidence: a trace that nothing answered makes a good report.
// Unknown is never zero: a figure that nobody knows is nil, null or "-".
// The one exception is mtr's own object in the JSON, whose zeros are
// what mtr writes and what readers of mtr's JSON expect.
//
// # What it shows
//
// Judge says whether packets were lost and where, and how sure that is.
// Only the target can show loss. A router answers TTL-expired probes at
// its leisure, and most limit how many; what a hop in the middle "loses"
// alone is its limit (R3), a hop that never answers is merely silent
// (R6), and of loss that does reach the target the hops before it only
// say where it begins (R2). That is weighed by probability, in the
// moments in which the target was losing packets, and where the counts
// do not carry a link, none is named or a longer stretch is; see locate.
// Every verdict has its counts and the 95 % Wilson interval, and a grade
// by them.
//
// # What others may rely on
//
// Within one Schema fields are only added. Decode refuses a later one
// with ErrNewerSchema and anything that does not hold together with
// ErrInvalid, so that what it returns can be judged and shown. Text,
// reasons and names come from strangers: Text passes all of them through
// Printable, and whoever shows fields elsewhere should, too. SchemaJSON
// is the JSON Schema; docs/formats.md explains each field.
package report
