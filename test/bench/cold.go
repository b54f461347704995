package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/akmon-os/akmon/test/bench/result"
)

// coldBuilds takes in the files of -cold; profiles that have none stay.
func (b *bench) coldBuilds(ctx context.Context) error {
	all, err := result.Load(b.rawDir())
	if err != nil {
		return err
	}

	if all.Cold == nil {
		all.Cold = result.Colds{}
	}

	for _, profile := range slices.Sorted(maps.Keys(b.cold)) {
		cold, err := b.coldBuild(ctx, b.cold[profile])
		if err != nil {
			return fmt.Errorf("profile %s: %w", profile, err)
		}

		all.Cold[profile] = cold
	}

	return result.Save(b.rawDir(), all.Cold)
}

// coldBuild reads one file. The build was when the file was written.
func (b *bench) coldBuild(ctx context.Context, file string) (*result.Cold, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the result of a build: %w", err)
	}

	build, err := result.ParseBuild(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}

	if build.Executed == 0 {
		return nil, fmt.Errorf("%s: all steps of this build were up to date: it is not one with empty caches", file)
	}

	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read the result of a build: %w", err)
	}

	cold := &result.Cold{Taken: b.taken(ctx), Build: *build}
	cold.At = info.ModTime().UTC().Format(time.RFC3339)
	cold.Host.Load = 0 // that of now says nothing of then

	return cold, nil
}
