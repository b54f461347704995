package timings

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"seconds": seconds,
	"percent": func(part, whole float64) string { return fmt.Sprintf("%.0f %%", 100*ratio(part, whole)) },
	"join":    func(list []string) string { return strings.Join(list, ", ") },
	"stamp":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
}).Parse(pageText))

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")

	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("writing the timings: %w", err)
	}

	return nil
}

// WriteHTML writes the report as a page.
func (r *Report) WriteHTML(w io.Writer) error {
	if err := page.Execute(w, r.view()); err != nil {
		return fmt.Errorf("writing the page of timings: %w", err)
	}

	return nil
}

// view is what the page shows.
type view struct {
	*Report

	Ticks []tick
	Rows  []row
	Chain []Step
	// Listed are the steps that ran long enough; Others counts the others.
	Listed []Step
	Others int
}

// tick is a mark of the time axis.
type tick struct {
	Left float64 // percent
	Text string
}

// row is a package in the timeline.
type row struct {
	Package

	Bars []bar
}

type bar struct {
	Left, Width float64 // percent
	Step        Step
}

const (
	// tooShort is how long a step must run to be listed on the page.
	tooShort = 0.02
	// ticks is about how many marks the time axis has.
	ticks = 5
)

func (r *Report) view() view {
	v := view{Report: r, Ticks: r.ticks()}
	rows := map[string]*row{}

	for _, p := range r.Packages {
		if p.Seconds > 0 {
			rows[p.Name] = &row{Package: p}
		}
	}

	for _, s := range r.Steps {
		if own := rows[s.Package]; own != nil && !s.Cached {
			own.Bars = append(own.Bars, bar{Left: 100 * ratio(s.Start, r.Seconds), Width: 100 * ratio(s.Seconds, r.Seconds), Step: s})
		}

		switch {
		case s.Cached:
		case s.Seconds >= tooShort || s.Failed:
			v.Listed = append(v.Listed, s)
		default:
			v.Others++
		}
	}

	for _, p := range r.Packages {
		if own := rows[p.Name]; own != nil {
			v.Rows = append(v.Rows, *own)
		}
	}

	slices.SortStableFunc(v.Rows, func(a, b row) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		default:
			return 0
		}
	})

	for _, i := range r.Critical {
		v.Chain = append(v.Chain, r.Steps[i])
	}

	return v
}

// ticks are round times along the axis.
func (r *Report) ticks() []tick {
	step := 0.1

	for _, candidate := range []float64{0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400} {
		if r.Seconds/step > ticks {
			step = candidate
		}
	}

	var list []tick

	for i := 0; float64(i)*step <= r.Seconds && i < 10*ticks; i++ {
		at := float64(i) * step
		list = append(list, tick{Left: 100 * ratio(at, r.Seconds), Text: axis(at)})
	}

	return list
}

func ratio(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}

	return min(1, part/whole)
}

// seconds is a time for people.
func seconds(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	case s < 60:
		return fmt.Sprintf("%.1f s", s)
	case s < 3600:
		return fmt.Sprintf("%d:%02d min", int(s)/60, int(s)%60)
	default:
		return fmt.Sprintf("%d:%02d h", int(s)/3600, int(s)/60%60)
	}
}

// axis is a round time.
func axis(s float64) string {
	switch {
	case s < 1 && s > 0:
		return fmt.Sprintf("%.1f s", s)
	case s < 60:
		return fmt.Sprintf("%g s", s)
	default:
		return seconds(s)
	}
}
