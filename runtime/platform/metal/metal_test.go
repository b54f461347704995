package metal_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/runtime/kernelargs"
	"github.com/akmon-os/akmon/runtime/platform/metal"
)

func vars() metal.Variables {
	return metal.Variables{UUID: "u-1", Serial: "s 2", MAC: "02:00:00:00:00:01", Hostname: "h"}
}

func TestFetch(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/u-1/config":
			w.Write([]byte("hello " + r.URL.Query().Get("mac"))) //nolint:errcheck
		case "/huge":
			w.Write([]byte(strings.Repeat("#", 5<<20))) //nolint:errcheck
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()

	fetch := func(arg string) (string, error) {
		data, err := metal.Fetch(t.Context(), kernelargs.Parse(arg), vars)

		return string(data), err
	}

	if data, err := fetch("talos.config=" + srv.URL + "/${uuid}/config?mac=${mac}"); err != nil || data != "hello 02:00:00:00:00:01" {
		t.Errorf("%q, %v", data, err)
	}

	for _, arg := range []string{"", "talos.config=", "talos.config=none", "quiet"} {
		if data, err := metal.Fetch(t.Context(), kernelargs.Parse(arg), vars); data != nil || err != nil {
			t.Errorf("%q: %q, %v", arg, data, err)
		}
	}

	for _, arg := range []string{
		"talos.config=" + srv.URL + "/nowhere", "talos.config=" + srv.URL + "/huge", "talos.config=ftp://h/x", "talos.config=http:///x",
		"talos.config=http://h/%zz", "talos.config=http://127.0.0.1:1/",
	} {
		if _, err := fetch(arg); err == nil {
			t.Errorf("%q: no error", arg)
		}
	}
}

func TestExpand(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h/p":                           "http://h/p",
		"http://h/p?uuid=":                     "http://h/p?uuid=u-1",
		"http://h/p?uuid":                      "http://h/p?uuid=u-1",
		"http://h/p?uuid=mine&x=${serial}":     "http://h/p?uuid=mine&x=s+2",
		"http://h/${serial}/${hostname}.yaml":  "http://h/s%202/h.yaml",
		"https://h/p?m=${mac}&serial=&other=1": "https://h/p?m=02%3A00%3A00%3A00%3A00%3A01&serial=s+2&other=1",
	} {
		got, err := metal.Expand(raw, vars)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", raw, got, err)
		}
	}
}
