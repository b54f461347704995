package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// resumeAttempts is how often in a row a download may break without a byte
// more before it is given up.
const resumeAttempts = 4

// resumer goes on with downloads where a connection broke, by a request for
// the rest (RFC 9110, section 14.2). A server that does not know ranges sends
// all again, and what is there already is passed over. The bytes are checked
// against their digest by whoever reads them, whatever their way.
type resumer struct{ inner http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (r resumer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.inner.RoundTrip(req)
	if err != nil || req.Method != http.MethodGet || resp.StatusCode != http.StatusOK || resp.ContentLength <= 0 {
		return resp, err
	}

	resp.Body = &resuming{ReadCloser: resp.Body, inner: r.inner, req: req, size: resp.ContentLength}

	return resp, nil
}

// resuming is the body of an answer.
type resuming struct {
	io.ReadCloser

	inner  http.RoundTripper
	req    *http.Request
	size   int64
	offset int64
	failed int // attempts since the last byte
}

func (r *resuming) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.offset += int64(n)

	if n > 0 {
		r.failed = 0
	}

	if err == nil || r.offset >= r.size {
		return n, err
	}

	if n > 0 {
		return n, nil // the next read meets the error again
	}

	for r.failed < resumeAttempts {
		if r.req.Context().Err() != nil {
			return 0, r.req.Context().Err()
		}

		r.failed++

		again := r.resume()
		if again == nil {
			return r.Read(p)
		}

		if errors.Is(again, errNoResume) {
			break
		}
	}

	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}

	return 0, err
}

// errNoResume means that it makes no sense to ask again.
var errNoResume = errors.New("the download can't be resumed")

// resume asks for the rest, and puts it in the body's place.
func (r *resuming) resume() error {
	if err := pause(r.req.Context(), retryDelay<<r.failed); err != nil {
		return err
	}

	req := r.req.Clone(r.req.Context())
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", r.offset, r.size-1))

	resp, err := r.inner.RoundTrip(req)
	if err != nil {
		return err
	}

	switch {
	case resp.StatusCode == http.StatusPartialContent &&
		resp.Header.Get("Content-Range") == fmt.Sprintf("bytes %d-%d/%d", r.offset, r.size-1, r.size):
	case resp.StatusCode == http.StatusOK && resp.ContentLength == r.size:
		if _, err := io.CopyN(io.Discard, resp.Body, r.offset); err != nil {
			resp.Body.Close()

			return err
		}
	default:
		resp.Body.Close()

		if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests {
			return fmt.Errorf("the registry answers %s", resp.Status)
		}

		return errNoResume
	}

	r.ReadCloser.Close()
	r.ReadCloser = resp.Body

	return nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
