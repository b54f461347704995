package timings_test

import (
	"bytes"
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/forge/timings"
)

// measure is a page that shows another one in a frame of some width, and writes
// what it finds there into itself.
const measure = `<!DOCTYPE html><meta charset="utf-8"><title>measuring</title>
<iframe id="frame" style="border:0;width:WIDTHpx;height:900px" srcdoc="PAGE"></iframe><pre id="found"></pre>
<script>
document.getElementById("frame").addEventListener("load", () => {
  const d = document.getElementById("frame").contentDocument, view = d.defaultView;
  for (const x of d.querySelectorAll("details")) x.open = true;
  const tracks = [...d.querySelectorAll(".lane:not(.axis) .track")];
  const lum = c => { const [r, g, b] = c.match(/[\d.]+/g).map(Number).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * r + .7152 * g + .0722 * b };
  const contrast = (a, b) => { const [x, y] = [lum(a), lum(b)].sort((p, q) => q - p); return (x + .05) / (y + .05) };
  const paper = view.getComputedStyle(d.body).backgroundColor;
  const soft = d.querySelector(".soft"), bar = d.querySelector(".bar");
  document.getElementById("found").textContent = JSON.stringify({
    overflow: d.documentElement.scrollWidth - d.documentElement.clientWidth,
    tracks: tracks.length,
    narrow: Math.min(9999, ...tracks.map(t => t.getBoundingClientRect().width)),
    outside: tracks.flatMap(t => [...t.children].filter(b => { const x = b.getBoundingClientRect(), y = t.getBoundingClientRect(); return x.left < y.left - 1 || x.right > y.right + 3 || x.width < 1 || x.height < 8 })).length,
    tables: d.querySelectorAll("table").length,
    uncaptioned: [...d.querySelectorAll("table")].filter(t => !t.caption || ![...t.tHead.rows[0].cells].every(c => c.scope == "col")).length,
    rows: [...d.querySelectorAll("table")].map(t => t.tBodies[0].rows.length),
    headings: [...d.querySelectorAll("h1,h2")].map(h => h.textContent),
    labelled: [...d.querySelectorAll("section")].every(s => d.getElementById(s.getAttribute("aria-labelledby"))),
    paper: paper,
    ink: contrast(view.getComputedStyle(d.body).color, paper),
    soft: contrast(view.getComputedStyle(soft).color, paper),
    bar: bar ? contrast(view.getComputedStyle(bar).backgroundColor, paper) : 99,
    smallest: Math.min(...[...d.querySelectorAll("p,td,th,dt,dd,.name,.time")].filter(x => x.getClientRects().length).map(x => parseFloat(view.getComputedStyle(x).fontSize))),
  });
});
</script>`

// found is what measure writes.
type found struct {
	Overflow, Tracks, Outside, Tables, Uncaptioned int
	Narrow, Ink, Soft, Bar, Smallest               float64
	Rows                                           []int
	Headings                                       []string
	Labelled                                       bool
	Paper                                          string
}

func browser(t *testing.T) string {
	t.Helper()

	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}

	t.Skip("chromium is not installed")

	return ""
}

// browse has a page rendered and gives what the document became.
func browse(t *testing.T, page string, args ...string) string {
	t.Helper()

	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")

	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}

	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--window-size=1400,1000", "--virtual-time-budget=5000", "--run-all-compositor-stages-before-draw",
	}, append(args, "--dump-dom", "file://"+file)...)

	cmd := exec.CommandContext(t.Context(), browser(t), args...)

	var stderr bytes.Buffer

	cmd.Stderr = &stderr

	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}

	return string(out)
}

var answer = regexp.MustCompile(`(?s)<pre id="found">(.*?)</pre>`)

// TestBrowser renders the page on a phone and on a wide screen, light and dark.
func TestBrowser(t *testing.T) {
	var page bytes.Buffer
	if err := example().WriteHTML(&page); err != nil {
		t.Fatal(err)
	}

	papers := map[string]string{}

	for _, c := range []struct {
		name, width, scheme string
		narrow              float64
	}{
		{"phone, light", "360", "1", 300},
		{"phone, dark", "360", "0", 300},
		{"wide, light", "1200", "1", 500},
		{"wide, dark", "1200", "0", 500},
	} {
		text := strings.NewReplacer("WIDTH", c.width, "PAGE", html.EscapeString(page.String())).Replace(measure)
		out := browse(t, text, "--blink-settings=preferredColorScheme="+c.scheme)

		match := answer.FindStringSubmatch(out)
		if match == nil || match[1] == "" {
			t.Fatalf("%s: nothing was found in\n%s", c.name, out)
		}

		var f found
		if err := json.Unmarshal([]byte(html.UnescapeString(match[1])), &f); err != nil {
			t.Fatalf("%s: %v in %s", c.name, err, match[1])
		}

		papers[c.scheme] = f.Paper

		switch {
		case f.Overflow > 0:
			t.Errorf("%s: the page is %d pixels too wide", c.name, f.Overflow)
		case f.Tracks != 5 || f.Narrow < c.narrow || f.Outside > 0:
			t.Errorf("%s: the timeline has %d lanes, of %.0f pixels, with %d bars that are not in them", c.name, f.Tracks, f.Narrow, f.Outside)
		case f.Tables != 3 || f.Uncaptioned > 0 || !f.Labelled:
			t.Errorf("%s: %d tables, %d without captions and headers, sections labelled: %v", c.name, f.Tables, f.Uncaptioned, f.Labelled)
		case len(f.Headings) != 5 || f.Rows[0] != 3 || f.Rows[1] != 6 || f.Rows[2] != 8:
			t.Errorf("%s: headings %q, rows %v", c.name, f.Headings, f.Rows)
		case f.Ink < 7 || f.Soft < 4.5 || f.Bar < 3:
			t.Errorf("%s: the contrast of text is %.1f, of soft text %.1f, of bars %.1f", c.name, f.Ink, f.Soft, f.Bar)
		case f.Smallest < 12:
			t.Errorf("%s: text of %.1f pixels", c.name, f.Smallest)
		}
	}

	if papers["0"] == papers["1"] {
		t.Errorf("light and dark are the same: %s", papers["0"])
	}
}

// TestScreenshot leaves pictures of the page in the directory that
// AKMON_SCREENSHOTS names, to look at.
func TestScreenshot(t *testing.T) {
	dir := os.Getenv("AKMON_SCREENSHOTS")
	if dir == "" {
		t.Skip("AKMON_SCREENSHOTS is not set")
	}

	for name, r := range map[string]*timings.Report{"wide": example(), "phone": example()} {
		var page bytes.Buffer
		if err := r.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}

		for scheme, number := range map[string]string{"light": "1", "dark": "0"} {
			width := map[string]string{"wide": "1200", "phone": "500"}[name]
			browse(t, page.String(), "--window-size="+width+",1300", "--hide-scrollbars",
				"--blink-settings=preferredColorScheme="+number, "--screenshot="+filepath.Join(dir, name+"-"+scheme+".png"))
		}
	}
}
