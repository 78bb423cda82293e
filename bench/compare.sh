#!/bin/bash
# Measures ThpCheck beside SPIN and rumur on the same models and writes RESULTS.md next to itself.
#   bench/compare.sh            five paired runs of everything
#   RUNS=9 bench/compare.sh     another number of runs, at least 5 for figures to quote
#   CORE=1 bench/compare.sh     every checker pinned to this core
set -euo pipefail
export LC_ALL=C DOTNET_NOLOGO=1

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peers=$bench/peers
results=$bench/RESULTS.md
runs=${RUNS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=$work/data # tool, model, states, transitions, search s, bytes/state, steps of the counterexample, wall s, CPU s
built=$work/built # tool, model, seconds
: >"$data"
: >"$built"
pin=()
if [[ -n ${CORE:-} ]]; then
    pin=(taskset -c "$CORE")
fi

# Model, ThpCheck's sizes, SPIN's and rumur's constants; a dash where a tool has no such model.
models=(
    "counters(4,2,2)|counters 4 2 2|K=4 N=2 L=2"
    "counters(6,2,2)|counters 6 2 2|K=6 N=2 L=2"
    "counters(6,3,2)|counters 6 3 2|K=6 N=3 L=2"
    "counters(6,4,2)|counters 6 4 2|K=6 N=4 L=2"
    "counters(6,5,2)|counters 6 5 2|K=6 N=5 L=2"
    "ctr(3,3)|ctr 3 3|N=3 K=3"
    "ctr(3,4)|ctr 3 4|N=3 K=4"
    "ctr(3,5)|ctr 3 5|N=3 K=5"
    "ctr(4,2)|ctr 4 2|N=4 K=2"
    "thp(2,1)|thp 2 1|F=2 R=1"
    "thp(2,2)|thp 2 2|F=2 R=2"
    "thp(3,1)|thp 3 1|F=3 R=1"
    "thp(3,2)|thp 3 2|F=3 R=2"
)

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null; }

install_peers() {
    if have spin && have rumur; then
        return
    fi
    if [[ $(id -u) == 0 ]] && have apt-get; then
        apt-get install -y --no-install-recommends spin rumur gcc >/dev/null 2>&1 || true
    fi
    have spin || say "spin is not here, so it is left out: apt-get update && apt-get install spin"
    have rumur || say "rumur is not here, so it is left out: apt-get update && apt-get install rumur"
}

# Runs a command in the work folder; its output goes to $work/out, its wall and CPU seconds to $wall and $cpu.
timed() {
    local TIMEFORMAT='%R %U %S' took
    # A checker that has found a violation may say so by its exit code.
    took=$({ time (cd "$work" && "${pin[@]}" "$@" >"$work/out" 2>"$work/err") || true; } 2>&1)
    read -r wall cpu < <(awk '{ print $1, $2 + $3 }' <<<"$took")
}

# The median of numbers, one a line.
median_of() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

# Runs what makes a verifier and remembers how long that took.
build() {
    local tool=$1 model=$2
    shift 2
    timed "$@"
    if [[ ! -x $work/$tool-$model ]]; then
        say "no verifier for $model ($tool):"
        cat "$work/out" "$work/err" >&2
        exit 1
    fi
    printf '%s\t%s\t%.2f\n' "$tool" "$model" "$wall" >>"$built"
}

record() { printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@" "$wall" "$cpu" >>"$data"; }

# A run that ended in any other way than with the counts is no measurement.
need() {
    if [[ -z $1 ]]; then
        say "$2 gave no counts:"
        cat "$work/out" "$work/err" >&2
        exit 1
    fi
}

# How SPIN's verifiers are compiled. -DSAFETY leaves out what only cycle checks need, in SPIN's favour.
spin_flags() {
    case $1 in
    spin-full) echo "-DSAFETY -DNOREDUCE" ;;
    spin-reduced) echo "-DSAFETY" ;;
    spin-bfs) echo "-DBFS -DNOREDUCE" ;;
    esac
}

