package source

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// SumError is a file that is not the one that the recipe means.
type SumError struct {
	Source Source
	URL    string // where the bytes came from
	Got    Sums
}

// Error names the package, the URL, and both sums, wanted and got.
func (e *SumError) Error() string {
	var b strings.Builder

	fmt.Fprintf(&b, "%s: wrong checksum of %s", e.Source.label(), redact(e.URL))
	fmt.Fprintf(&b, "\n  sha256 wanted %s\n         got    %s", e.Source.SHA256, e.Got.SHA256)

	if e.Source.SHA512 != "" {
		fmt.Fprintf(&b, "\n  sha512 wanted %s\n         got    %s", e.Source.SHA512, e.Got.SHA512)
	}

	return b.String()
}

// Attempt is one place where a source was looked for, and what came of it.
type Attempt struct {
	URL string
	Err error
}

// FetchError is a source that could not be had anywhere.
type FetchError struct {
	Source   Source
	Offline  bool
	Attempts []Attempt // in the order in which they were made
}

// Error lists every place that was tried.
func (e *FetchError) Error() string {
	var b strings.Builder

	if e.Offline {
		fmt.Fprintf(&b, "%s: %s is not in the store, and the build is offline", e.Source.label(), redact(e.Source.URL))

		if e.Source.SHA256 != "" {
			fmt.Fprintf(&b, " (sha256 %s)", e.Source.SHA256)
		}

		return b.String()
	}

	// One place that served wrong bytes says it best itself.
	if len(e.Attempts) == 1 {
		if sum := new(SumError); errors.As(e.Attempts[0].Err, &sum) {
			return sum.Error()
		}
	}

	fmt.Fprintf(&b, "%s: cannot fetch %s; tried", e.Source.label(), redact(e.Source.URL))

	for _, a := range e.Attempts {
		fmt.Fprintf(&b, "\n  %s: %s", redact(a.URL), strings.ReplaceAll(unprefixed(a), "\n", "\n  "))
	}

	return b.String()
}

// unprefixed is the attempt's error without what its line already says.
func unprefixed(a Attempt) string {
	if sum := new(SumError); errors.As(a.Err, &sum) {
		_, sums, _ := strings.Cut(sum.Error(), "\n")

		return "wrong checksum\n" + sums
	}

	// The HTTP client's errors repeat method and URL.
	if ue := new(url.Error); errors.As(a.Err, &ue) {
		return ue.Err.Error()
	}

	return a.Err.Error()
}

// Unwrap gives the errors of all places.
func (e *FetchError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}

	return errs
}

// statusError is an HTTP answer other than the bytes asked for.
type statusError struct {
	code   int
	status string
}

func (e *statusError) Error() string { return "the server answered " + e.status }

// gone tells whether the server said that it does not have the file.
func (e *statusError) gone() bool { return e.code == 404 || e.code == 410 }

// NotFound tells whether err says that a server was reached and has no such
// file, as against any other failure: what the comma in GOPROXY asks for.
func NotFound(err error) bool {
	status := new(statusError)

	return errors.As(err, &status) && status.gone()
}

// redact removes a password from a URL that is about to be printed.
func redact(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		return s
	}

	return u.Redacted()
}
