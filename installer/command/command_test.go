package command

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	dir := t.TempDir()

	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"nothing":       {nil, ExitUsage, "say what to do"},
		"unknown":       {[]string{"instal"}, ExitUsage, "unknown command"},
		"no disk":       {[]string{"install"}, ExitUsage, "--disk PATH"},
		"unknown flag":  {[]string{"install", "--dsk", "x"}, ExitUsage, "unknown flag"},
		"argument":      {[]string{"install", "x"}, ExitUsage, "unknown command"},
		"size":          {[]string{"install", "--disk", "x", "--size", "ten"}, ExitUsage, `--size: "ten" is not a size`},
		"negative size": {[]string{"install", "--disk", "x", "--size", "-1GiB"}, ExitUsage, "is not a size"},
		"huge size":     {[]string{"install", "--disk", "x", "--size", "99999999TiB"}, ExitUsage, "is not a size"},
		"newline":       {[]string{"install", "--disk", "x", "--extra-kernel-arg", "a\nb"}, ExitUsage, "line break"},
		"no assets":     {[]string{"install", "--disk", "x", "--arch", "arm64", "--assets", dir}, ExitFailed, filepath.Join(dir, "arm64")},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer

			code := Main(context.Background(), test.args, &out, &out)
			if code != test.code || !strings.Contains(out.String(), test.want) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, test.code, test.want, &out)
			}
		})
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "1": 1, "512B": 512, "10GiB": 10 << 30, "10 GiB": 10 << 30, "3MB": 3e6, "1TiB": 1 << 40,
	} {
		if got, err := parseSize("--size", text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestSourceDate(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1750000000")

	if got, err := sourceDate(); err != nil || got.Unix() != 1750000000 {
		t.Errorf("got %v, %v", got, err)
	}

	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")

	if _, err := sourceDate(); err == nil {
		t.Error("a word is accepted")
	}
}
