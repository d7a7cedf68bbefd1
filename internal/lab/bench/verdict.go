package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/report"
)

// verdict judges traces of which the truth is known: the corpus that the
// repository keeps, 500 simulated ones of a fixed seed, and 5,000 more of the
// seed of this run: 500 hold fewer than a hundred places for which packets
// suffice. Then simulated incidents, and texts that others have
// published.
func (b *bench) verdict(context.Context) error {
	b.printf("## Verdicts\n\nTraces of which it is known what was wrong. The corpus is real traces over networks of the lab; the others are simulated.\n\n")
	kept, err := cases.ReadDir("report/testdata/corpus")
	if err != nil {
		return err
	}
	fresh := b.seed
	if fresh == 0 {
		fresh = uint64(time.Now().Unix())
	}
	for _, set := range []struct {
		name  string
		cases []cases.Case
	}{
		{fmt.Sprintf("Corpus, %d traces", len(kept)), kept},
		{"Simulated, seed 1", cases.Draw(1, 500)},
		{fmt.Sprintf("Simulated, 5,000 of the fresh seed %d", fresh), cases.Draw(fresh, 5000)},
	} {
		var took []time.Duration
		s, err := cases.Judge(set.cases, func(e *report.Evidence) report.Verdict {
			began := time.Now()
			d := report.Judge(e)
			took = append(took, time.Since(began))
			return d
		})
		if err != nil {
			return err
		}
		b.printf("### %s\n\n", set.name)
		s.Print(&b.doc)
		slices.Sort(took)
		b.printf("To reach: class 98 %%, the very link 95 %%, innocent called lossy 0. A verdict took %.2f ms (p50), %.2f ms (p99); to reach: 1 ms.\n\n",
			ms(quantile(took, 0.5)), ms(quantile(took, 0.99)))
		for _, w := range s.Wrong {
			b.printf("- %s\n", w)
		}
		b.printf("\n")
	}
	for _, seed := range []uint64{1, fresh} {
		s, err := cases.JudgeIncidents(cases.DrawIncidents(seed, 300), report.JudgeIncident)
		if err != nil {
			return err
		}
		b.printf("### Simulated incidents, 300, seed %d\n\nMost of several targets that share a router, beside clean ones that do not (R16); the traces of three are at hand.\n\n", seed)
		s.Print(&b.doc)
		for _, w := range s.Wrong {
			b.printf("- %s\n", w)
		}
		b.printf("\n")
	}
	return b.published()
}

// published judges the texts of other programs that others have published.
func (b *bench) published() error {
	texts, err := cases.ReadPublished("report/testdata/published")
	if err != nil {
		return err
	}
	s, err := cases.JudgePublished(texts, report.Judge)
	if err != nil {
		return err
	}
	b.printf("### Published texts, %d\n\nTraces of mtr, WinMTR, traceroute and tracert from guides and pastes (report/testdata/published), labelled by the rules.\n\n", len(texts))
	s.Print(&b.doc)
	b.printf("To reach: class 98 %%, the very link 95 %%, innocent called lossy 0; none is certain, as a text has no times.\n\n")
	for _, w := range s.Wrong {
		b.printf("- %s\n", w)
	}
	return nil
}
