// Package docker_test runs the imager image in a real Docker engine, as the
// documentation tells people to do it.
//
// The image comes from a tar archive, named by AKMON_IMAGER_TAR, that "docker
// load" can read. The engine is started for the test alone, with its own
// directories and socket, and stopped afterwards; that needs root and a
// dockerd. Where something is missing the test is skipped and says what.
package docker_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// engine is a Docker engine of our own.
type engine struct {
	host string
}

// start runs dockerd until the test ends.
func start(t *testing.T) *engine {
	t.Helper()

	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("starting a Docker engine needs root on Linux")
	}

	for _, tool := range []string{"dockerd", "docker"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}

	// A socket's path must be short, which a test's own directory may not be.
	dir, err := os.MkdirTemp("", "akmon-docker-")
	if err != nil {
		t.Fatal(err)
	}

	e := &engine{host: "unix://" + filepath.Join(dir, "docker.sock")}

	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command("dockerd", "--host", e.host, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)

		select {
		case <-exited:
		case <-time.After(30 * time.Second):
			t.Error("dockerd did not stop and is killed")
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-exited
		}

		log.Close()

		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("dockerd:\n%s", text)
		}

		if err := os.RemoveAll(dir); err != nil {
			t.Error("left behind:", err)
		}
	})

	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		select {
		case err := <-exited:
			exited <- err
			text, _ := os.ReadFile(log.Name())
			t.Skipf("dockerd can't run here: %v\n%s", err, tail(text, 2000))
		default:
		}

		if e.command(context.Background(), "version").Run() == nil {
			return e
		}

		if time.Now().After(deadline) {
			t.Fatal("dockerd does not answer")
		}
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

func (e *engine) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "docker", append([]string{"--host", e.host}, args...)...)
}

// docker runs the client and returns its standard output.
func (e *engine) docker(t *testing.T, args ...string) []byte {
	t.Helper()

	var stdout, stderr bytes.Buffer

	cmd := e.command(t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}

	return stdout.Bytes()
}

// load loads the image and returns a name for it.
func (e *engine) load(t *testing.T, path string) string {
	t.Helper()

	out := string(e.docker(t, "load", "--input", path))

	for line := range strings.Lines(out) {
		for _, prefix := range []string{"Loaded image: ", "Loaded image ID: "} {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
				return name
			}
		}
	}

	t.Fatalf("docker load says %q", out)

	return ""
}

func TestImagerImage(t *testing.T) {
	archive := os.Getenv("AKMON_IMAGER_TAR")
	if archive == "" {
		t.Skip("AKMON_IMAGER_TAR does not name the imager image")
	}

	e := start(t)
	image := e.load(t, archive)

	t.Run("documented iso", func(t *testing.T) { documentedISO(t, e, image) })
	t.Run("profile on standard input", func(t *testing.T) { profileOnStdin(t, e, image) })
	t.Run("output directory", func(t *testing.T) { outputDirectory(t, e, image) })
	t.Run("errors", func(t *testing.T) { badUsage(t, e, image) })
}

// untar unpacks what --tar-to-stdout wrote and returns its only member.
func untar(t *testing.T, r io.Reader, dir string) string {
	t.Helper()

	zr, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}

	tr := tar.NewReader(zr)

	h, err := tr.Next()
	if err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(dir, filepath.Base(h.Name))

	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	if _, err := io.Copy(f, tr); err != nil {
		t.Fatal(err)
	}

	if h, err := tr.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("there is more in the archive: %v, %v", h, err)
	}

	return path
}

// documentedISO is the documentation's own example.
func documentedISO(t *testing.T, e *engine, image string) {
	var stderr bytes.Buffer

	cmd := e.command(t.Context(), "run", "--rm", "-i", "--network=none", image, "iso", "--arch", "amd64", "--tar-to-stdout",
		"--extra-kernel-arg", "console=ttyS1", "--extra-kernel-arg", "console=tty0")
	cmd.Stderr = &stderr

	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	iso := untar(t, stdout, t.TempDir())

	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}

	if filepath.Base(iso) != "metal-amd64.iso" {
		t.Errorf("the file is %s", filepath.Base(iso))
	}

	if want := "talos.platform=metal console=ttyS1 console=tty0 "; !strings.Contains(stderr.String(), want) {
		t.Errorf("no %q in\n%s", want, stderr.Bytes())
	}

	checkISO(t, iso)
}

// checkISO asks xorriso.
func checkISO(t *testing.T, iso string) {
	t.Helper()

	if _, err := exec.LookPath("xorriso"); err != nil {
		t.Skip("xorriso is not installed")
	}

	out, err := exec.CommandContext(t.Context(), "xorriso", "-indev", iso, "-report_el_torito", "plain",
		"-find", "/", "-exec", "lsdl", "--").CombinedOutput()
	if err != nil {
		t.Fatalf("xorriso: %v\n%s", err, out)
	}

	for _, want := range []string{"El Torito boot img :   1  UEFI  y   none", "/EFI/BOOT/BOOTX64.EFI"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("xorriso does not say %q:\n%s", want, out)
		}
	}
}

func profileOnStdin(t *testing.T, e *engine, image string) {
	var stdout, stderr bytes.Buffer

	cmd := e.command(t.Context(), "run", "--rm", "-i", "--network=none", image, "-", "--tar-to-stdout")
	cmd.Stdin = strings.NewReader("arch: amd64\nplatform: metal\nsecureboot: false\noutput:\n  kind: cmdline\n  outFormat: raw\n" +
		"customization:\n  extraKernelArgs: [-pti, quiet]\n")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}

	text, err := os.ReadFile(untar(t, &stdout, t.TempDir()))
	if err != nil || strings.Contains(string(text), "pti=") || !strings.HasSuffix(string(text), " quiet") {
		t.Errorf("the command line is %q (%v)", text, err)
	}
}

func outputDirectory(t *testing.T, e *engine, image string) {
	dir := t.TempDir()

	var r struct {
		Kind, Path string
		Size       int64
	}

	out := e.docker(t, "run", "--rm", "--network=none", "--read-only", "-v", dir+":/out", image, "iso", "--arch", "amd64", "-o", "json")
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}

	st, err := os.Stat(filepath.Join(dir, filepath.Base(r.Path)))
	if err != nil || st.Size() != r.Size || r.Path != "/out/metal-amd64.iso" {
		t.Errorf("%+v, %v", r, err)
	}

	checkISO(t, filepath.Join(dir, filepath.Base(r.Path)))
}

func badUsage(t *testing.T, e *engine, image string) {
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"isoo"}, 2, `did you mean "iso"?`},
		{[]string{"iso", "--no-such-flag"}, 2, "unknown flag"},
		{[]string{"iso", "--arch", "riscv64"}, 1, `"riscv64" is not an architecture`},
		{[]string{"secureboot-iso", "--arch", "amd64"}, 1, "not supported yet"},
	} {
		var stderr bytes.Buffer

		cmd := e.command(t.Context(), append([]string{"run", "--rm", "--network=none", image}, tt.args...)...)
		cmd.Stderr = &stderr

		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != tt.code || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%v: %v, want exit code %d and %q, got\n%s", tt.args, err, tt.code, tt.want, stderr.Bytes())
		}
	}
}
