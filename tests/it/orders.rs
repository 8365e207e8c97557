//! `examples/orders`: the README's own input, packaged and answering under AWS's real Runtime
//! Interface Emulator.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::emulator::Emulator;
use crate::support::{lambda_pack, repository, run};

/// Where the bundles are, packaged once for all tests of this file.
static BUNDLES: LazyLock<PathBuf> = LazyLock::new(|| {
    let orders = repository().join("examples/orders");
    let out = repository().join("target/orders-bundles");
    let mut command = lambda_pack(&orders);
    command.args(["package", "--locked", "--target-dir"]);
    command.arg(repository().join("target/orders")).arg("--out").arg(&out);
    let answer = run(&mut command).code(0);
    let functions: Vec<_> = answer
        .stdout
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let expected = [
        "orders-api",
        "orders-audit",
        "orders-export",
        "orders-notify",
        "orders-report",
        "orders-worker",
    ];
    assert_eq!(functions, expected, "the S3 handler stands outside of the default members");
    out.join("")
});

pub(crate) fn zip(function: &str) -> PathBuf {
    BUNDLES.join(function).join(crate::support::host_arch()).join("bootstrap.zip")
}

/// The layer that an extension's bundle is.
pub(crate) fn extension_zip(name: &str) -> PathBuf {
    BUNDLES.join(name).join(crate::support::host_arch()).join(format!("{name}.zip"))
}

/// With a function's bundle.
fn start(function: &str) -> Option<Emulator> {
    Emulator::start(&zip(function), crate::support::host_arch(), &[])
}

#[test]
fn the_http_api_answers_under_the_real_emulator() {
    let Some(emulator) = start("orders-api") else { return };
    let placed = emulator.invoke("orders-api/events/place-order.json");
    assert_eq!(placed["statusCode"], 201, "{placed}");
    let order: Value = serde_json::from_str(placed["body"].as_str().unwrap()).unwrap();
    assert_eq!(order["totalCents"], 3299);
    let got = emulator.invoke("orders-api/events/get-order.json");
    assert_eq!((&got["statusCode"], &got["body"]), (&json!(200), &placed["body"]));
    let invalid = emulator.invoke("orders-api/events/place-invalid-order.json");
    assert_eq!(invalid["statusCode"], 400, "{invalid}");
    let deleted = emulator.invoke("orders-api/events/delete-order.json");
    assert_eq!(deleted["statusCode"], 204, "{deleted}");
    assert_eq!(emulator.invoke("orders-api/events/get-order.json")["statusCode"], 404);
}

#[test]
fn the_worker_reports_partial_failures_under_the_real_emulator() {
    let Some(emulator) = start("orders-worker") else { return };
    let failures = emulator.invoke("orders-worker/events/batch.json");
    assert_eq!(failures["batchItemFailures"].as_array().map(Vec::len), Some(2), "{failures}");
    let none = emulator.invoke("orders-worker/events/good-batch.json");
    assert_eq!(none, json!({ "batchItemFailures": [] }));
}

#[test]
fn the_report_finds_the_files_that_were_packed_with_it() {
    let Some(emulator) = start("orders-report") else { return };
    let report = emulator.invoke("orders-report/events/scheduled.json");
    assert_eq!(report["orders"], 3, "{report}");
    assert!(report["text"].as_str().unwrap().starts_with("Orders report of 2026-03-02"));
}

#[test]
fn every_bundle_is_sound_and_check_says_so() {
    let mut command = lambda_pack(Path::new(&*BUNDLES));
    let audit = BUNDLES.join("orders-audit").join(crate::support::host_arch());
    command.args(["check", "--output", "json"]).arg(audit.join("orders-audit.zip"));
    let functions =
        ["orders-api", "orders-export", "orders-notify", "orders-report", "orders-worker"];
    for function in functions {
        command.arg(zip(function));
    }
    let answer = run(&mut command).code(0);
    assert_eq!(answer.findings(), [""; 0], "{}", answer.stdout);
    assert_eq!(answer.records().len(), 6);
}
