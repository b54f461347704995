package forge

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/engine"
)

func TestParseCache(t *testing.T) {
	for _, test := range []struct {
		in   string
		to   bool
		want engine.Cache
		err  string
	}{
		{in: "r.example.com/cache:main", want: engine.Cache{Type: "registry", Attrs: map[string]string{"ref": "r.example.com/cache:main"}}},
		{in: "r.example.com/cache", to: true, want: engine.Cache{Type: "registry", Attrs: map[string]string{"ref": "r.example.com/cache", "mode": "max"}}},
		{in: "type=local,src=cache", want: engine.Cache{Type: "local", Attrs: map[string]string{"src": "cache"}}},
		{in: "type=local,dest=cache,mode=min", to: true, want: engine.Cache{Type: "local", Attrs: map[string]string{"dest": "cache", "mode": "min"}}},
		{in: "type=local,src=cache", to: true, err: `cache "type=local,src=cache": unknown attribute "src"; `},
		{in: "type=registry,rfe=x", err: `cache "type=registry,rfe=x": unknown attribute "rfe"; did you mean "ref"?`},
		{in: "type=registry,ref=x,mode=all", to: true, err: `cache "type=registry,ref=x,mode=all": mode is min or max`},
		{in: "type=s3,ref=x", err: `cache "type=s3,ref=x": the type is local or registry; write type=registry,ref=registry.example.com/akmon/cache`},
		{in: "type=local", err: `cache "type=local" has no src`},
		{in: "type=local,src=", err: `cache "type=local,src=": "src=" is not of the form KEY=VALUE`},
		{in: "", err: `cache "": EOF`},
	} {
		parse := ParseCacheFrom
		if test.to {
			parse = ParseCacheTo
		}

		got, err := parse(test.in)

		switch {
		case test.err == "" && err != nil:
			t.Errorf("%s: %v", test.in, err)
		case test.err == "":
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.in, diff)
			}
		case err == nil || len(err.Error()) < len(test.err) || err.Error()[:len(test.err)] != test.err:
			t.Errorf("%s: %v, want %s", test.in, err, test.err)
		}
	}
}

func TestCachesOfTargets(t *testing.T) {
	o := Options{CacheTo: []engine.Cache{{Type: "registry", Attrs: map[string]string{"ref": "r/cache"}}}}
	if err := o.checkCaches(1); err != nil {
		t.Error(err)
	}

	if err := o.checkCaches(2); err == nil {
		t.Error("two targets may write one cache")
	}

	o.CacheTo[0].Attrs["ref"] = "r/cache:{target}"
	if err := o.checkCaches(2); err != nil {
		t.Error(err)
	}

	if got := cachesOf(o.CacheTo, "kernel")[0].Attrs["ref"]; got != "r/cache:kernel" {
		t.Errorf("the reference is %s", got)
	}
}
