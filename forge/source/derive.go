package source

import "net/http"

// With returns a view of the store that downloads by another client and from
// other mirrors: for places that need more than a GET, such as registries.
// Directory, limits and progress stay the same.
func (s *Store) With(client *http.Client, mirrors Rewriter) *Store {
	derived := *s
	derived.opts.Client, derived.opts.Mirrors = client, mirrors

	return &derived
}

// Mirrors returns what the store was opened with; nil for none.
func (s *Store) Mirrors() Rewriter { return s.opts.Mirrors }
