package cmdline

import (
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	defaults := []string{"talos.platform=metal", "console=tty0", "init_on_alloc=1", "slab_nomerge"}

	for _, tt := range []struct {
		name  string
		extra []string
		want  string
		err   string
	}{
		{name: "nothing", want: "talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge"},
		{
			name:  "documented consoles",
			extra: []string{"console=ttyS1", "console=tty0"},
			want:  "talos.platform=metal console=ttyS1 console=tty0 init_on_alloc=1 slab_nomerge",
		},
		{
			name:  "consoles with something between",
			extra: []string{"console=ttyS1", "quiet", "talos.platform=nocloud", "console=tty1,115200"},
			want:  "talos.platform=nocloud console=ttyS1 console=tty1,115200 init_on_alloc=1 slab_nomerge quiet",
		},
		{name: "remove by name", extra: []string{"-init_on_alloc"}, want: "talos.platform=metal console=tty0 slab_nomerge"},
		{name: "remove by value", extra: []string{"-init_on_alloc=0", "-console=tty0"}, want: "talos.platform=metal init_on_alloc=1 slab_nomerge"},
		{
			name:  "remove then add",
			extra: []string{"-console", "console=ttyS0"},
			want:  "talos.platform=metal init_on_alloc=1 slab_nomerge console=ttyS0",
		},
		{
			name:  "others append",
			extra: []string{"init_on_alloc=0", "talos.config=http://a/b c=d", "slab_nomerge"},
			want:  "talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge init_on_alloc=0 talos.config=http://a/b c=d",
		},
		{name: "quotes", extra: []string{`dyndbg="file x +p" y`}, want: `talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge dyndbg="file x +p" y`},
		{name: "newline", extra: []string{"a=b\nc"}, err: "line break"},
		{name: "open quote", extra: []string{`a="b`}, err: "does not end"},
		{name: "no name", extra: []string{"=x"}, err: "no name"},
		{name: "dash", extra: []string{"-"}, err: "no name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Merge(defaults, tt.extra)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}

				return
			}

			if err != nil {
				t.Fatal(err)
			}

			if line, _ := Join(got); line != tt.want {
				t.Errorf("got  %s\nwant %s", line, tt.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	const want = "talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on consoleblank=0 " +
		"nvme_core.io_timeout=4294967295 printk.devkmsg=on proc_mem.force_override=never"

	if got, err := Join(Defaults("metal", "amd64")); err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}

	if got := Defaults("metal", "arm64"); got[1] != "console=ttyAMA0" || got[2] != "console=tty0" {
		t.Errorf("got %v", got)
	}
}

func TestJoinRefusesWhatTheKernelCuts(t *testing.T) {
	if _, err := Join([]string{strings.Repeat("x", 2048)}); err == nil {
		t.Error("no error")
	}
}

func FuzzMerge(f *testing.F) {
	f.Add("console=ttyS0", "-console")
	f.Add(`a="b c" d`, "talos.platform=x")
	f.Fuzz(func(t *testing.T, a, b string) {
		out, err := Merge(Defaults("metal", "amd64"), []string{a, b})
		if err != nil {
			return
		}

		for _, w := range out {
			if strings.ContainsAny(w, "\n\r\x00") || w == "" {
				t.Errorf("%q came through", w)
			}
		}
	})
}
