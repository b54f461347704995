package document_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

type common struct {
	Labels map[string]string `yaml:"labels"`
}

type sample struct {
	Name    string        `yaml:"name"`
	Version string        `yaml:"version"`
	Count   int           `yaml:"count"`
	On      *bool         `yaml:"on"`
	Wait    time.Duration `yaml:"wait"`
	Steps   []struct {
		Run []string `yaml:"run"`
	} `yaml:"steps"`
	Any    any `yaml:"any"`
	common `yaml:",inline"`
}

func TestDecode(t *testing.T) {
	yes := true

	for _, test := range []struct {
		name, in string
		want     sample
		err      string
	}{
		{name: "empty", in: "# nothing\n"},
		{
			name: "everything",
			in: "name: 2024-01-01\nversion: 1.10\ncount: 0x10\non: true\nwait: 90s\nsteps:\n  - run: [a, 1e3]\n" +
				"any: {a: 1}\nlabels:\n  yes: no\n",
			want: sample{
				Name: "2024-01-01", Version: "1.10", Count: 16, On: &yes, Wait: 90 * time.Second,
				Steps: []struct {
					Run []string `yaml:"run"`
				}{{Run: []string{"a", "1e3"}}},
				Any:    map[string]any{"a": 1},
				common: common{Labels: map[string]string{"yes": "no"}},
			},
		},
		{
			name: "merge keys and aliases",
			in:   "any: &a {name: x, version: y}\n<<: *a\nversion: z\n",
			want: sample{Name: "x", Version: "z", Any: map[string]any{"name": "x", "version": "y"}},
		},
		{
			name: "all findings together",
			in:   "nmae: x\ncount: many\nsteps: yes\nname: a\nname: b\n",
			want: sample{Name: "a"},
			err: strings.Join([]string{
				`f.yaml:1:1: unknown key "nmae"; did you mean "name"?`, "    1 | nmae: x", "      | ^",
				`f.yaml:2:8: "many" is not an integer`, "    2 | count: many", "      |        ^",
				`f.yaml:3:8: expected a list, this is the single value "yes"`, "    3 | steps: yes", "      |        ^",
				`f.yaml:5:1: key "name" is given twice, first in line 4`, "    5 | name: b", "      | ^",
			}, "\n"),
		},
		{
			name: "not YAML",
			in:   "name: x\n\tcount: 1\n",
			err:  "f.yaml:2:1: not valid YAML: a tab stands where spaces are needed; YAML is indented with spaces\n    2 | \tcount: 1\n      | ^",
		},
		{
			name: "two documents",
			in:   "name: x\n---\nname: y\n",
			err:  "f.yaml:3:1: one YAML document is expected here, this is the second of 2\n    3 | name: y\n      | ^",
		},
		{
			name: "contains itself",
			in:   "any: &a [*a]\n",
			err:  "f.yaml:1:10: the value of anchor \"a\" contains itself\n    1 | any: &a [*a]\n      |          ^",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got sample

			err := document.Decode("f.yaml", []byte(test.in), &got)

			message := ""
			if err != nil {
				message = err.Error()
			}

			if diff := cmp.Diff(test.err, message); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}

			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(sample{})); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

type port int

func (p *port) UnmarshalYAML(n *yaml.Node) error {
	if _, err := fmt.Sscanf(n.Value, "port-%d", (*int)(p)); err != nil {
		return fmt.Errorf("%q is not of the form port-N", n.Value)
	}

	return nil
}

func TestCustomTypeErrorHasPosition(t *testing.T) {
	var v struct {
		Ports map[string]port `yaml:"ports"`
	}

	err := document.Decode("f.yaml", []byte("ports:\n  a: port-1\n  b: 80\n"), &v)

	want := "f.yaml:3:6: \"80\" is not of the form port-N\n    3 |   b: 80\n      |      ^"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %v", err, want)
	}

	var one *document.Error
	if !errors.As(err, &one) || one.Line != 3 {
		t.Errorf("the finding is not reachable by errors.As: %v", one)
	}

	if v.Ports["a"] != 1 {
		t.Errorf("what could be decoded is missing: %v", v.Ports)
	}
}

func TestAliasBombIsRefused(t *testing.T) {
	var b strings.Builder

	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")

	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}

	_, err := document.Parse("bomb.yaml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "aliases expand to more than") {
		t.Errorf("got %v", err)
	}
}

func TestSuggest(t *testing.T) {
	candidates := []string{"dependencies", "name", "steps", "stage"}

	for word, want := range map[string]string{
		"depedencies": `did you mean "dependencies"?`,
		"naem":        `did you mean "name"?`,
		"NAME":        `did you mean "name"?`,
		"stpes":       `did you mean "steps"?`,
		"kernel":      "",
		"":            "",
	} {
		if got := document.Suggest(word, candidates); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"name: x\n", "a: &a [*a]\n", "<<: {name: x}\n", "? [a]\n: b\n", "steps: [{run: [1]}]\n", "on: ~\n---\n",
		"a: \"b\n", "a: [b\n", "\ta: b\n", "a: b: c\n", "a: *b\n", "a: @\n", "- a\nb: c\n", "%YAML 9\n---\n", "a: |x\n", "\xff\xfea", "a: \x07", "a\rb: c\r", "<<<<<<< x\n",
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(_ *testing.T, data []byte) {
		var v sample

		if err := document.Decode("f.yaml", data, &v); err != nil {
			_ = err.Error()
		}
	})
}
