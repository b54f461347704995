# Merges configuration fragments, given in order, into one list on standard
# output. A symbol that several fragments set has the value of the last one.
# A line that is neither a symbol, a comment nor empty is an error.

function put(key) {
	if (!(key in value))
		order[++count] = key
	value[key] = $0
}

/^CONFIG_[A-Za-z0-9_]+=.+$/ { put(substr($0, 1, index($0, "=") - 1)); next }
/^# CONFIG_[A-Za-z0-9_]+ is not set$/ { put($2); next }
/^(#.*)?$/ { next }

{
	print FILENAME ":" FNR ": not a line of a kernel configuration: " $0 >"/dev/stderr"
	bad = 1
}

END {
	if (bad)
		exit 1
	for (i = 1; i <= count; i++)
		print value[order[i]]
}
