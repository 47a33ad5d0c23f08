#!/usr/bin/env bash
# UCI engines of Debian that search on whatever `go nodes` says.
#
# Versions: gnuchess 6.2.7, toga2 3.0.0.1SE1 (Debian 12).
# Guess: after `go nodes 1000`, a UCI engine says `bestmove` within the second.
# Behaviour: both say nothing but `info` lines (of hundreds of thousands of nodes) until `stop`;
#   `go depth 4` and `go movetime 100` they keep to.
# Exit status: 0 if it is still so, 1 if not, 77 if neither is installed.
set -euo pipefail
PATH="$PATH:/usr/games"
said() { # the command, what it is asked, seconds until `stop`: how many best moves it said before
    { printf 'uci\nisready\nucinewgame\nposition startpos moves a2a3 h7h6 h2h3 a7a6\n%s\n' "$2"
      sleep "$3"; printf 'isready\n'; sleep 1; } \
        | timeout 8 $1 2> /dev/null | sed '/^bestmove/q' | grep -c '^bestmove' || true
}
tried=0
for engine in "toga2" "gnuchess --uci"; do
    command -v "${engine%% *}" > /dev/null || continue
    tried=1
    for asked in "go nodes 1000" "go depth 4" "go movetime 100"; do
        count="$(said "$engine" "$asked" 5)"
        echo "$engine, $asked: $count best moves within 5 seconds"
        expected=1
        [[ "$asked" == "go nodes 1000" ]] && expected=0
        [[ "$count" == "$expected" ]] || exit 1
    done
done
[[ "$tried" == 1 ]] || { echo "install the Debian packages toga2, gnuchess"; exit 77; }
