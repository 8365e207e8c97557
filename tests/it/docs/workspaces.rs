//! What command lines run in: small workspaces, whose handlers are compiled in no time.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::local::cli::HANDLER;
use crate::support::run;

const MANIFEST: &str = "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n[profile.release]\n\
    opt-level = 0\nstrip = \"symbols\"\nlto = false\ncodegen-units = 16\n";
const SETTINGS: &str = "role = \"arn:aws:iam::123456789012:role/orders\"\n";
/// Uses a library that Lambda does not promise, and that is in `tests/setup`.
const NATIVE: &str = "#[link(name = \"sqlite3\")]\nunsafe extern \"C\" {\n    \
    fn sqlite3_libversion_number() -> i32;\n}\n";

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The profiles that the pages name.
const PROFILES: &str = "[profile staging]\naws_access_key_id = a\naws_secret_access_key = b\n\
    region = us-east-1\n[profile prod]\naws_access_key_id = a\naws_secret_access_key = b\n\
    region = us-east-1\n";

/// `orders`, a shop; `native`, the same with functions that use a native library; `empty`, nothing.
pub(super) fn make(root: &Path) {
    fs::create_dir_all(root.join("empty")).unwrap();
    write(&root.join("aws-config"), PROFILES);
    shop(&root.join("orders"), HANDLER);
    let native = HANDLER.replace("fn main() {", "fn main() {\n    uses();");
    let uses = "fn uses() {\n    println!(\"{}\", unsafe { sqlite3_libversion_number() });\n}\n";
    shop(&root.join("native"), &format!("{NATIVE}{uses}{native}"));
}

fn shop(folder: &Path, code: &str) {
    let of_package = |name: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")
    };
    let depends = "[dependencies]\nlambda_runtime.path = \"../lambda_runtime\"\n";
    write(&folder.join("Cargo.toml"), MANIFEST);
    write(&folder.join("lambda-pack.toml"), SETTINGS);
    write(&folder.join(".gitignore"), "target\n");
    for file in ["models/prices.bin", "certs/ca.pem"] {
        write(&folder.join(file), "x");
    }
    let event = folder.join("crates/orders-api/events/order.json");
    write(&event, "{ \"rawPath\": \"/orders/17\" }\n");
    let runtime = folder.join("crates/lambda_runtime");
    write(&runtime.join("Cargo.toml"), &of_package("lambda_runtime"));
    write(&runtime.join("src/lib.rs"), "");
    for name in ["orders-api", "orders-worker", "orders-report"] {
        let package = folder.join("crates").join(name);
        write(&package.join("Cargo.toml"), &format!("{}{depends}", of_package(name)));
        write(&package.join("src/main.rs"), code);
    }
    for args in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "All"], &["tag", "v1.0.0"]]
    {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@t.invalid"]).args(args);
        run(git.current_dir(folder)).code(0);
    }
}
