"""Whole processes measured from outside: wall, CPU, memory, how many; and cargo's runs replayed.

Part of benches/compare and of tests/it/scale.rs. Linux only; counting needs strace.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CORES = len(os.sched_getaffinity(0))
# Says who may run beside whom; it is of the run that was recorded, and gone.
JOB_SERVER = {"MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS"}


class Cost(dict):
    """Seconds of wall and CPU of a tree of processes; `own` and `peak` (MB) of the first alone."""

    def __add__(self, other):
        total = Cost({key: self[key] + other[key] for key in ("wall", "cpu", "own")})
        total["peak"] = max(self["peak"], other["peak"])
        return total


NOTHING = Cost(wall=0.0, cpu=0.0, own=0.0, peak=0.0)


def peak_of(pid, peak):
    """The most memory that a process has had; it cannot be asked once it has ended."""
    while True:
        try:
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        lines = [line for line in text.splitlines() if line.startswith("VmHWM:")]
        if not lines:
            return
        peak[0] = max(peak[0], int(lines[0].split()[1]) / 1000)
        time.sleep(0.004)


def measure(command, env=None, cwd=None):
    """Runs a command to its end. What it says is shown only if it fails."""
    with tempfile.TemporaryFile() as said:
        start = time.monotonic()
        child = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        peak = [0.0]
        watcher = threading.Thread(target=peak_of, args=(child.pid, peak))
        watcher.start()
        # It has ended and is still there: its own time stands beside that of its children.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        wall = time.monotonic() - start
        fields = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15]]
        _, status, usage = os.wait4(child.pid, 0)
        watcher.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            said.seek(0)
            sys.exit(f"{command} ended with {child.returncode}:\n{said.read().decode(errors='replace')[-4000:]}")
    # The ticks are coarse: they divide what the kernel has measured.
    cpu = usage.ru_utime + usage.ru_stime
    own = cpu * (ticks[0] + ticks[1]) / max(sum(ticks), 1e-9)
    return Cost(wall=wall, cpu=cpu, own=own, peak=peak[0])


def processes(command, env=None, cwd=None):
    """How many processes a command is, itself among them; threads are none."""
    with tempfile.NamedTemporaryFile() as trace:
        strace = ["strace", "-f", "-qq", "-e", "trace=clone,clone3,?fork,?vfork", "-e", "signal=none", "-o", trace.name]
        measure(strace + list(command), env, cwd)
        lines = pathlib.Path(trace.name).read_text(errors="replace").splitlines()
    started = [line.split(maxsplit=1)[1] for line in lines if " " in line]
    calls = ("clone(", "clone3(", "fork(", "vfork(")
    return 1 + sum(line.startswith(calls) and "CLONE_THREAD" not in line for line in started)


RECORDER = """#!/bin/sh
case "$1" in build | zigbuild)
    at=$RECORD/$(date +%s%N)
    env -0 >"$at.env"
    printf '%s\\0' "$PWD" "$@" >"$at.args"
    ;;
esac
exec "$REAL_CARGO" "$@"
"""


def record(command, env, cwd):
    """The `cargo build`s that a command runs: (arguments, environment, folder), in order."""
    with tempfile.TemporaryDirectory() as folder:
        cargo = pathlib.Path(folder, "cargo")
        cargo.write_text(RECORDER)
        cargo.chmod(0o755)
        changed = {"REAL_CARGO": env["CARGO"], "RECORD": folder, "CARGO": str(cargo), "PATH": f"{folder}:{env['PATH']}"}
        measure(command, {**env, **changed}, cwd)
        runs = []
        for args in sorted(pathlib.Path(folder).glob("*.args")):
            place, *words = args.read_text().split("\0")[:-1]
            then = args.with_suffix(".env").read_text().split("\0")[:-1]
            then = dict(line.split("=", 1) for line in then)
            kept = {k: v for k, v in then.items() if k not in changed and k not in JOB_SERVER}
            runs.append(([env["CARGO"], *words], {**kept, "CARGO": env["CARGO"], "PATH": env["PATH"]}, place))
    return runs


def replay(runs):
    """Those cargo runs again, one after the other."""
    total = NOTHING
    for command, env, cwd in runs:
        total = total + measure(command, env, cwd)
    return total


def spread(values, form="{:.3f}"):
    """Median (least–most)."""
    values = sorted(values)
    return "{} ({}–{})".format(*(form.format(v) for v in (statistics.median(values), values[0], values[-1])))


if __name__ == "__main__":
    # measure.py RUNS COMMAND…: the median of each figure, as JSON.
    runs = [measure(sys.argv[2:]) for _ in range(int(sys.argv[1]))]
    print(json.dumps({key: statistics.median(run[key] for run in runs) for key in NOTHING}))
