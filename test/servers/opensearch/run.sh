#!/bin/sh
# Starts one OpenSearch node for integration tests:
#
#     run.sh <cache directory> <data directory> <http port, 0 = free>
#
# The first call lets Maven fetch the dependencies and compile the class into the cache directory;
# later calls need neither Maven nor the network. The node prints "ready <url>" on stdout and stops
# when its stdin closes. Status 3 means that this machine cannot run it: a tool or the registry is
# missing.
set -eu

unavailable() {
    echo "run.sh: $1" >&2
    exit 3
}

need() {
    command -v "$1" >/dev/null 2>&1 || unavailable "$1 is not installed."
}

if [ $# -ne 3 ]; then
    echo "usage: run.sh <cache directory> <data directory> <http port, 0 = free>" >&2
    exit 2
fi
cache=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
need java

# The build is named after its sources, so a change to them makes a new one.
key=$(cat "$here/pom.xml" "$here/src/main/java/searchnode/SearchNode.java" | cksum | cut -d' ' -f1)
build=$cache/searchnode-$key

if [ ! -d "$build" ]; then
    need mvn
    mkdir -p "$cache"
    # Maven takes a relative directory as relative to the pom, hence the absolute path.
    tmp=$(mktemp -d "$(cd "$cache" && pwd)/build.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    trap 'exit 1' HUP INT TERM
    # -U: try again what an earlier call failed to fetch. stdin belongs to the node.
    if ! mvn -B -U -f "$here/pom.xml" -Dbuild.dir="$tmp/out" compile \
            </dev/null >"$tmp/log" 2>&1; then
        cat "$tmp/log" >&2
        # Anything else, such as a compile error, is a fault of ours and must not pass for "missing".
        if grep -Eq 'Could not transfer|failed to transfer|offline mode' "$tmp/log"; then
            unavailable "Maven cannot reach its registry."
        fi
        exit 1
    fi
    cat "$tmp/log" >&2
    # Renaming publishes a complete build; if another call was first, its build serves as well.
    [ -d "$build" ] || mv "$tmp/out" "$build"
    rm -rf "$tmp"
    trap - EXIT HUP INT TERM
fi

# The serial collector and the first compiler tier make for a quick start and a small process.
exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -cp "$build/classes:$build/lib/*" searchnode.SearchNode "$@"
