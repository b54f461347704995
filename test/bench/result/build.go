package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
)

// Build is what `akmon build --json` says of a build.
type Build struct {
	// Seconds is the time of the whole build.
	Seconds float64 `json:"seconds"`
	// Executed and Cached count the steps that ran, and that did not have to.
	Executed int       `json:"executed"`
	Cached   int       `json:"cached"`
	Packages []Package `json:"packages,omitempty"`
}

// Package is what the steps of one package took together. Packages build side
// by side, so their sum is more than the build's time.
type Package struct {
	Name    string  `json:"name"`
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
}

// Sum is the time of all packages together.
func (b *Build) Sum() float64 {
	var sum float64
	for _, p := range b.Packages {
		sum += p.Seconds
	}

	return sum
}

// packageName bounds what is written into a table: the names of packages are
// paths of letters, digits and a few signs.
var packageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+@:-]{0,127}$`)

// ParseBuild reads the output of `akmon build --json`. What that says of the
// targets is not needed here and not looked at.
func ParseBuild(data []byte) (*Build, error) {
	var b Build
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("not the output of akmon build --json: %w", err)
	}

	if b.Seconds <= 0 || math.IsInf(b.Seconds, 0) || b.Executed < 0 || b.Cached < 0 || b.Executed+b.Cached == 0 {
		return nil, errors.New("not the output of akmon build --json: it has no seconds or no steps")
	}

	for _, p := range b.Packages {
		if !packageName.MatchString(p.Name) {
			return nil, fmt.Errorf("%q is not the name of a package", p.Name)
		}

		if p.Steps < 0 || p.Seconds < 0 {
			return nil, fmt.Errorf("the package %s has a negative number", p.Name)
		}
	}

	return &b, nil
}
