package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/akmon-os/akmon/internal/version"
)

// maxAnswer bounds what an upstream may say, in bytes: the tags of the largest
// repositories are about 10 MiB.
const maxAnswer = 64 << 20

// get reads an address whole.
func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	resp, err := open(ctx, client, address)
	if err != nil {
		return nil, err
	}

	defer resp.Body.Close() //nolint:errcheck // only read

	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))

	switch {
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", address, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("ask %s: the answer is larger than %d MiB", address, maxAnswer>>20)
	default:
		return body, nil
	}
}

func open(ctx context.Context, client *http.Client, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}

	req.Header.Set("User-Agent", "akmon/"+version.Tag)

	resp, err := client.Do(req)
	if err != nil {
		// The client's error repeats the address.
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err
		}

		return nil, fmt.Errorf("ask %s: %w", address, err)
	}

	if resp.StatusCode != http.StatusOK {
		resp.Body.Close() //nolint:errcheck,gosec // nothing was read

		return nil, fmt.Errorf("ask %s: %s", address, resp.Status)
	}

	return resp, nil
}
