package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// download tries the places of w in order until one gives the right bytes.
// partial is locked by us; it ends up renamed into the store, kept for a later
// resumption (nothing wrong is known of it), or removed.
func (s *Store) download(ctx context.Context, w Wanted, partial *os.File) (Meta, error) {
	out := newSink(partial)

	prepare := out.load
	if w.Fresh {
		prepare = func(context.Context) error { return out.reset() }
	}

	if err := prepare(ctx); err != nil {
		return Meta{}, fmt.Errorf("%s: read interrupted download: %w", w.Source.label(), err)
	}

	failure := &FetchError{Source: w.Source}

	for i, place := range w.Places {
		sums, err := s.downloadFrom(ctx, w, place, out)
		if err == nil {
			meta, err := s.commit(partial, sums, Meta{Package: w.Source.Package, URL: w.Source.URL})
			if err != nil {
				os.Remove(partial.Name()) //nolint:errcheck // the first error is the one to report

				return Meta{}, fmt.Errorf("%s: %w", w.Source.label(), err)
			}

			s.progress.report(Event{Source: w.Source, State: Stored, URL: redact(place), Done: out.n, Total: out.n})

			return meta, nil
		}

		if out.failed != nil { // our disk, not their server: nothing else to try
			os.Remove(partial.Name()) //nolint:errcheck // the first error is the one to report

			return Meta{}, fmt.Errorf("%s: write %s: %w", w.Source.label(), partial.Name(), out.failed)
		}

		if ctx.Err() != nil {
			dropEmpty(partial, out)

			return Meta{}, fmt.Errorf("%s: fetch %s: %w", w.Source.label(), redact(place), context.Cause(ctx))
		}

		failure.Attempts = append(failure.Attempts, Attempt{URL: place, Err: err})
		s.progress.report(Event{Source: w.Source, State: Failed, URL: redact(place), Done: out.n, Total: -1, Err: err})

		if w.Next != nil && !w.Next(i, err) {
			break
		}
	}

	dropEmpty(partial, out)

	return Meta{}, failure
}

func dropEmpty(partial *os.File, out *sink) {
	if out.n == 0 {
		os.Remove(partial.Name()) //nolint:errcheck // an empty leftover harms nothing
	}
}

// downloadFrom gets the whole file from one place, with retries, and checks it.
func (s *Store) downloadFrom(ctx context.Context, w Wanted, place string, out *sink) (Sums, error) {
	// Bytes of an earlier run or another place may be the cause of a wrong
	// sum: then one more try from the first byte is fair.
	foreign := out.n > 0

	for failed := 0; ; {
		err := s.transfer(ctx, w, place, out)
		if err == nil {
			sums := out.sums()

			bad := w.Check(place, out.file.Name(), sums)
			if bad == nil {
				return sums, nil
			}

			if err := out.reset(); err != nil {
				out.failed = err

				return Sums{}, err
			}

			if !foreign {
				return Sums{}, bad
			}

			foreign = false

			continue
		}

		failed++

		if ctx.Err() != nil || out.failed != nil || failed >= s.opts.Attempts || !temporary(err) {
			return Sums{}, err
		}

		s.progress.report(Event{Source: w.Source, State: Retrying, URL: redact(place), Done: out.n, Total: -1, Err: err})

		pause := s.opts.Backoff(failed)

		if wait := new(retryAfter); errors.As(err, &wait) {
			pause = max(pause, wait.pause)
		}

		select {
		case <-ctx.Done():
			return Sums{}, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// transfer makes one attempt to get what is missing at the end of out.
func (s *Store) transfer(ctx context.Context, w Wanted, place string, out *sink) error {
	u, err := url.Parse(place)
	if err != nil {
		return fmt.Errorf("parse URL: %w", err)
	}

	switch u.Scheme {
	case "http", "https":
		return s.transferHTTP(ctx, w, place, out)
	case "file":
		return transferFile(ctx, filepath.FromSlash(u.Path), out)
	default:
		return fmt.Errorf("the scheme of %s is not http, https or file", redact(place))
	}
}

func transferFile(ctx context.Context, path string, out *sink) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return &statusError{code: http.StatusNotFound, status: "no such file"}
	}

	if err != nil {
		return err
	}
	defer f.Close()

	if err := out.reset(); err != nil {
		out.failed = err

		return err
	}

	_, err = io.Copy(out, contextReader{ctx, f})

	return err
}

func (s *Store) transferHTTP(ctx context.Context, w Wanted, place string, out *sink) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	stalled := time.AfterFunc(s.opts.Idle, func() { cancel(errIdle) })
	defer stalled.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return err
	}

	req.Header.Set("User-Agent", "akmon")
	// Without this, the transport would ask for gzip and undo it, and a Range
	// would count compressed bytes.
	req.Header.Set("Accept-Encoding", "identity")

	if out.n > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", out.n))
	}

	resp, err := s.opts.Client.Do(req)
	if err != nil {
		return idleOr(ctx, err)
	}
	defer resp.Body.Close()

	total, err := position(resp, out)
	if err != nil {
		return err
	}

	event := Event{Source: w.Source, State: Downloading, URL: redact(place), Done: out.n, Total: total}
	s.progress.report(event)

	buf := make([]byte, 128<<10)
	reported := out.n

	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			stalled.Reset(s.opts.Idle)

			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}

			if out.n-reported >= 1<<20 {
				reported, event.Done = out.n, out.n
				s.progress.report(event)
			}
		}

		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return idleOr(ctx, &again{fmt.Errorf("the transfer broke off after %d bytes: %w", out.n, err)})
		}
	}
}

