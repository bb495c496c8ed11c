# Runs a private PostgreSQL until standard input ends, then leaves nothing behind.
# Arguments: the folder of PostgreSQL's programs, a folder to fill and remove, the port.
#
# The pipe is what ties the server to its owner: it closes when the owner is done, and also when the
# owner panics or is killed, so that no server outlives the tests.
bin=$1
home=$2
port=$3

"$bin/postgres" -D "$home/data" -p "$port" \
    -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= \
    -c max_connections=400 \
    </dev/null >"$home/log" 2>&1 &
server=$!

while read -r _; do :; done

kill -INT "$server"
wait "$server"
rm -rf "$home"
