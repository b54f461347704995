package engine

import (
	"encoding/json"
	"fmt"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// cacheImportsOpt is where BuildKit's client hands over the caches to read, as
// JSON: those of Request.CacheFrom, with local directories resolved to digests
// (client/solve.go). It is left to the build function to ask for them.
const cacheImportsOpt = "cache-imports"

func cacheImports(c gateway.Client) ([]gateway.CacheOptionsEntry, error) {
	text := c.BuildOpts().Opts[cacheImportsOpt]
	if text == "" {
		return nil, nil
	}

	var imports []gateway.CacheOptionsEntry
	if err := json.Unmarshal([]byte(text), &imports); err != nil {
		return nil, fmt.Errorf("reading the caches to import: %w", err)
	}

	return imports, nil
}
