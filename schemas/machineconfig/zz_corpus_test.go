package machineconfig_test

import (
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"os"
	"path/filepath"
	"testing"
)

func TestCorpus(t *testing.T) {
	root := os.Getenv("CORPUS")
	files, _ := filepath.Glob(root + "/v1alpha1/testdata/stability/*/*.yaml")
	f2, _ := filepath.Glob(root + "/*/testdata/*.yaml")
	f3, _ := filepath.Glob(root + "/runtime/extensions/testdata/*.yaml")
	files = append(append(files, f2...), f3...)
	for _, f := range files {
		data, _ := os.ReadFile(f)
		c, w, err := machineconfig.Decode(filepath.Base(f), data)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if err := c.Validate(machineconfig.ModeCloud); err != nil {
			t.Errorf("VALIDATE %s: %v", f, err)
		}
		for _, x := range w {
			t.Log(x)
		}
		out, err := c.Encode()
		if err != nil {
			t.Error(err)
		}
		c2, _, err := machineconfig.Decode("again", out)
		if err != nil {
			t.Errorf("%s: %v\n%s", f, err, out)
			continue
		}
		if d := cmp.Diff(c, c2, cmpopts.IgnoreUnexported(machineconfig.Config{}), cmpopts.EquateEmpty()); d != "" {
			t.Error(f, d)
		}
	}
	t.Log(len(files))
}
