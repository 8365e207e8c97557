//! Many handlers: what this program does itself grows with their number, and no faster.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::{Workspace, have, repository, run, scrub};

/// Seconds and megabytes of the program itself: what cargo and others take is theirs.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: f64,
    peak: f64,
}

/// That many small handlers, compiled as quickly as they can be, all built.
fn built(count: usize) -> Workspace {
    let workspace = Workspace::new();
    workspace.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n[profile.release]\n\
         opt-level = 0\nstrip = \"symbols\"\nlto = false\ncodegen-units = 16\n",
    );
    for at in 0..count {
        workspace.handler(&format!("handler-{at:03}"), "");
    }
    workspace.run(&["package", "-q"]).code(0);
    workspace
}

/// The median of that many runs, by `benches/measure.py`.
fn cost(workspace: &Workspace, runs: usize) -> Cost {
    let mut command = Command::new("python3");
    scrub(&mut command);
    command.arg(repository().join("benches/measure.py")).arg(runs.to_string());
    command.arg(env!("CARGO_BIN_EXE_cargo-lambda-pack")).args(["package", "-q"]);
    command.env("CARGO_NET_OFFLINE", "true").current_dir(workspace.path());
    let figures: Value = serde_json::from_str(&run(&mut command).code(0).stdout).unwrap();
    Cost { cpu: figures["own"].as_f64().unwrap(), peak: figures["peak"].as_f64().unwrap() }
}

/// Twice the handlers may cost twice as much, with as much again for what a busy machine adds.
#[track_caller]
fn grows(what: &str, costs: &[Cost; 3]) {
    let [first, second, third] = costs;
    let (less, more) = (second.cpu - first.cpu, third.cpu - second.cpu);
    assert!(more <= 4.0 * less.max(0.02), "{what}: {costs:?}");
    let (less, more) = (second.peak - first.peak, third.peak - second.peak);
    assert!(more <= 4.0 * less.max(2.0), "{what}: {costs:?}");
}

#[test]
#[ignore = "175 handlers are built"]
fn time_and_memory_grow_with_the_number_of_handlers() {
    if !have("python3") {
        return;
    }
    let workspaces = [25, 50, 100].map(built);
    let idle = [0, 1, 2].map(|at| cost(&workspaces[at], 7));
    let packing = [0, 1, 2].map(|at| {
        let workspace: &Workspace = &workspaces[at];
        let mut costs: Vec<Cost> = (0..3)
            .map(|_| {
                for name in ["lambda-pack", "lambda-pack.stamps"] {
                    fs::remove_dir_all(workspace.path().join("target").join(name)).unwrap();
                }
                cost(workspace, 1)
            })
            .collect();
        costs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        costs[1]
    });
    for (what, costs) in [("nothing to do", idle), ("packing", packing)] {
        println!("{what}, 25, 50 and 100 handlers: {costs:.3?}");
        grows(what, &costs);
    }
}
