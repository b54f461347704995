// Package kmsg reads and writes the kernel's ring buffer.
//
// A record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg) is
// "prefix,sequence,microseconds,flags[,more];text\n", then lines that begin with
// a space and hold "KEY=value"; bytes that don't print are "\xNN".
package kmsg

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Message is one record.
type Message struct {
	// Facility and Level are those of syslog: 0 is kern, and 0 is emerg.
	Facility, Level int
	Sequence        uint64
	// SinceBoot is the time on the kernel's clock.
	SinceBoot time.Duration
	Text      string
}

var (
	facilities = []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	levels = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

// FacilityName is the facility's word, or its number.
func (m Message) FacilityName() string {
	if m.Facility < len(facilities) {
		return facilities[m.Facility]
	}

	return strconv.Itoa(m.Facility)
}

// LevelName is the level's word.
func (m Message) LevelName() string { return levels[m.Level&7] }

// Format writes the record as `dmesg` prints it; boot is the wall clock at the
// kernel's time zero.
func (m Message) Format(boot time.Time) string {
	return fmt.Sprintf("%s: %7s: [%s]: %s",
		m.FacilityName(), m.LevelName(), boot.Add(m.SinceBoot).UTC().Format(time.RFC3339Nano), m.Text)
}

var errRecord = errors.New("not a kernel log record")

// Parse reads one record.
func Parse(record []byte) (Message, error) {
	prefix, text, ok := bytes.Cut(record, []byte(";"))
	if !ok {
		return Message{}, fmt.Errorf("%w: no ';'", errRecord)
	}

	fields := strings.Split(string(prefix), ",")
	if len(fields) < 3 {
		return Message{}, fmt.Errorf("%w: %d fields before ';'", errRecord, len(fields))
	}

	prio, err := strconv.ParseUint(fields[0], 10, 31)
	if err != nil {
		return Message{}, fmt.Errorf("%w: prefix: %w", errRecord, err)
	}

	seq, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return Message{}, fmt.Errorf("%w: sequence: %w", errRecord, err)
	}

	micros, err := strconv.ParseUint(fields[2], 10, 53) // 285 years; no overflow below
	if err != nil {
		return Message{}, fmt.Errorf("%w: time: %w", errRecord, err)
	}

	// The lines after the first are a dictionary, not text.
	text, _, _ = bytes.Cut(text, []byte("\n"))

	return Message{
		Facility:  int(prio >> 3),
		Level:     int(prio & 7),
		Sequence:  seq,
		SinceBoot: time.Duration(micros) * time.Microsecond,
		Text:      unescape(text),
	}, nil
}

// unescape turns \xNN back into bytes; anything else stays as it is.
func unescape(b []byte) string {
	if !bytes.Contains(b, []byte(`\x`)) {
		return string(b)
	}

	var out strings.Builder

	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) && b[i+1] == 'x' {
			if v, err := strconv.ParseUint(string(b[i+2:i+4]), 16, 8); err == nil {
				out.WriteByte(byte(v))

				i += 3

				continue
			}
		}

		out.WriteByte(b[i])
	}

	return out.String()
}
