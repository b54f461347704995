package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/archive"
)

// Wanted is a commit whose archive is wanted. URL of the source is that of the
// repository, its sums are those of the archive.
type Wanted struct {
	source.Source

	// Revision is the full name of a commit, or a branch or a tag.
	Revision string
	// Submodules puts the files of submodules in, however deep.
	Submodules bool
}

// Fetch sees to it that the store has the archive, and returns its path.
func Fetch(ctx context.Context, store *source.Store, w Wanted) (string, error) {
	return store.Produce(ctx, w.Source, func(ctx context.Context, place string, out io.Writer) error {
		_, err := Archive(ctx, store, place, w, out)

		return err
	})
}

// Archive writes the archive of the commit in the repository at place to out,
// whatever the sums in w say, and returns the commit. Submodules are looked for
// at the mirrors of their addresses.
func Archive(ctx context.Context, store *source.Store, place string, w Wanted, out io.Writer) (commit string, err error) {
	dir, done, err := store.Scratch("git")
	if err != nil {
		return "", err
	}
	defer done()

	a := &archiver{ctx: ctx, store: store, dir: dir, out: archive.NewWriter(out), submodules: w.Submodules}

	repo, err := a.fetch(place, w.Revision)
	if err != nil {
		return "", err
	}
	defer repo.close()

	if err := a.tree(repo, w.URL, "", 0); err != nil {
		return "", err
	}

	if a.files == 0 {
		return "", fmt.Errorf("commit %s has no files", repo.commit)
	}

	return repo.commit, a.out.Close()
}

// fetch makes a repository with the revision in it.
func (a *archiver) fetch(place, revision string) (*repository, error) {
	a.repositories++

	r := &repository{dir: fmt.Sprintf("%s/%d", a.dir, a.repositories), place: place}

	if err := r.init(a.ctx, revision); err != nil {
		return nil, err
	}

	var err error
	if isCommit(revision) {
		r.commit, err = revision, r.fetchCommit(a.ctx, revision)
	} else {
		r.commit, err = r.fetchRef(a.ctx, revision)
	}

	if err != nil {
		return nil, err
	}

	return r, r.open(a.ctx)
}

// isCommit tells whether a revision is the full name of an object: SHA-1 or
// SHA-256 in hexadecimal.
func isCommit(revision string) bool {
	return (len(revision) == 40 || len(revision) == 64) && strings.Trim(revision, "0123456789abcdef") == ""
}

func (r *repository) init(ctx context.Context, revision string) error {
	format := "sha1"
	if len(revision) == 64 && isCommit(revision) {
		format = "sha256"
	}

	_, err := run(ctx, "", r.place, "init", "--quiet", "--bare", "--template=", "--object-format="+format, r.dir)

	return err
}

// wanted is where a fetched revision is kept.
const wanted = "refs/akmon/wanted"

// fetchCommit gets a commit by its name; from a server that gives away only
// what a branch or a tag points to, by getting all of those.
func (r *repository) fetchCommit(ctx context.Context, commit string) error {
	err := r.get(ctx, commit)
	if err == nil {
		return nil
	}

	if failure := new(Error); !errors.As(err, &failure) || !failure.refused() {
		return err
	}

	if _, err := r.git(ctx, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", r.place, "+refs/*:refs/all/*"); err != nil {
		return err
	}

	if _, err := r.git(ctx, "cat-file", "-e", commit); err != nil {
		return fmt.Errorf("no branch and no tag of the repository leads to commit %s", commit)
	}

	return nil
}

// get fetches a commit or a ref: without its history, unless the server is one
// that only hands out files.
func (r *repository) get(ctx context.Context, what string) error {
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules", r.place, what + ":" + wanted}

	_, err := r.git(ctx, append([]string{args[0], "--depth=1"}, args[1:]...)...)

	if failure := new(Error); errors.As(err, &failure) && failure.says("does not support shallow") {
		_, err = r.git(ctx, args...)
	}

	return err
}

// fetchRef gets what a tag, or else a branch, points to.
func (r *repository) fetchRef(ctx context.Context, ref string) (commit string, err error) {
	listed, err := r.git(ctx, "ls-remote", "--quiet", r.place, "refs/tags/"+ref, "refs/heads/"+ref)
	if err != nil {
		return "", err
	}

	full := ""

	for line := range strings.Lines(listed) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && (full == "" || strings.HasPrefix(name, "refs/tags/")) {
			full = name
		}
	}

	if full == "" {
		return "", fmt.Errorf("the repository has no tag and no branch named %s", ref)
	}

	if err := r.get(ctx, full); err != nil {
		return "", err
	}

	commit, err = r.git(ctx, "rev-parse", "--verify", "--quiet", wanted+"^{commit}")

	return strings.TrimSpace(commit), err
}
