//! The runs of cargo within a Dockerfile: what ours would be given, as far as it does not speak of this
//! machine.

use std::path::Path;

use super::Drafter;
use crate::cargo_config::Handed;
use crate::cargo_files;
use crate::compile::Optimize;
use crate::config::ConfigFile;
use crate::dockerfile::Build;
use crate::error::Error;
use crate::files;
use crate::function::{Function, TargetKind};
use crate::plan::{CargoOptions, Run};
use crate::profile::{self, Wish};
use crate::rustflags::{self, Flag};

/// The image of the toolchain, and what rustup calls it: the one that is in use here, which a
/// `rust-toolchain` file decides. Docker's images are of releases only.
pub(super) fn toolchain(version: &str, root: &Path) -> Result<(String, String), Error> {
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let is_release = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_release {
        return Ok((format!("docker.io/library/rust:{number}"), number.to_owned()));
    }
    let named = file(root)?.filter(|name| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) && !name.is_empty()
    });
    let default = if number.contains("-beta") { "beta" } else { "nightly" };
    Ok(("docker.io/library/rust:1".to_owned(), named.unwrap_or_else(|| default.to_owned())))
}

/// The channel of the workspace's `rust-toolchain` file (The rustup book, "Overrides").
fn file(root: &Path) -> Result<Option<String>, Error> {
    for name in ["rust-toolchain", "rust-toolchain.toml"] {
        let path = root.join(name);
        let text = files::read_settings(&path).map_err(|source| files::unread(&path, source))?;
        let Some(text) = text else { continue };
        let channel = match toml::from_str::<toml::Table>(&text) {
            Ok(table) => table
                .get("toolchain")
                .and_then(|table| table.get("channel")?.as_str())
                .map(str::to_owned),
            Err(_) => Some(text.trim().to_owned()),
        };
        return Ok(channel);
    }
    Ok(None)
}

