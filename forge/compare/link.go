package compare

import (
	gofs "io/fs"

	"github.com/tonistiigi/fsutil/types"
)

// linkOf is where a symbolic link leads, "" for anything else.
func linkOf(info gofs.FileInfo) string {
	if stat, ok := info.Sys().(*types.Stat); ok {
		return stat.Linkname
	}

	return ""
}
