package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/akmon-os/akmon/internal/version"
)

// PrintClientVersion writes what this program is.
func PrintClientVersion(out io.Writer, short bool) error {
	if short {
		_, err := fmt.Fprintf(out, "Client: %s %s\n", version.Name, version.Tag)

		return err
	}

	return printVersion(out, "Client", "", &machine.VersionInfo{
		Tag: version.Tag, Sha: version.SHA, Built: version.Built,
		GoVersion: runtime.Version(), Os: runtime.GOOS, Arch: runtime.GOARCH,
	}, nil)
}

func printVersion(out io.Writer, title, node string, info *machine.VersionInfo, features *machine.FeaturesInfo) error {
	var b strings.Builder

	if title != "" {
		fmt.Fprintf(&b, "%s:\n", title)
	}

	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "\t%-13s%s\n", name+":", value)
		}
	}

	line("NODE", node)
	line("Tag", info.GetTag())
	line("SHA", info.GetSha())
	line("Built", info.GetBuilt())
	line("Go version", info.GetGoVersion())

	if info.GetOs() != "" {
		line("OS/Arch", info.GetOs()+"/"+info.GetArch())
	}

	if features.GetRbac() {
		line("Enabled", "RBAC")
	}

	_, err := io.WriteString(out, b.String())

	return err
}

// Version writes what the machines run.
func (s *Session) Version(ctx context.Context, short bool) error {
	if err := s.printf("Server:\n"); err != nil {
		return err
	}

	return s.each(ctx, func(ctx context.Context, t target) error {
		response, err := t.client.Machine().Version(ctx, &emptypb.Empty{})
		if err != nil {
			return err
		}

		if len(response.GetMessages()) == 0 {
			return errors.New("the machine answered without a version")
		}

		s.print.Lock()
		defer s.print.Unlock()

		for _, message := range response.GetMessages() {
			if text := message.GetMetadata().GetError(); text != "" {
				return errors.New(text)
			}

			if short {
				if _, err := fmt.Fprintf(s.Out, "\tNODE: %s\tTag: %s\n", t.name, message.GetVersion().GetTag()); err != nil {
					return err
				}

				continue
			}

			if err := printVersion(s.Out, "", t.name, message.GetVersion(), message.GetFeatures()); err != nil {
				return err
			}
		}

		return nil
	})
}
