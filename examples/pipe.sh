#!/bin/sh
# Records through files and pipes. Needs a broker that runs (npm start); its address is the first argument.
set -eu
broker=${1:-127.0.0.1:9092}
polylog() { ${POLYLOG:-node scripts/bootstrap.mjs polylog} "$@" --broker "$broker"; }

polylog topic create fruit --partitions 3

# Each line is a record: key, then value.
printf 'banana\tyellow\ncherry\tred\napple\tgreen\n' | polylog produce fruit --format kv

# Everything that is there, as JSON for the next program, or as text.
polylog consume fruit --from beginning --format kv | sort
