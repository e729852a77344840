#!/bin/sh
# Prints a stream as curl does, and comes back with the last id of it whenever it has ended: URL.
set -u
exec 3>&1
last=""
while :; do
    # curl sends no header that has no value.
    ended_at=$(curl --disable --silent --show-error --no-buffer --header "Last-Event-ID: $last" "$1" |
        tee -a /dev/fd/3 | sed -n 's/^id: //p' | tail -n 1)
    last=${ended_at:-$last}
    # What the cut left of a line or a block is no part of the next stream.
    printf '\n\n'
    sleep 0.1
done
