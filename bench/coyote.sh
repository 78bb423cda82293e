#!/bin/bash
# Draws executions of scenarios by ThpCheck's own sampler and by Microsoft Coyote, and compares how many each makes a second.
#   bench/coyote.sh                          some of each size; takes the place of Coyote's section in RESULTS.md
#   bench/coyote.sh SCENARIO...              prints a table of these, every variant
#   ITERATIONS=1000 STRATEGY=pos bench/coyote.sh
#   CORE=1 bench/coyote.sh                   everything pinned to this core, where threads hand over to one another quicker
#   THPCHECK=FILE bench/coyote.sh            a thpcheck.dll that was built with -p:WithCoyote=true, instead of building one
set -euo pipefail
export LC_ALL=C DOTNET_NOLOGO=1

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=$bench/RESULTS.md
heading="## Beside Microsoft Coyote"
iterations=${ITERATIONS:-10000}
strategy=${STRATEGY:-random}
pin=()
if [[ -n ${CORE:-} ]]; then
    pin=(taskset -c "$CORE")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [[ -z ${THPCHECK:-} ]]; then
    dotnet build -c Release "$bench/../src/Checker" -p:WithCoyote=true --artifacts-path "$work/artifacts" -v q -nologo >&2
    THPCHECK=$(find "$work/artifacts/bin" -name thpcheck.dll | head -1)
fi

# Scenario, variant, verdict, executions, steps, seconds of each variant. What was not found makes the exit code 3, which is no failure.
sampled() {
    local code=0
    "${pin[@]}" dotnet "$THPCHECK" check "$@" >"$work/out" || code=$?
    if [[ $code != 0 && $code != 3 ]]; then
        printf 'thpcheck ended with %s\n' "$code" >&2
        exit 1
    fi

    awk '
        /^[^ ].*\.yaml / { scenario = $1 }
        / executions .* states .* steps  longest / {
            gsub(",", "")
            for (i = 1; i <= NF; i++) {
                if ($i == "executions") executions = $(i - 1)
                if ($i == "steps") steps = $(i - 1)
                if ($i == "longest") seconds = $(i + 2)
            }
            print scenario, $2, $3, executions, steps, seconds
        }' "$work/out"
}

table() { # SCENARIO...
    local scenario
    printf '| scenario | variant | executions/s | steps/s | Coyote: executions/s | steps/s | verdicts |\n'
    printf '| --- | --- | --- | --- | --- | --- | --- |\n'
    for scenario in "$@"; do
        sampled "$scenario" --sample random --executions "$iterations" >"$work/own"
        sampled "$scenario" --engine coyote --strategy "$strategy" --iterations "$iterations" >"$work/coyote"
        # Less than a hundredth of a second is written as 0.
        paste -d ' ' "$work/own" "$work/coyote" | awk '
            function rate(n, s) { return int(n / (s < 0.01 ? 0.01 : s)) }
            { printf "| %s | %s | %d | %d | %d | %d | %s, Coyote %s |\n", $1, $2, rate($4, $6), rate($5, $6), rate($10, $12), rate($11, $12), tolower($3), tolower($9) }'
    done
}

if [[ $# != 0 ]]; then
    table "$@"
    exit
fi

cd "$bench/.."
load=$(cut -d ' ' -f 1-3 /proc/loadavg)
table specs/rmap/exit-against-kswapd.yaml specs/mapcount/split-against-zap.yaml specs/tlb/mkclean-against-zap.yaml >"$work/table"
{
    printf '%s\n\n' "$(sed "/^$heading\$/,\$d" "$results")"
    cat <<END
$heading

Written by \`bench/coyote.sh\` on $(date -u +%Y-%m-%d); \`compare.sh\` leaves it as it is.

* Machine: $(sed -nE 's/^model name[[:space:]]*: (.*)/\1/p' /proc/cpuinfo | head -1), $(nproc) cores; load before $load, after $(cut -d ' ' -f 1-3 /proc/loadavg); $([[ -n ${CORE:-} ]] && echo "everything pinned to core $CORE" || echo "nothing pinned").
* ThpCheck at commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), Microsoft Coyote 1.7.11.
* Both draw $iterations executions of each variant at random, ThpCheck's own sampler on one thread, Coyote with \`$strategy\`. One run; the first variant of a scenario also pays for compiling.
* An operation of Coyote's is an OS thread, and a step that another thread takes is a hand-over between two of them. In an exhaustive search ThpCheck takes no execution twice from its beginning, so there is nothing of Coyote's to put beside that.

END
    cat "$work/table"
} >"$work/results"
cp "$work/results" "$results"
printf 'written: %s\n' "$results" >&2
