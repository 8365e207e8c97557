//! The README says what is so.

use lambda_pack::audit::Code;

use crate::support::{LAMBDA, Workspace, repository};

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).unwrap()
}

#[test]
fn every_finding_code_with_its_level() {
    let readme = readme();
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.name(), code.level());
        assert!(readme.contains(&row), "no row {row}");
    }
}

#[test]
fn the_configuration_in_it_is_accepted() {
    let readme = readme();
    let toml = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    // It shows `handler = false`, which would leave nothing to package.
    let toml = toml
        .replace("handler = false", "handler = true")
        .replace("handlers.worker", "handlers.orders");
    let workspace = Workspace::new();
    workspace.package("orders", &format!("{LAMBDA}{toml}"));
    for file in
        ["config/prod.json", "assets/a", "i18n/de/x.json", "data/m.bin", "../../certs/ca.pem"]
    {
        workspace.write(&format!("crates/orders/{file}"), "x");
    }
    assert_eq!(workspace.packaged(&[]), ["orders-worker-prod"]);
}
