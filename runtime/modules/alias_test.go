package modules

import "testing"

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"a*", "a/b", true},
		{"?", "/", true},
		{"a?c", "ac", false},
		{"pci:v00001AF4d*sv*sd*bc*sc*i*", "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00", true},
		{"pci:v00001AF4d*sv*sd*bc*sc*i*", "pci:v00008086d00001000sv00001AF4sd00000001bc02sc00i00", false},
		{"usb:v0BDAp[0-9]*", "usb:v0BDAp8153d", true},
		{"usb:v0BDAp[0-9]*", "usb:v0BDApA153d", false},
		{"usb:v1p2d0[0-1]*dc*", "usb:v1p2d0199dcFF", true},
		{"[!a-c]x", "dx", true},
		{"[^a-c]x", "bx", false},
		{"[]]", "]", true},
		{"[a-]", "-", true},
		{"[a", "[a", true},
		{`\*a`, "*a", true},
		{`\*a`, "ba", false},
		{`a\`, `a\`, true},
		{`[\]]`, "]", true},
		{"*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	} {
		if got := match(tc.pattern, tc.name); got != tc.want {
			t.Errorf("match(%q, %q) = %v", tc.pattern, tc.name, got)
		}
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"virtio-net": "virtio_net", "usb:v1d[0-9]-x": "usb:v1d[0-9]_x", "char-major-10-200": "char_major_10_200", "a": "a",
	} {
		if got := normalize(in); got != want {
			t.Errorf("normalize(%q) = %q, want %q", in, got, want)
		}
	}

	if got := Name("kernel/drivers/net/dummy-x.ko.zst"); got != "dummy_x" {
		t.Errorf("name %q", got)
	}
}
