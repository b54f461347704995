package bootstrap_test

import (
	"testing"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/tree/treetest"
)

// Each file has a document with one mistake and what is said about it.
func TestBadDocuments(t *testing.T) {
	treetest.Each(t, "testdata/bad/*.txt", func(t *testing.T, a *treetest.Archive) {
		for name, file := range a.FS() {
			var err error
			if name == "debian.yaml" {
				_, err = bootstrap.ParseSpec(name, file.Data)
			} else {
				_, err = bootstrap.ParseLock(name, file.Data)
			}

			if err == nil {
				t.Fatal("the document is accepted")
			}

			a.Want(t, "", err.Error())
		}
	})
}
