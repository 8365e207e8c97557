//! The README, and what it leads to for settings, say what is so.

use lambda_pack::audit::Code;

use crate::support::{LAMBDA, Workspace, repository};

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

#[test]
fn every_finding_code_with_its_level() {
    let readme = read("README.md");
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.name(), code.level());
        assert!(readme.contains(&row), "no row {row}");
    }
}

#[test]
fn the_configuration_in_it_is_accepted() {
    let pages = read("docs/settings.md") + &read("docs/local.md");
    let block = |holds: &str| {
        let mut blocks =
            pages.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        blocks.find(|block| block.contains(holds)).unwrap_or_else(|| panic!("no {holds}"))
    };
    let toml = block("handler = false");
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

    let toml = block("prod.env");
    let workspace = Workspace::new();
    workspace.handler("orders-api", "");
    workspace.write("lambda-pack.toml", toml);
    workspace.write("prod.env", "SECRET=1\n");
    let mut command = workspace.command(&["config", "show", "--env", "prod"]);
    let shown = crate::support::run(command.env("USER", "ada")).code(0).stdout;
    for line in [
        "environment.SECRET = \"***\"  # prod.env:1",
        "memory = 512                # lambda-pack.toml:6",
        "timeout = 10                # lambda-pack.toml:13",
    ] {
        assert!(shown.contains(line), "no {line} in\n{shown}");
    }
    workspace.write("lambda-pack.toml", block("[routes]"));
    let shown = workspace.run(&["config", "show"]).code(0).stdout;
    assert!(shown.contains("routes.\"GET /orders/{id}\" = \"orders-api\""), "{shown}");
}
