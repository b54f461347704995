package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	containerdlog "github.com/containerd/log"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/util/bklog"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
)

// unaryErrors and streamErrors carry typed errors (which vertex, which exit
// code) over the connection.
var (
	unaryErrors  grpc.UnaryServerInterceptor  = grpcerrors.UnaryServerInterceptor
	streamErrors grpc.StreamServerInterceptor = grpcerrors.StreamServerInterceptor
)

// refField is the log field that names the solve that a message belongs to.
const refField = "ref"

// silenceLogs keeps BuildKit's package-wide logger off standard error. Messages
// with a context go to the log of the engine that serves it.
var silenceLogs = sync.OnceFunc(func() {
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)

	bklog.L = logrus.NewEntry(quiet)
	containerdlog.L = bklog.L
})

// unclipLogs lets steps print as much and as fast as they like. BuildKit reads
// these variables at the first step; what the user has set stays.
var unclipLogs = sync.OnceFunc(func() {
	for _, name := range []string{"BUILDKIT_STEP_LOG_MAX_SIZE", "BUILDKIT_STEP_LOG_MAX_SPEED"} {
		if _, set := os.LookupEnv(name); !set {
			// The name is valid and so this can't fail.
			_ = os.Setenv(name, "-1")
		}
	}
})

// logFile is where the embedded engine's warnings go. It also remembers the
// warnings that mean a wrong result.
type logFile struct {
	file  *os.File
	entry *logrus.Entry

	mu    sync.Mutex
	fatal map[string]string
}

func openLog(path string) (*logFile, error) {
	silenceLogs()

	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the engine's log: %w", err)
	}

	logger := logrus.New()
	logger.SetOutput(file)
	logger.SetLevel(logrus.WarnLevel)
	logger.SetFormatter(&logrus.TextFormatter{DisableColors: true})

	l := &logFile{file: file, entry: logrus.NewEntry(logger), fatal: map[string]string{}}
	logger.AddHook(l)

	return l, nil
}

func (l *logFile) close() error {
	l.entry.Logger.SetOutput(io.Discard)

	return l.file.Close()
}

// Levels implements logrus.Hook.
func (l *logFile) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

// Fire implements logrus.Hook. A layer whose time stamps can't be rewritten is
// only a warning to BuildKit, which then exports it as it is; to us it is an
// error: the image would not be reproducible.
func (l *logFile) Fire(entry *logrus.Entry) error {
	ref, _ := entry.Data[refField].(string)
	if ref == "" || !strings.HasPrefix(entry.Message, "failed to rewrite layer") {
		return nil
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	l.fatal[ref] = fmt.Sprintf("%s: %v", entry.Message, entry.Data[logrus.ErrorKey])

	return nil
}

// problem returns the warning that makes a solve's result wrong, if any, and
// forgets it.
func (l *logFile) problem(ref string) error {
	l.mu.Lock()
	defer l.mu.Unlock()

	text, ok := l.fatal[ref]
	if !ok {
		return nil
	}

	delete(l.fatal, ref)

	return fmt.Errorf("writing the image: %s", text)
}

func (l *logFile) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	entry := l.entry
	if solve, ok := req.(*controlapi.SolveRequest); ok {
		entry = entry.WithField(refField, solve.Ref)
	}

	return handler(bklog.WithLogger(ctx, entry), req)
}

func (l *logFile) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, &loggedStream{ServerStream: stream, ctx: bklog.WithLogger(stream.Context(), l.entry)})
}

type loggedStream struct {
	grpc.ServerStream

	ctx context.Context
}

func (s *loggedStream) Context() context.Context { return s.ctx }
