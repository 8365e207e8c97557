//! What we decide about profiles and flags for rustc, held against real cargo: what rustc was
//! really given, for every place that cargo reads and for every two of them.

mod flags;
mod profiles;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lambda_pack::cargo_config::{CargoConfig, Handed, variable_of};
use lambda_pack::cargo_files;
use lambda_pack::tool_cache::ToolCache;

use crate::support::{Workspace, host_arch, run, rustc, scrub};

/// Writes down what rustc is given for `tiny`, and fails, so that nothing is compiled.
const WRAPPER: &str = "#!/bin/sh\ncase \" $* \" in\n*' --crate-name tiny '*)\n  \
    printf '%s\\n' \"$@\" > \"$RECORD\"\n  exit 1;;\nesac\nexec \"$@\"\n";
/// A workspace with the package `tiny`; cargo runs in the package's folder.
struct Lab {
    workspace: Workspace,
    /// What the manifest always has, and what was said there.
    profiles: &'static str,
    said: String,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

/// The places of a key that is no list, from the least to the most that counts.
const PLACES: [&str; 9] = [
    "Cargo.toml",
    "home/config.toml",
    ".cargo/config.toml",
    "crates/.cargo/config",
    "crates/tiny/.cargo/in ü.toml",
    "crates/tiny/.cargo/config.toml",
    "variable",
    "--config",
    "crates/tiny/cli file.toml",
];

fn triple() -> String {
    let arch = if host_arch() == "arm64" { "aarch64" } else { "x86_64" };
    format!("{arch}-unknown-linux-gnu")
}

impl Lab {
    fn new(profiles: &'static str) -> Self {
        let workspace = Workspace::new();
        workspace.package("tiny", "");
        let wrapper = workspace.write("wrap per", WRAPPER);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(wrapper, mode).unwrap();
        let home = workspace.path().join("home").to_str().unwrap().to_owned();
        let variables = vec![("CARGO_HOME".to_owned(), home)];
        Self { workspace, profiles, said: String::new(), variables, arguments: Vec::new() }
    }

    fn folder(&self) -> PathBuf {
        self.workspace.path().join("crates/tiny")
    }

    /// Forgets what was said, but for the manifest's profiles.
    fn clear(&mut self) {
        for place in PLACES {
            let _ = fs::remove_file(self.workspace.path().join(place));
        }
        self.said.clear();
        self.variables.truncate(1);
        self.arguments.clear();
    }

    /// Says a key in a place. `value` is TOML.
    fn say(&mut self, place: &str, key: &[&str], value: &str) {
        let quoted: Vec<_> = key.iter().map(|part| format!("'{part}'")).collect();
        let line = format!("{} = {value}\n", quoted.join("."));
        match place {
            "variable" => {
                let plain = value.replace(['"', '[', ']'], "").replace(',', " ");
                self.variables.push((variable_of(key), plain));
            }
            "Cargo.toml" => self.said += &line,
            "--config" => self.arguments.push(line.trim().to_owned()),
            _ => {
                let path = self.workspace.path().join(place);
                let mut text = fs::read_to_string(&path).unwrap_or_default();
                if place == PLACES[4] {
                    // What includes it: anything may be added below.
                    let top = "include = ['in ü.toml', { path = 'gone.toml', optional = true }]\n";
                    let own = fs::read_to_string(self.workspace.path().join(PLACES[5]));
                    self.workspace.write(PLACES[5], top.to_owned() + &own.unwrap_or_default());
                }
                if place == PLACES[8] && text.is_empty() {
                    self.arguments.push("cli file.toml".to_owned());
                }
                text += &line;
                self.workspace.write(place, text);
            }
        }
    }

    fn write_manifest(&self) -> String {
        let workspace = "[workspace]\nmembers = ['crates/tiny', 'crates/lambda_runtime']\n";
        let text = format!("{}{}{workspace}resolver = '3'\n", self.profiles, self.said);
        self.workspace.write("Cargo.toml", &text);
        text
    }

    fn config(&self) -> CargoConfig {
        cargo_files::load(&self.folder(), self.variables.clone(), &self.arguments)
    }

    /// What rustc is given when cargo is handed these.
    #[track_caller]
    fn rustc(&self, profile: &str, handed: &[Handed]) -> Vec<String> {
        let record = self.record();
        let _ = fs::remove_file(&record);
        let mut command = self.cargo(profile, handed);
        let ended = run(&mut command);
        let text = fs::read_to_string(&record)
            .unwrap_or_else(|_| panic!("no rustc: {command:?}\n{}", ended.stderr));
        text.lines().map(str::to_owned).collect()
    }

    fn record(&self) -> PathBuf {
        self.workspace.path().join("record")
    }

    fn cargo(&self, profile: &str, handed: &[Handed]) -> Command {
        let mut command = Command::new("cargo");
        scrub(&mut command);
        command
            .args(["build", "--offline", "--target", &triple(), "--profile", profile])
            .args(self.arguments.iter().flat_map(|argument| ["--config", argument]))
            .env("CARGO_TARGET_DIR", self.workspace.path().join("target"))
            .env("RUSTC_WRAPPER", self.workspace.path().join("wrap per"))
            .env("RECORD", self.record())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder());
        for handed in handed {
            match handed {
                Handed::Variable { name, value } => command.env(name, value),
                Handed::Config(argument) => command.args(["--config", argument]),
            };
        }
        command
    }
}

/// The value of a codegen option on a command line of rustc, if it is there.
fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let inside = |pair: &'a [String]| match pair {
        [flag, option, ..] if flag == "-C" => Some(option.as_str()),
        [flag, ..] => flag.strip_prefix("-C").filter(|option| !option.is_empty()),
        [] => None,
    };
    let options = (0..args.len()).filter_map(|place| inside(&args[place..]));
    options.filter_map(|option| option.split_once('=')).rfind(|(key, _)| *key == name).map(|o| o.1)
}

#[test]
fn rustc_gets_the_linker_that_we_name() {
    let triple = triple();
    let by_cfg = ["target", "cfg(target_os = \"linux\")", "linker"];
    let of_triple = ["target", triple.as_str(), "linker"];
    let mut lab = Lab::new("");
    assert_eq!(lab.config().linker(&triple, &[]), None);
    for (key, places) in [(by_cfg, &PLACES[1..6]), (of_triple, &PLACES[1..])] {
        for place in places {
            for program in ["\"some-ld\"", "\"my tools/ld\"", "\"/opt/ld\""] {
                lab.clear();
                lab.say(place, &key, program);
                lab.write_manifest();
                let config = lab.config();
                let cfgs = cargo_files::cfgs(&ToolCache::none(), &config, &rustc(), &triple);
                let (path, origin) = config.linker(&triple, &cfgs).unwrap();
                let rustc = lab.rustc("release", &[]);
                let found = option(&rustc, "linker");
                assert_eq!(found, path.to_str(), "{key:?} in {place} ({origin})");
            }
        }
    }
}
