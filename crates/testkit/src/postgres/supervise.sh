# Ends a cluster when nobody uses it any more. Arguments: the cluster's directory, which does not
# exist yet; pg_ctl; for how many seconds a cluster waits for its next user.
#
# Says `ready` when a user may come, and then waits for the end of standard input: by then the first
# user has come or has died.

# The keys that stop the tests do not stop the one who tidies up after them, nor does it matter when
# nobody is left to be told something.
trap '' HUP INT PIPE

mkdir -m 700 "$1" && mkfifo -m 600 "$1/users" || exit 1
echo $$ >"$1/supervisor"
# Opening a pipe for reading waits for a writer, so it is its own for a moment.
exec 4<>"$1/users" 3<"$1/users" 4>&-
echo ready
exec >/dev/null 2>&1
cat

# Each user has written a byte and holds the pipe open. As long as somebody has come since the last
# look, the cluster is kept for the next one.
while [ -n "$(cat <&3)" ]; do sleep "$3"; done

# From here on nobody finds the pipe; who did so just now is served to the end.
mv "$1/users" "$1/retired"
cat <&3

"$2" stop -D "$1/data" -m immediate -w -t 60
rm -rf "$1"