spin_build() { # TOOL MODEL CONSTANTS
    local source=$peers/${2%%(*}.pml constants
    constants="-DSTAY $(sed -E 's/([A-Z]+=)/-D\1/g' <<<"$3")"
    build "$1" "$2" bash -c "spin $constants -a '$source' && gcc -O2 -DMEMLIM=16000 $(spin_flags "$1") -o '$1-$2' pan.c"
}

spin_run() { # TOOL MODEL
    timed "./$1-$2" -m10000
    local states transitions seconds megabytes steps
    states=$(awk '/states, stored/ { print $1 }' "$work/out")
    need "$states" "SPIN on $2"
    transitions=$(awk '/transitions \(= stored\+matched\)/ { print $1 - 1 }' "$work/out") # the initial state is no transition
    seconds=$(awk '/^pan: elapsed time/ { print $4 }' "$work/out")
    megabytes=$(awk '/total actual memory usage/ { print $1 }' "$work/out")
    steps=$(sed -nE 's/.*assertion violated.*at depth ([0-9]+).*/\1/p' "$work/out" | awk '{ print $1 + 1 }')
    record "$1" "$2" "$states" "$transitions" "$seconds" "$(awk -v m="$megabytes" -v s="$states" 'BEGIN { printf "%.0f", m * 1048576 / s }')" "${steps:--}"
}

thpcheck_run() { # TOOL MODEL ARGUMENTS
    local arguments numbers
    read -ra arguments <<<"$3"
    timed dotnet "$bench/Bench/bin/Release/net10.0/ThpCheck.Bench.dll" "${arguments[@]}" --runs 1
    if grep -q 'NOT AS THE FORMULA' "$work/out"; then
        cat "$work/out" >&2
        exit 1
    fi
    numbers=$(sed -nE \
        -e 's/^[^:]*: ([0-9]+) states, ([0-9]+) transitions.*counterexample of ([0-9]+) steps.*search ([0-9.]+) s.*/\1 \2 \4 - \3/p' \
        -e 's/^[^:]*: ([0-9]+) states, ([0-9]+) transitions.*depth [0-9]+; ([0-9.]+) s,.* ([0-9]+) bytes\/state.*/\1 \2 \3 \4 -/p' "$work/out")
    need "$numbers" "ThpCheck on $2"
    # shellcheck disable=SC2086 # five numbers
    record "$1" "$2" $numbers
}

rumur_build() { # MODEL CONSTANTS
    local edits=() constant
    for constant in $2; do
        edits+=(-e "s/\\b${constant%=*}: [0-9]+;/${constant%=*}: ${constant#*=};/")
    done
    sed -E "${edits[@]}" "$peers/counters.m" >"$work/model.m"
    build rumur "$1" bash -c "rumur --deadlock-detection off --threads 1 --output rumur.c model.m && gcc -std=c11 -O2 -mcx16 -o 'rumur-$1' rumur.c -lpthread -latomic"
}

rumur_run() { # MODEL
    timed "./rumur-$1"
    local counts
    counts=$(sed -nE 's/^[^0-9]*([0-9]+) states, ([0-9]+) rules fired in .*/\1 \2/p' "$work/out")
    need "$counts" "rumur on $1"
    # Its own clock shows whole seconds: the search is the whole run, which starts at once.
    # shellcheck disable=SC2086 # two numbers
    record rumur "$1" $counts "$wall" - -
}

# The tools, each run in the other order every second time: a run inherits warm or cold memory from the one before it.
in_turn() { # RUN TOOLS...
    local i=$1 tools=("${@:2}") at
    for ((at = 0; at < ${#tools[@]}; at++)); do
        echo "${tools[i % 2 ? ${#tools[@]} - 1 - at : at]}"
    done
}

measure() {
    local entry model arguments constants tool tools i
    for entry in "${models[@]}"; do
        IFS='|' read -r model arguments constants <<<"$entry"
        say "$model"
        tools=(thpcheck thpcheck-two thpcheck-reduced)
        if have spin; then
            tools+=(spin-full spin-bfs spin-reduced)
        fi
        if have rumur && [[ $model == counters* ]]; then
            tools+=(rumur)
        fi
        for tool in "${tools[@]}"; do
            case $tool in
            spin-*) spin_build "$tool" "$model" "$constants" ;;
            rumur) rumur_build "$model" "$constants" ;;
            esac
        done
        for ((i = 0; i < runs; i++)); do
            for tool in $(in_turn "$i" "${tools[@]}"); do
                case $tool in
                thpcheck) thpcheck_run "$tool" "$model" "$arguments" ;;
                thpcheck-two) thpcheck_run "$tool" "$model" "$arguments --workers 2" ;;
                thpcheck-reduced) thpcheck_run "$tool" "$model" "$arguments --reduced" ;;
                spin-*) spin_run "$tool" "$model" ;;
                rumur) rumur_run "$model" ;;
                esac
            done
        done
    done

    say "two at once"
    for ((i = 0; i < runs; i++)); do
        for tool in 1 2; do
            dotnet "$bench/Bench/bin/Release/net10.0/ThpCheck.Bench.dll" ctr 4 2 --runs 1 >"$work/at-once-$tool" &
        done
        wait
        sed -nE 's/.*depth [0-9]+; ([0-9.]+) s,.*/\1/p' "$work/at-once-1" "$work/at-once-2" >>"$work/at-once"
    done
    at_once=$(median_of <"$work/at-once")
    alone=$(awk -F '\t' '$1 == "thpcheck" && $2 == "ctr(4,2)" { print $5 }' "$data" | median_of)

    say "ctrb"
    tools=(thpcheck-first thpcheck)
    if have spin; then
        tools+=(spin-bfs)
        spin_build spin-bfs ctrb ""
    fi
    for ((i = 0; i < runs; i++)); do
        for tool in $(in_turn "$i" "${tools[@]}"); do
            case $tool in
            thpcheck-first) thpcheck_run "$tool" ctrb "ctrb --first" ;;
            thpcheck) thpcheck_run "$tool" ctrb ctrb ;;
            spin-bfs) spin_run "$tool" ctrb ;;
            esac
        done
    done

    say "specs"
    timed dotnet "$bench/../src/Checker/bin/Release/net10.0/thpcheck.dll" check --no-cache "$bench/../specs"
    specs="$(tail -1 "$work/out") In $wall s, CPU $cpu s: $(awk -v w="$wall" 'BEGIN { print w < 30 ? "met" : "not met" }')"

    say "start-up and warm runs"
    for ((i = 0; i < runs; i++)); do
        thpcheck_run thpcheck "start-up" "steps 1 1"
    done
    warm=$("${pin[@]}" dotnet "$bench/Bench/bin/Release/net10.0/ThpCheck.Bench.dll" counters 6 5 2 --runs $((runs + 2)) | sed -nE 's/.* ([0-9.]+) M states\/s.*/\1/p' |
        tail -n +2 | sort -n | awk '{ a[NR] = $1 } END { printf "%.2f (%.2f to %.2f)", a[int((NR + 1) / 2)], a[1], a[NR] }')
}

