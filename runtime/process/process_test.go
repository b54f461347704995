package process_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/runtime/process"
)

// TestMain makes the test binary its own helper: as a child it does what
// AKMON_CHILD says.
func TestMain(m *testing.M) {
	switch os.Getenv("AKMON_CHILD") {
	case "":
		os.Exit(m.Run())
	case "exit":
		fmt.Println("hello")
		os.Exit(7)
	case "status":
		data, _ := os.ReadFile("/proc/self/status") //nolint:errcheck
		os.Stdout.Write(data)                       //nolint:errcheck
	case "wait":
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck
		select {}
	case "orphan":
		// Leaves a child behind that ends after its parent.
		pid, err := syscall.ForkExec(os.Args[0], os.Args[:1], &syscall.ProcAttr{Env: []string{"AKMON_CHILD=exit"}, Files: []uintptr{0, 1, 2}})
		fmt.Println(pid, err)
	}

	os.Exit(0)
}

func spec(what string, out io.Writer) process.Spec {
	return process.Spec{Path: os.Args[0], Args: os.Args[:1], Env: []string{"AKMON_CHILD=" + what}, Output: out}
}

func reaper(t *testing.T) *process.Reaper {
	t.Helper()

	r := process.NewReaper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})

	go func() {
		defer close(done)

		r.Run(ctx)
	}()

	t.Cleanup(func() {
		cancel()
		<-done
	})

	return r
}

func lines(t *testing.T) (io.Writer, *bufio.Scanner) {
	t.Helper()

	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		pr.Close() //nolint:errcheck
		pw.Close() //nolint:errcheck
	})

	return pw, bufio.NewScanner(pr)
}

func TestExitStatus(t *testing.T) {
	out, sc := lines(t)

	p, err := reaper(t).Start(spec("exit", out))
	if err != nil {
		t.Fatal(err)
	}

	if st := p.Wait(); st.Code != 7 || st.Signaled || st.Err() == nil {
		t.Errorf("status %+v", st)
	}

	if !sc.Scan() || sc.Text() != "hello" {
		t.Errorf("output %q", sc.Text())
	}
}

func TestManyChildrenKeepTheirStatus(t *testing.T) {
	r := reaper(t)

	var all []*process.Process

	for range 20 {
		p, err := r.Start(spec("exit", nil))
		if err != nil {
			t.Fatal(err)
		}

		all = append(all, p)
	}

	for _, p := range all {
		if st := p.Wait(); st.Code != 7 {
			t.Errorf("status %+v", st)
		}
	}
}

func TestRunUntil(t *testing.T) {
	r := reaper(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, sc := lines(t)

	go func() {
		sc.Scan() // the child is up
		cancel()
	}()

	if err := r.RunUntil(ctx, spec("wait", out), time.Minute, nil); err != nil {
		t.Errorf("a process that was asked to end: %v", err)
	}

	if err := r.RunUntil(t.Context(), spec("exit", nil), time.Minute, nil); err == nil || !strings.Contains(err.Error(), "exit code 7") {
		t.Errorf("a process that failed: %v", err)
	}

	if err := r.RunUntil(t.Context(), process.Spec{Path: "/nowhere"}, time.Minute, nil); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestOrphansAreReaped(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Skip("no subreaper:", err)
	}

	r := reaper(t)
	out, sc := lines(t)

	p, err := r.Start(spec("orphan", out))
	if err != nil {
		t.Fatal(err)
	}

	p.Wait()

	pid := 0

	for pid == 0 && sc.Scan() { // "PID <nil>", before or after the orphan's hello
		if f := strings.Fields(sc.Text()); len(f) == 2 {
			pid, _ = strconv.Atoi(f[0]) //nolint:errcheck
		}
	}

	// The orphan ends on its own; a zombie would stay in /proc.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if unix.Kill(pid, 0) == unix.ESRCH { //nolint:errorlint
			break
		}

		if time.Now().After(deadline) {
			t.Fatalf("process %d was not reaped", pid)
		}
	}

	if r.Orphans() == 0 {
		t.Error("no orphan was counted")
	}
}

func TestPrivileges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("dropping capabilities wants root")
	}

	out, sc := lines(t)
	s := spec("status", out)
	s.Drop = process.AllCaps()
	s.NoNewPrivs, s.User, s.UID, s.GID = true, true, 50, 50
	// The test binary's directory may be closed to other users.
	s.Path = "/proc/self/exe"

	p, err := reaper(t).Start(s)
	if err != nil {
		t.Skip("the test binary can't be run as another user:", err)
	}

	if st := p.Wait(); st.Err() != nil {
		t.Fatal(st.Err())
	}

	want := map[string]string{"CapBnd": "0000000000000000", "CapEff": "0000000000000000", "NoNewPrivs": "1", "Uid": "50"}

	for len(want) > 0 && sc.Scan() {
		name, value, _ := strings.Cut(sc.Text(), ":")
		if w, ok := want[name]; ok {
			if got := strings.Fields(value)[0]; got != w {
				t.Errorf("%s is %s, want %s", name, got, w)
			}

			delete(want, name)
		}
	}

	if len(want) > 0 {
		t.Errorf("not shown: %v", want)
	}

	// The test itself has lost nothing.
	if v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_CHOWN, 0, 0, 0); err != nil || v != 1 {
		t.Errorf("the parent's bounding set changed: %d, %v", v, err)
	}
}
