#!/bin/bash
# Asks Microsoft Coyote what every scenario asks, and writes SWEEP.md next to itself: what must break is looked for with one strategy after the other,
# until all of it was seen, and what must not is executed 10,000 times, or for a minute.
#   bench/sweep.sh                                   all of specs/
#   ITERATIONS=1000 TIME=10 bench/sweep.sh           at most so many executions of a sample, and so many seconds
#   ROWS=FILE bench/sweep.sh                         keeps what it has in this file, a line a variant, and goes on from there
#   NOTE=TEXT COMMIT=ID bench/sweep.sh               what to say of a run whose lines in ROWS were made in several goes, or at another commit
#   CORE=1 bench/sweep.sh                            pinned to this core, where threads hand over to one another quicker
#   SWEEP=FILE bench/sweep.sh                        a ThpCheck.Sweep.dll that was built with -p:WithCoyote=true, instead of building one
set -euo pipefail
export LC_ALL=C DOTNET_NOLOGO=1

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
iterations=${ITERATIONS:-10000}
seconds=${TIME:-60}
pin=()
if [[ -n ${CORE:-} ]]; then
    pin=(taskset -c "$CORE")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [[ -z ${SWEEP:-} ]]; then
    dotnet build -c Release "$bench/Sweep" -p:WithCoyote=true --artifacts-path "$work/artifacts" -v q -nologo >&2
    SWEEP=$(find "$work/artifacts/bin" -name ThpCheck.Sweep.dll | head -1)
fi

cd "$bench/.."
commit=${COMMIT:-$(git rev-parse --short HEAD 2>/dev/null || echo unknown)}
code=0
"${pin[@]}" dotnet "$SWEEP" "${ROWS:-$work/rows}" --iterations "$iterations" --seconds "$seconds" >"$work/out" || code=$?
if [[ $code == 2 ]]; then
    exit 2
fi
{
    cat <<END
# All of specs/ under Microsoft Coyote

Written by \`bench/sweep.sh\` on $(date -u +%Y-%m-%d). Machine: $(sed -nE 's/^model name[[:space:]]*: (.*)/\1/p' /proc/cpuinfo | head -1), $(nproc) cores, shared; $([[ -n ${CORE:-} ]] && echo "pinned to one core" || echo "nothing pinned"). ThpCheck at commit $commit, Microsoft Coyote 1.7.11.

* Where a variant must break, \`prioritization\`, \`pos\`, \`random\`, \`fair-prioritization\` and \`q-learning\` follow one another with 100 executions each (seed 2), then 1,000 (seed 102), and so on up to $iterations, until every promise that must break was seen to; last is
  \`prioritization/3\` (\`--priority-changes 3\`) with ten times as many executions and as much time, and, where nothing of the variant was seen by then, \`prioritization/25\` with a hundred times as many.
  A number in parentheses is that seed: \`check FILE --variant V --engine coyote --strategy S --seed SEED --iterations N\` makes the execution again.
* Where it must not, or something only is never reached, which no sample can see, \`prioritization\` made $iterations executions (seed 1), or fewer where the table says so. What no more than
  informs or tidies up may break there, and is looked for as above.
* No other sample took longer than $seconds s.
${NOTE:+* $NOTE
}
END
    cat "$work/out"
} >"$bench/SWEEP.md"
printf 'written: %s\n' "$bench/SWEEP.md" >&2
exit "$code"
