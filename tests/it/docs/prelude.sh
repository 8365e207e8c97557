# What stands before the command lines of a file of the documentation (tests/it/docs.rs).
set -euo pipefail

# at FILE:LINE: the line that runs next, for whoever reads the log of one that failed.
at() {
    now=$1
    echo "== $1" >&2
}
trap 'echo "FAILED at $now: $BASH_COMMAND" >&2' ERR

# What does not end by itself is started, waited for until it answers, and ended by Ctrl-C when the next
# one is started or the file is through. Each listens on a port of the test's own.
cargo() {
    local all=" $* " more=()
    if [[ ${1-} != lambda-pack ]]; then command cargo "$@"; return; fi
    if [[ $all != *' --port '* && ($all == *' --local '* || ${2-} =~ ^(run|watch|local)$) ]]; then
        more=(--port "$PORT")
    fi
    case "$2 $all" in
    run\ * | watch\ * | local\ * | deploy\ *' --serve '*) serve "$@" "${more[@]}" ;;
    logs\ *' --follow '*) serve "$@" "${more[@]}" && stop ;;
    *) command cargo "$@" "${more[@]}" ;;
    esac
}

server=
serve() {
    stop
    set -m # Else it would be started deaf to Ctrl-C.
    command cargo "$@" >"$LOGS/out" 2> >(tee "$LOGS/err" >&2) &
    server=$!
    set +m
    until ready "$2"; do
        kill -0 "$server"
        sleep 0.05
    done
    # What `local` prints is there to be taken over.
    if [[ $2 == local ]]; then source "$LOGS/out"; fi
}

ready() {
    case $1 in
    logs) sleep 1 ;;
    local) grep -q AWS_SECRET_ACCESS_KEY "$LOGS/out" ;;
    deploy) grep -q "CODESHA256\|VERSION" "$LOGS/out" ;;
    *) grep -q "Serving on" "$LOGS/err" ;;
    esac 2>/dev/null
}

stop() {
    [[ -n $server ]] || return 0
    kill -INT "$server"
    wait "$server"
    server=
}
trap 'stop' EXIT

# The AWS command line as pip brings it is version 1: it has not this option, and does what that asks for.
aws() {
    local args=()
    while (($#)); do
        if [[ $1 == --cli-binary-format ]]; then shift; else args+=("$1"); fi
        shift
    done
    [[ -x $AWS_PYTHON ]] || return 0
    "$AWS_PYTHON" -m awscli "${args[@]}" | tee "$LOGS/aws"
    # Where a function fails, `aws lambda invoke` does not.
    ! grep -q FunctionError "$LOGS/aws"
}

# An answer that is an error fails the line.
curl() { command curl --fail "$@"; }

# new_code FUNCTION: somebody changes its code, and commits that.
new_code() {
    sed -i 's/handling/handling./' "crates/$1/src/main.rs"
    git -c user.name=t -c user.email=t@t.invalid commit -qam "Another $1"
}

# put PATH: writes a file of the workspace.
put() {
    mkdir -p "$(dirname "$1")"
    cat >"$1"
}
