//! `examples/terraform`: the module that reads the bundles runs in Terraform itself. The provider of AWS
//! is not to be had everywhere; of what needs it only the form is held.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use super::orders;
use crate::support::{Run, Workspace, repository, run};

/// Stands for the functions of the provider: what is uploaded anew is what `plan` counts here.
const MAIN: &str = r#"
module "bundles" {
  source = "./bundles"
  folder = "../dist"
}
resource "terraform_data" "function" {
  for_each = module.bundles.functions
  input    = each.value.source_code_hash
}
output "functions" { value = module.bundles.functions }
"#;

/// Terraform in a folder, if it is there: no registry of packages has it, so CI may lack it too.
fn terraform(workspace: &Workspace, args: &[&str]) -> Option<Run> {
    let folder = workspace.path().join("terraform");
    let mut command = Command::new("terraform");
    command
        .args(args)
        .current_dir(folder)
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_IN_AUTOMATION", "1");
    command.env_remove("TF_CLI_CONFIG_FILE").env("HOME", workspace.path());
    if which::which("terraform").is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED for want of terraform");
        return None;
    }
    Some(run(&mut command))
}

#[test]
fn the_hash_is_what_terraform_goes_by() {
    let workspace = orders("terraform");
    let Some(form) = terraform(&workspace, &["fmt", "-check", "-recursive", "-diff"]) else {
        return;
    };
    form.code(0);
    workspace.run(&["package", "--out", "dist", "--arch", "x86_64", "-q"]).code(0);
    workspace.write("terraform/main.tf", MAIN);
    let apply = ["apply", "-auto-approve", "-no-color", "-input=false"];
    let terraform = |args: &[&str]| terraform(&workspace, args).unwrap();
    terraform(&["init", "-no-color", "-input=false"]).code(0);
    terraform(&apply).code(0).says_out("2 added, 0 changed");

    let functions = terraform(&["output", "-json", "functions"]).code(0).stdout;
    let functions: Value = serde_json::from_str(&functions).unwrap();
    for name in ["orders-api", "orders-worker"] {
        let record =
            fs::read(workspace.path().join(format!("dist/{name}/x86_64/lambda-pack.json")));
        let record: Value = serde_json::from_slice(&record.unwrap()).unwrap();
        assert_eq!(functions[name]["source_code_hash"], record["CodeSha256"]);
        assert_eq!(functions[name]["runtime"], "provided.al2023");
        let zip = format!("../dist/{name}/x86_64/bootstrap.zip");
        assert_eq!(functions[name]["filename"].as_str(), Some(&*zip));
    }

    // Packaged again: nothing to do. Other code: that function alone.
    let plan = ["plan", "-detailed-exitcode", "-no-color", "-input=false"];
    workspace.run(&["package", "--out", "dist", "--arch", "x86_64", "-q"]).code(0);
    terraform(&plan).code(0);
    workspace.write("crates/orders-api/src/main.rs", "fn main() { println!(\"other\"); }\n");
    workspace.run(&["package", "--out", "dist", "--arch", "x86_64", "-q"]).code(0);
    terraform(&apply).code(0).says_out("0 added, 1 changed, 0 destroyed");

    // A zip that somebody has exchanged is not deployed under the hash of another.
    workspace.write("dist/orders-api/x86_64/bootstrap.zip", "x");
    terraform(&plan).code(1).says("package again");
}

/// Of the part that needs the provider: what it takes from the module is what the module gives.
#[test]
fn the_example_uses_what_the_module_gives() {
    let main = fs::read_to_string(repository().join("examples/terraform/main.tf")).unwrap();
    let module =
        fs::read_to_string(repository().join("examples/terraform/bundles/main.tf")).unwrap();
    let used = main.split("each.value.").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    });
    let of_resources = ["name", "function_name", "version"];
    let used: Vec<_> = used.filter(|name| !of_resources.contains(name)).collect();
    assert_eq!(used, ["runtime", "architecture", "filename", "source_code_hash"]);
    for name in used {
        assert!(module.contains(&format!("      {name} ")), "no {name} in the module");
    }
}
