#!/bin/bash
# Draws executions of scenarios by ThpCheck's own sampler and by Microsoft Coyote, and writes a table of how many each makes a second.
#   bench/coyote.sh                          some of each size
#   bench/coyote.sh SCENARIO...              of these, every variant
#   ITERATIONS=10000 STRATEGY=pos bench/coyote.sh
#   THPCHECK=FILE bench/coyote.sh            a thpcheck.dll that was built with -p:WithCoyote=true, instead of building one
set -euo pipefail
export LC_ALL=C DOTNET_NOLOGO=1

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
iterations=${ITERATIONS:-1000}
strategy=${STRATEGY:-random}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [[ -z ${THPCHECK:-} ]]; then
    dotnet build -c Release "$root/src/Checker" -p:WithCoyote=true --artifacts-path "$work/artifacts" -v q -nologo >&2
    THPCHECK=$(find "$work/artifacts/bin" -name thpcheck.dll | head -1)
fi

if [[ $# == 0 ]]; then
    cd "$root"
    set -- specs/rmap/exit-against-kswapd.yaml specs/mapcount/split-against-zap.yaml specs/tlb/mkclean-against-zap.yaml
fi

# Scenario, variant, verdict, executions, steps, seconds of each variant. What was not found makes the exit code 3, which is no failure.
sampled() {
    local code=0
    dotnet "$THPCHECK" check "$@" >"$work/out" || code=$?
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
