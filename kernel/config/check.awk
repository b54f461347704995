# Compares the final configuration (first file) with what the fragments asked
# for (second file). Each symbol that did not come out as asked is named, and
# one such symbol fails the build: a dependency is missing, another option
# selects it, or the kernel no longer has it.

function name(line) { return substr(line, 1, index(line, "=") - 1) }

function fail(got) {
	print "kernel configuration: asked for \"" $0 "\", got " got >"/dev/stderr"
	bad = 1
}

NR == FNR {
	if (/^CONFIG_/)
		final[name($0)] = $0
	next
}

/^CONFIG_/ && final[name($0)] != $0 {
	fail(final[name($0)] ? "\"" final[name($0)] "\"" : "nothing")
}

/^# CONFIG_/ && ($2 in final) { fail("\"" final[$2] "\"") }

END { exit bad }