# Medians with least and most, as Markdown. The first argument says which table.
table() {
    awk -F '\t' -v table="$1" -v built="$built" '
        function sort_numbers(n,    i, j, x) {
            for (i = 2; i <= n; i++) {
                x = v[i]
                for (j = i - 1; j > 0 && v[j] > x; j--) v[j + 1] = v[j]
                v[j + 1] = x
            }
        }
        # Fills v with a column of the runs of a tool on a model; returns how many there are.
        function column(key, field,    i) {
            for (i = 1; i <= count[key]; i++) v[i] = run[key, i, field] + 0
            sort_numbers(count[key])
            return count[key]
        }
        function median(key, field,    n) {
            n = column(key, field)
            return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
        }
        function spread(key, field, digits,    m) {
            m = median(key, field)
            return sprintf("%.*f (%.*f to %.*f)", digits, m, digits, v[1], digits, v[count[key]])
        }
        # SPIN counts hundredths of a second, so a rate of less than a tenth of a second means nothing.
        function rate(key, count_field) {
            return median(key, 5) < 0.1 ? "" : sprintf("%.2f", run[key, 1, count_field] / median(key, 5) / 1e6)
        }
        BEGIN {
            FS = "\t"
            while ((getline line < built) > 0) {
                split(line, part, "\t")
                compile[part[1] "\t" part[2]] = part[3]
            }
            title["thpcheck"] = "ThpCheck"
            title["thpcheck-two"] = "ThpCheck, two workers"
            title["thpcheck-reduced"] = "ThpCheck, reduced"
            title["thpcheck-first"] = "ThpCheck `--first`"
            title["spin-full"] = "SPIN depth-first"
            title["spin-bfs"] = "SPIN breadth-first"
            title["spin-reduced"] = "SPIN depth-first, reduced"
            title["rumur"] = "rumur"
            tools = split("thpcheck thpcheck-two thpcheck-reduced thpcheck-first spin-full spin-bfs spin-reduced rumur", tool, " ")
        }
        {
            key = $1 "\t" $2
            if (!($2 in known)) {
                known[$2] = 1
                model[++models] = $2
            }
            for (i = 3; i <= 9; i++) run[key, count[key] + 1, i] = $i
            count[key]++
        }
        END {
            for (m = 1; m <= models; m++) {
                if (table == "whole" && (model[m] == "ctrb" || model[m] == "start-up")) continue
                if (table == "shortest" && model[m] != "ctrb") continue
                if (table == "limit") continue
                if (table == "start" && model[m] != "start-up") continue
                if (table == "workers") {
                    a = "thpcheck\t" model[m]; b = "thpcheck-two\t" model[m]
                    if (!count[b] || median(a, 5) < 0.1) continue
                    ratio = median(a, 5) / median(b, 5)
                    printf "| %s | %s | %s | %.2f | %s |\n", model[m], rate(a, 3), rate(b, 3), ratio, (ratio >= 1.8 ? "met" : "not met")
                    continue
                }
                if (table == "reduced") {
                    a = "thpcheck-reduced\t" model[m]; b = "spin-reduced\t" model[m]
                    if (!count[b]) continue
                    printf "| %s | %s | %s | %.3f | %s |\n", model[m], run[a, 1, 3], run[b, 1, 3], run[a, 1, 3] / run[b, 1, 3], (run[a, 1, 3] < run[b, 1, 3] ? "met" : "not met")
                    continue
                }
                if (table == "agree" || table == "goal") {
                    a = "thpcheck\t" model[m]; b = "spin-full\t" model[m]
                    if (!count[b]) continue
                    if (table == "agree") {
                        same = 1
                        for (i = 1; i <= count[b]; i++) same = same && run[a, i, 3] == run[b, i, 3] && run[a, i, 4] == run[b, i, 4]
                        if (!same) printf "%s: SPIN %s / %s, ThpCheck %s / %s. ", model[m], run[b, 1, 3], run[b, 1, 4], run[a, 1, 3], run[a, 1, 4]
                        continue
                    }
                    if (rate(b, 3) == "") continue
                    ratio = median(b, 5) / median(a, 5)
                    ratio_cpu = median(b, 9) / median(a, 9)
                    verdict = ratio >= 1.2 ? "met" : ratio >= 1 / 1.2 ? "even, within noise" : "not met"
                    printf "| %s | %s | %s | %.2f | %.2f | %s |\n", model[m], rate(a, 3), rate(b, 3), ratio, ratio_cpu, verdict
                    continue
                }
                for (t = 1; t <= tools; t++) {
                    key = tool[t] "\t" model[m]
                    if (!count[key]) continue
                    if (table == "whole")
                        printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", model[m], title[tool[t]], run[key, 1, 3], run[key, 1, 4], rate(key, 3), rate(key, 4), run[key, 1, 6], spread(key, 8, 2), sprintf("%.2f", median(key, 9)), compile[key]
                    else if (table == "shortest")
                        printf "| %s | %s | %s | %s | %s | %.2f | %s |\n", title[tool[t]], run[key, 1, 7], run[key, 1, 3], run[key, 1, 4], spread(key, 8, 2), median(key, 9), compile[key]
                    else
                        printf "%s s, CPU %.2f s", spread(key, 8, 2), median(key, 9)
                }
            }
            if (table == "limit") {
                m = median("thpcheck-first\tctrb", 8)
                printf "%.2f s: %s", m, m < 0.5 ? "met" : "not met"
            }
        }' "$data"
}

