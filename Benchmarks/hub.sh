#!/bin/sh
# Measures what a hub in between costs, against the same without it and against nginx, and prints Markdown tables. Called by run.sh, which
# builds the probes.
#
#     Benchmarks/hub.sh [hop] [flood] [shared] [many]
#
#     hop      GET screen and a keystroke's echo through one hop, against direct and against nginx
#     flood    a flood with a viewer behind one hop, against a viewer that is not
#     shared   a keystroke's echo on a link that carries a flood too
#     many     20 backends with 100 sessions each: the list of all, and what they cost while nothing happens
set -eu
cd "$(dirname "$0")/.."
exec timeout --foreground 900 /usr/bin/python3 Benchmarks/Hub/hub.py "$@"
