package web

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

// submitAll makes jobs durable. Those that differ only in their target
// are one file: one sync, whole or not at all. A request that mixes
// options makes several, which share their syncs but fail on their own:
// with an error come the IDs of those that were accepted all the same,
// zero for the others.
func (s *site) submitAll(ctx context.Context, jobs []spool.Job) ([]ulid.ULID, error) {
	ids := make([]ulid.ULID, len(jobs))
	groups := byOptions(jobs)
	errs := make([]error, len(groups))
	var all sync.WaitGroup
	for n, g := range groups[1:] {
		all.Go(func() { errs[n+1] = s.submitGroup(ctx, jobs, g, ids) })
	}
	errs[0] = s.submitGroup(ctx, jobs, groups[0], ids)
	all.Wait()
	return ids, errors.Join(errs...)
}

// submitGroup submits the jobs with these numbers and enters their IDs.
func (s *site) submitGroup(ctx context.Context, jobs []spool.Job, group []int, ids []ulid.ULID) error {
	if len(group) == 1 {
		id, err := s.Spool.Submit(ctx, jobs[group[0]])
		if err == nil {
			ids[group[0]] = id
		}
		return err
	}
	targets := make([]string, len(group))
	for n, i := range group {
		targets[n] = jobs[i].Target
	}
	options := jobs[group[0]]
	options.Target = ""
	got, err := s.Spool.SubmitBatch(ctx, options, targets)
	if err != nil {
		return err
	}
	for n, i := range group {
		ids[i] = got[n]
	}
	return nil
}

// byOptions puts the numbers of jobs together that differ only in their
// target.
func byOptions(jobs []spool.Job) (groups [][]int) {
	place := map[string]int{}
	for i, j := range jobs {
		j.Target = ""
		key, err := json.Marshal(j) // maps come out sorted
		if err != nil {
			panic(err) // strings and numbers: cannot fail
		}
		n, ok := place[string(key)]
		if !ok {
			n = len(groups)
			place[string(key)] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], i)
	}
	return groups
}