version() { "$@" 2>&1 | head -1 || true; }

report() {
    local differing
    differing=$(table agree)
    have spin || differing="SPIN was not here to compare with."
    cat <<END
# Side by side

Written by \`bench/compare.sh\` on $(date -u +%Y-%m-%d); what it measures and how is in [README.md](README.md).

* Machine: $(sed -nE 's/^model name[[:space:]]*: (.*)/\1/p' /proc/cpuinfo | head -1), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB; load before the first run $load, after the last $(cut -d ' ' -f 1-3 /proc/loadavg); $([[ -n ${CORE:-} ]] && echo "every checker pinned to core $CORE" || echo "nothing pinned").
* ThpCheck at commit $commit, .NET $(version dotnet --list-runtimes | awk '{ print $2 }'); $(have spin && version spin -V || echo "no SPIN"); $(version gcc --version); $(have rumur && version rumur --version || echo "no rumur").
* $runs runs of each, paired: one run of every checker, then one of every checker in the other order, and so on. A new process each. Medians, with least and most.
* Differences under 15 to 20 % are noise on such a machine. A rate is given where the search takes a tenth of a second. CPU is user and system time of all threads, ThpCheck's compilation at run time among it: where other processes run beside, it is the steadier figure.

## Every state

ThpCheck keeps the whole graph with all edges and searches breadth-first, on one core unless it says two. SPIN is \`gcc -O2\`, on one core: \`-DSAFETY -DNOREDUCE\`; \`-DBFS -DNOREDUCE\`; \`-DSAFETY\` with its own
reduction, to be set against ThpCheck \`--reduced\`, which uses partial-order reduction and symmetry and searches again where a search discovered what it should have known: its time is that of all of them. rumur has one thread. SPIN counts the initial state as a transition; that one is taken off.
${differing:+**Counts:** }${differing:-States and transitions of ThpCheck and of SPIN unreduced are equal in every row.}

| model | checker | states | transitions | M states/s | M transitions/s | bytes/state | total s with start | CPU s | compiling the verifier, s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
$(table whole)

Below some hundred thousand states bytes/state is the size of empty tables: SPIN begins with 128 MiB, ThpCheck with 2. ThpCheck's figure is the table, graph and queues, without the .NET runtime's own (some 40 MiB).

ThpCheck on counters(6,5,2) in one process, without its first run: $warm M states/s.
A model of two states takes ThpCheck $(table start): that is what starting costs.

## Shortest counterexample

ctrb fails in 50 steps at least. \`--first\` stops at the first violation, which is the shortest; without, every state is explored and the counterexample proven to have the fewest context switches,
then steps. Both with its trace. SPIN is breadth-first, unreduced, until its first violation.

| checker | steps | states | transitions | total s with start | CPU s | compiling the verifier, s |
| --- | --- | --- | --- | --- | --- | --- |
$(table shortest)

## Goals

* Unreduced, at least SPIN's states per second on one core: the table. The ratio is SPIN's search time by ThpCheck's; that of CPU time has each whole process.

| model | ThpCheck, M states/s | SPIN, M states/s | ratio | ratio of CPU time | |
| --- | --- | --- | --- | --- | --- |
$(table goal)

* Two workers at least 1.8 times one, by search time:

| model | one, M states/s | two, M states/s | ratio | |
| --- | --- | --- | --- | --- |
$(table workers)

Two searches of ctr(4,2) in processes of their own, which share nothing but the machine, take $at_once s each, one alone $alone s: together
$(awk -v a="$alone" -v b="$at_once" 'BEGIN { printf "%.2f", 2 * a / b }') times one. Two workers that share a search can hardly gain more than that on this machine.

* Reduced, fewer states than SPIN's reduction (asked for on \`thp\`):

| model | ThpCheck | SPIN | ratio | |
| --- | --- | --- | --- | --- |
$(table reduced)

* All of \`specs/\` in under 30 s on two cores: $specs.
* The shortest counterexample of ctrb in under half a second, start included: $(table limit).

What limits them is in [README.md](README.md#what-limits-it).

## TLC, as published

Not run here. From [peers/README.md](peers/README.md), counters(6,5,2) on a two-core machine: 0.19 M states/s and 0.43 M transitions/s with one worker, 0.21 M and 0.47 M with two. Its ctr has fewer steps: 286,517 distinct
states for (3,3), 6,715,734 for (3,5).

$besides
END
}

# What is measured is what is built now: the commit is taken here, as the branch may move on while this runs.
commit=$(git -C "$bench" rev-parse --short HEAD 2>/dev/null || echo "unknown")
if [[ $commit != unknown ]] && [[ -n $(git --no-optional-locks -C "$bench" status --porcelain -- ../src) ]]; then
    commit="$commit with changes in src that are not committed"
fi
install_peers
{ dotnet build -c Release "$bench/Bench" && dotnet build -c Release "$bench/../src/Checker"; } >"$work/build" 2>&1 || {
    cat "$work/build" >&2
    exit 1
}
besides=$(sed -n '/^## Beside /,$p' "$results" 2>/dev/null || true) # coyote.sh wrote it
load=$(cut -d ' ' -f 1-3 /proc/loadavg)
measure
report >"$results"
say "written: $results"