// position reads the answer's head and makes out ready for its body. It
// returns the size of the whole file, or -1.
func position(resp *http.Response, out *sink) (int64, error) {
	switch resp.StatusCode {
	case http.StatusOK: // from the first byte, whatever was asked for
		if out.n > 0 {
			if err := out.reset(); err != nil {
				out.failed = err

				return 0, err
			}
		}

		return resp.ContentLength, nil
	case http.StatusPartialContent:
		var first, last int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/", &first, &last); err != nil || first != out.n {
			return 0, startOver(out, fmt.Errorf("the server answered the range %q to a request from byte %d",
				resp.Header.Get("Content-Range"), out.n))
		}

		return last + 1, nil
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, startOver(out, &statusError{resp.StatusCode, resp.Status})
	default:
		err := error(&statusError{resp.StatusCode, resp.Status})

		if seconds, bad := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After"))); bad == nil && seconds > 0 {
			err = &retryAfter{error: err, pause: min(time.Duration(seconds)*time.Second, 30*time.Second)}
		}

		return 0, err
	}
}

// startOver drops what was downloaded, which the server cannot continue, so
// that the next attempt begins at the first byte.
func startOver(out *sink, err error) error {
	if reset := out.reset(); reset != nil {
		out.failed = reset

		return reset
	}

	return &again{err}
}

var errIdle = errors.New("no byte arrived for too long")

// idleOr replaces the error of a transfer that the idle timer ended.
func idleOr(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errIdle) {
		return &again{errIdle}
	}

	return err
}

// again marks an error after which the same place deserves another attempt.
type again struct{ error }

func (e *again) Unwrap() error { return e.error }

// retryAfter is an error with the pause that the server asked for.
type retryAfter struct {
	error
	pause time.Duration
}

func (e *retryAfter) Unwrap() error { return e.error }

// temporary tells whether the same request may succeed a little later.
func temporary(err error) bool {
	if status := new(statusError); errors.As(err, &status) {
		return status.code == http.StatusRequestTimeout || status.code == http.StatusTooManyRequests ||
			status.code == http.StatusRequestedRangeNotSatisfiable || status.code >= 500
	}

	if dns := new(net.DNSError); errors.As(err, &dns) {
		return dns.IsTemporary && !dns.IsNotFound
	}

	if a := new(again); errors.As(err, &a) {
		return true
	}

	if op := new(net.OpError); errors.As(err, &op) {
		return true
	}

	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return true
	}

	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, os.ErrDeadlineExceeded)
}

func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       30 * time.Second,
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}