impl Drafter<'_> {
    pub(super) fn builds(&self) -> Result<Vec<Build>, Error> {
        self.plan.runs.iter().map(|run| self.build(run)).collect()
    }

    fn build(&self, run: &Run) -> Result<Build, Error> {
        let facts = self.facts;
        let triple = run.compile.target.triple();
        let members: Vec<&Function> =
            run.members.iter().filter_map(|at| self.plan.functions.get(*at)).collect();
        let mut build = Build { words: self.words(run, &members)?, ..Build::default() };
        let cfgs = cargo_files::cfgs(&facts.tools, &facts.config, &facts.rustc, triple);
        let cpu = &run.compile.cpu;
        let flag = Flag { text: format!("-Ctarget-cpu={}", cpu.name), chosen: cpu.chosen };
        let flags = rustflags::decide(&facts.config, triple, &cfgs, &[flag]);
        let path = self.root.join("Cargo.toml");
        // What cannot be read, cargo has said.
        let text = files::read_settings(&path).ok().flatten().unwrap_or_default();
        let manifest = ConfigFile { name: "Cargo.toml".into(), text };
        let wish = Wish { size: run.compile.optimize == Optimize::Size, dylib: false };
        let name = &facts.options.profile;
        let profile = profile::decide(name, &manifest, &facts.config, &flags.users, wish);
        // Those of this machine's configuration, which the builder's has not; over the workspace's own,
        // which are among them.
        let ours = flags.rows.iter().filter_map(rustflags::Row::added);
        let words: Vec<&str> =
            flags.users.iter().map(|word| word.text.as_str()).chain(ours).collect();
        if words.iter().any(|word| word.contains(char::is_whitespace)) {
            build.variables.push(("CARGO_ENCODED_RUSTFLAGS".to_owned(), words.join("\x1f")));
        } else if !words.is_empty() {
            build.variables.push(("RUSTFLAGS".to_owned(), words.join(" ")));
        }
        let said = facts.config.variables().filter(|(name, _)| name.starts_with("CARGO_PROFILE_"));
        build.variables.extend(said.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for handed in profile.handed {
            match handed {
                Handed::Variable { name, value } => build.variables.push((name, value)),
                Handed::Config(text) => build.words.extend(["--config".to_owned(), text]),
            }
        }
        build.makes = members.iter().map(|function| makes(function, &facts.options)).collect();
        Ok(build)
    }

    /// The arguments of `cargo zigbuild`.
    fn words(&self, run: &Run, members: &[&Function]) -> Result<Vec<String>, Error> {
        let options = &self.facts.options;
        let mut words = Vec::new();
        if self.root.join("Cargo.lock").is_file() {
            words.push("--locked".to_owned());
        }
        let mut add = |flag: &str, value: &str| words.extend([flag.to_owned(), value.to_owned()]);
        add("--target", &run.compile.target.with_floor());
        add("--profile", &options.profile);
        for id in &run.packages {
            let package = self.facts.metadata.packages.iter().find(|package| package.id == *id);
            add("--package", package.map_or("", |package| package.name.as_str()));
        }
        for function in members {
            let flag = format!("--{}", function.handler.kind.cargo_name());
            add(&flag, &function.handler.target);
        }
        if !run.features.is_empty() {
            add("--features", &run.features.join(","));
        }
        for said in &options.config {
            add("--config", &self.config(said)?);
        }
        for flag in &options.unstable {
            add("-Z", flag);
        }
        let features = &options.features;
        for (on, flag) in
            [(features.all, "--all-features"), (features.no_default, "--no-default-features")]
        {
            if on {
                words.push(flag.to_owned());
            }
        }
        Ok(words)
    }

    /// A file is taken as it lies in the workspace.
    fn config(&self, said: &str) -> Result<String, Error> {
        let key = said.split('=').next().unwrap_or_default().trim_start();
        if key.starts_with("env.") || key.contains("token") {
            return Err(Error::Usage(format!(
                "`--config {key}=…` may be a secret, which would stay in the Dockerfile"
            )));
        }
        let path = std::path::absolute(said)?;
        if !path.is_file() {
            return Ok(said.to_owned());
        }
        self.below(&path).ok_or_else(|| {
            Error::Usage(format!(
                "`--config {said}` is outside of the workspace, and Docker sees only that"
            ))
        })
    }
}

/// The executable, below the target folder, and its name from then on.
fn makes(function: &Function, options: &CargoOptions) -> (String, String) {
    let examples = if function.handler.kind == TargetKind::Example { "examples/" } else { "" };
    let triple = function.compile.target.triple();
    let made =
        format!("{triple}/{}/{examples}{}", folder_of(&options.profile), function.handler.target);
    (made, function.name.to_string())
}

/// The name of cargo's folder for a profile.
fn folder_of(profile: &str) -> &str {
    match profile {
        "dev" | "test" => "debug",
        "bench" => "release",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_has_releases_and_rustup_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let of = |version| toolchain(version, root).unwrap();
        let (image, channel) = of("rustc 1.95.0 (abc 2026-04-14)");
        assert_eq!((&*image, &*channel), ("docker.io/library/rust:1.95.0", "1.95.0"));
        let nightly = "rustc 1.97.0-nightly (abc 2026-05-01)";
        assert_eq!(of(nightly).1, "nightly");
        assert_eq!(of("rustc 1.96.0-beta.3 (abc 2026-05-01)").1, "beta");
        let write = |name: &str, text: &str| {
            files::write_atomically(&root.join(name), text.as_bytes()).unwrap();
        };
        write("rust-toolchain.toml", "[toolchain]\nchannel = \"nightly-2026-05-02\"\n");
        assert_eq!(of(nightly).1, "nightly-2026-05-02");
        write("rust-toolchain", "nightly-2026-05-03\n");
        assert_eq!(of(nightly).1, "nightly-2026-05-03");
        write("rust-toolchain", "x; rm -rf /\n");
        assert_eq!(of(nightly), ("docker.io/library/rust:1".to_owned(), "nightly".to_owned()));
    }
}
