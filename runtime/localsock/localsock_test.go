package localsock_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/akmon-os/akmon/runtime/localsock"
)

func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d", "s")

	for range 2 { // the second replaces the first's socket
		l, err := localsock.Listen(path)
		if err != nil {
			t.Fatal(err)
		}

		accepted := make(chan error, 1)

		go func() {
			conn, err := l.Accept()
			if err == nil {
				conn.Close() //nolint:errcheck
			}

			accepted <- err
		}()

		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}

		if err := <-accepted; err != nil {
			t.Error(err)
		}

		conn.Close() //nolint:errcheck
		l.Close()    //nolint:errcheck
	}

	info, err := os.Stat(filepath.Dir(path))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory %v, %v", info.Mode(), err)
	}
}
