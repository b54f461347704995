package assets

import "testing"

// Signatures and SBOMs in a layout have no architecture: they once showed as
// an empty name.
func TestMissingArchNamesArchitecturesOnly(t *testing.T) {
	got := missingArch("arm64", []string{"amd64", "", "amd64", ""}).Error()
	if want := "it has no files for arm64, only for amd64"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
