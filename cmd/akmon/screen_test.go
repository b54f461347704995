package main

import (
	"strings"
	"sync"
	"time"
)

// screen is what a terminal showed.
type screen struct {
	changed chan struct{}

	mu   sync.Mutex
	text strings.Builder
	seen int
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.text.Write(p)
	s.mu.Unlock()

	select {
	case s.changed <- struct{}{}:
	default:
	}

	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.text.String()
}

// wait waits until a text appears behind what was waited for before.
func (s *screen) wait(want string, patience time.Duration) bool {
	timeout := time.After(patience)

	for {
		s.mu.Lock()
		at := strings.Index(s.text.String()[s.seen:], want)

		if at >= 0 {
			s.seen += at + len(want)
		}
		s.mu.Unlock()

		if at >= 0 {
			return true
		}

		select {
		case <-s.changed:
		case <-timeout:
			return false
		}
	}
}
