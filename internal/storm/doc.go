// Package storm finds what the losses of many targets have in common: the
// link or router that all lossy paths go through and no clean path does.
//
// It is pure. It is told what was lost toward every target, clean ones
// included (they are what acquits a router), and which routers are usually
// on the way; it answers with places, the targets each explains, and how
// sure that is. Explain does all of it; Group is a view of its answer.
//
// # Places
//
// A place is where packets may be lost for everything behind it:
//
//	link     two hops that follow each other on some path; the first begins at this machine
//	last     from the last router to the target: its own line
//	router   an address that several links lead to, whichever of them was taken
//	machine  what all paths begin with, where they have several first routers
//
// A silent TTL is a hop too, known by the last address before it and its
// distance from that: "the first silent hop after 198.18.0.7". Targets
// behind the same place are those whose usual path has it. Which way a
// packet was lost cannot be told: a loss on the way back looks the same. A
// target without a known path is evidence for nothing.
//
// # Likelihood
//
// A target in no trouble loses each ping with its background rate q: 0.05 %,
// or what it usually loses where that is more. With a small chance (Own) it
// has a trouble of its own, of any rate. Together:
//
//	ground = (1 − Own) · chance of its counts at rate q  +  Own · chance of its counts at any rate
//
// Behind a bad place it is hit with chance h, and then loses each ping with
// rate p or by q. h is 1 but for members of a trunk or equal-cost paths that
// fail alone: 3/4, 1/2 or 1/4 of the targets then.
//
//	behind = h · chance of its counts at rate p  +  (1 − h) · ground
//
// The rate of one target differs a little from the next one's, as their
// pings left at other moments: counts at rate p are beta-binomial with a
// spread as of 30 pings. p and h are not known; the likelihood of a place is the
// mean over a grid of both of the product, over the targets behind it, of
// behind / ground. All others cancel.
//
// # Hops
//
// A probe whose TTL ends beyond the place is lost with h · p as well, one whose
// TTL ends before it is not. A router that answers tells much; one that is
// silent tells little, since routers limit how often they answer (Linux: six
// at once, then one a second). So all probes toward one router on one way are
// taken together: either it answers at its usual rate u, or, with a chance
// that grows with how often it was asked, at a limited rate of which nothing is
// known (every order of magnitude is as probable). The evidence of its
// silence is bounded by that, whatever the number of probes.
//
// # Places together
//
// A place has the prior chance Place of failing now, independent of all
// others; its score is the logarithm of prior times likelihood, and zero is
// "each target has its own trouble". From the places with the fewest targets
// behind them up, one takes over the lossy targets behind it where its score
// is more than the sum of those that explained them so far. So two bad links
// stay two, unless the link above both explains the clean targets too.
//
// A silent hop may be many routers, some of which fail. Where several links
// that leave it lose, and others do not, they are one place if that is more
// probable than that many places: one prior instead of one each, against one
// half for every link that leaves the hop. Such a place has no known end.
//
// What is left is a group a place. Each group is then looked at alone,
// as if nothing were known of the lossy targets of others: prior times likelihood
// of all places on its paths, plus "each its own", sum to one. The result is
// the shortest stretch of the path that holds 95 % of it. Where a group is one
// target, Own is the chance of all places together that only this target has,
// each alike: a node that watches one target has no reason to suspect its last
// link more than others, and the three answers of a first look are no reason
// either (at 30 % loss three come through one time in three).
//
// All work is proportional to targets times path length.
package storm
