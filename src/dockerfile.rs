//! A Dockerfile of several stages that builds the selected functions, for those who build with Docker.
//!
//! What is built, and with which flags, was decided before, as for our own build; here it becomes
//! text, out of `templates/dockerfile`. The form is what `BuildKit`, podman and buildah (from 1.24 on, for
//! `--mount=type=cache`) have in common: no `# syntax=`, no documents within. Stages of ours have a dot
//! in their names, which no function has.

mod words;

use std::fmt::Write as _;

use crate::target::Arch;

pub use words::{pattern, quote, repository, stage};

/// How the first line of what we write begins.
pub const MARK: &str = "# Written by `cargo lambda-pack package --format dockerfile`";

/// The linker that is installed in the toolchain, as pip names it: `cargo-zigbuild` is this program's
/// own, in the version of Cargo.lock (a test compares).
pub const ZIGBUILD: &str = "0.24.1";
/// The zig that the tests link with.
pub const ZIG: &str = "0.17.0";

/// A shell takes no argument above 128 KiB (`MAX_ARG_STRLEN` of Linux), and a `RUN` is one.
const LONGEST_RUN: usize = 60_000;

/// The user's own folders, and what AWS's images say of them (aws-lambda-base-images).
const VARIABLES: &str = "ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin \
    LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:\
    /var/task/lib:/opt/lib LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime\n";

/// All that a Dockerfile follows from.
#[derive(Debug, Clone, Default)]
pub struct Dockerfile {
    /// How it is named where it is used, from the workspace.
    pub file: String,
    /// The image of the toolchain.
    pub toolchain: String,
    /// The toolchain, as rustup names it.
    pub channel: String,
    /// The triples that are compiled for.
    pub triples: Vec<&'static str>,
    /// The standard library is built too.
    pub build_std: bool,
    /// The names of the workspace's packages.
    pub members: Vec<String>,
    /// The cache of compiled crates.
    pub cache: String,
    /// The time of every file, in seconds since 1970.
    pub time: u64,
    /// The runs of cargo.
    pub builds: Vec<Build>,
    /// The images.
    pub images: Vec<Image>,
    /// What it cannot do as our own build does.
    pub notes: Vec<String>,
}

/// A run of cargo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// Behind `cargo zigbuild`.
    pub words: Vec<String>,
    /// Variables of its environment.
    pub variables: Vec<(String, String)>,
    /// What it makes, below the target folder, and the name of the function that runs it.
    pub makes: Vec<(String, String)>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// The name of its stage.
    pub stage: String,
    /// The architecture.
    pub arch: Arch,
    /// What it is put on; none: nothing.
    pub base: Option<String>,
    /// Certificates of an image from scratch: those of the toolchain's system, or a file of the workspace.
    pub certificates: Option<Option<String>>,
    /// Whether the base is one of AWS's, whose script starts `/var/runtime/bootstrap`.
    pub script: bool,
    /// The programs.
    pub programs: Vec<Program>,
    /// Other files: below the workspace, below the root of the image, and their mode.
    pub files: Vec<(String, String, u32)>,
}

/// A program of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Which run makes it.
    pub build: usize,
    /// The name of the function or extension.
    pub name: String,
    /// Where it goes, without a slash at the beginning.
    pub to: String,
    /// Whether it is an extension.
    pub extension: bool,
}

/// A name that can stand in no Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} holds a control character, which a Dockerfile cannot")]
pub struct Unwritable(pub String);

/// What keeps the context small: without these outputs, and with what `images` include.
#[must_use]
pub fn ignore(outputs: &[String], images: &[Image]) -> String {
    let mut lines: Vec<String> = outputs.iter().map(|path| pattern(path)).collect();
    let files = images.iter().flat_map(|image| &image.files);
    let secret = |name: Option<&str>| matches!(name, Some(".env" | "credentials.toml"));
    let kept = files.filter(|(from, ..)| secret(from.rsplit('/').next()));
    lines.extend(kept.map(|(from, ..)| format!("!{}", pattern(from))));
    lines.dedup();
    fill(include_str!("../templates/dockerfile/dockerignore"), &[("outputs", &lines.join("\n"))])
}

impl Dockerfile {
    /// Its text.
    pub fn render(&self) -> Result<String, Unwritable> {
        let bases = self.bases();
        let mut arguments = String::new();
        for (number, base) in bases.iter().enumerate() {
            // Writing to a string cannot fail; nor below.
            let _ = writeln!(arguments, "ARG {}={base}", base_argument(number, bases.len()));
        }
        for arch in self.archs() {
            let _ = writeln!(arguments, "ARG {}={}", platform_argument(arch), platform(arch));
        }
        let notes: String = self.notes.iter().map(|note| comment(note)).collect();
        let notes = if notes.is_empty() { notes } else { format!("#\n{notes}") };
        let mut text = fill(
            include_str!("../templates/dockerfile/Dockerfile"),
            &[
                ("commands", &self.commands()),
                ("notes", &notes),
                ("toolchain", &self.toolchain),
                ("arguments", &arguments),
                ("zigbuild", ZIGBUILD),
                ("zig", ZIG),
                ("channel", &self.channel),
                ("rustup", &self.rustup()),
            ],
        );
        for (number, build) in self.builds.iter().enumerate() {
            text.push_str(&self.build(number, build)?);
        }
        for image in &self.images {
            text.push_str(&self.image(image, &bases)?);
        }
        Ok(text)
    }

    /// Every base, in the order of the images.
    fn bases(&self) -> Vec<&str> {
        let mut bases: Vec<&str> = Vec::new();
        for base in self.images.iter().filter_map(|image| image.base.as_deref()) {
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        bases
    }

    fn archs(&self) -> impl Iterator<Item = Arch> {
        let used = |arch: &Arch| self.images.iter().any(|image| image.arch == *arch);
        Arch::ALL.into_iter().filter(used)
    }

    fn commands(&self) -> String {
        let file = words::shown(&self.file);
        let mut lines = Vec::new();
        for image in &self.images {
            let (stage, platform) = (&image.stage, platform(image.arch));
            let name = repository(&image.name);
            let of = format!("--platform {platform} -f {file} --target {stage}");
            lines.extend([
                format!("# {}, with docker, podman or buildah:", words::clean(&image.name)),
                format!(
                    "#   docker buildx build --provenance=false --sbom=false {of} \
                     -t REGISTRY/{name}:TAG --push ."
                ),
                format!(
                    "#   podman build {of} -t REGISTRY/{name}:TAG . && podman push REGISTRY/{name}:TAG"
                ),
                format!(
                    "#   buildah build --layers {of} -t REGISTRY/{name}:TAG . \
                     && buildah push REGISTRY/{name}:TAG"
                ),
            ]);
        }
        lines.join("\n")
    }

    fn rustup(&self) -> String {
        let mut text =
            format!("rustup toolchain install {} --profile minimal --no-self-update", self.channel);
        if self.build_std {
            text.push_str(" --component rust-src");
        } else {
            for triple in &self.triples {
                let _ = write!(text, " --target {triple}");
            }
        }
        text
    }

    fn build(&self, number: usize, build: &Build) -> Result<String, Unwritable> {
        let mut variables = String::new();
        for (name, value) in &build.variables {
            let value = words::value(value)?;
            let _ = writeln!(variables, "    export {name}={value}; \\");
        }
        // What came of another checkout must not count as this one's.
        let mut old = Vec::new();
        for member in &self.members {
            let name = quote(member)?;
            old.push(format!("/target/*/.fingerprint/{name}-*"));
            old.push(format!("/target/*/*/.fingerprint/{name}-*"));
        }
        let all: Result<Vec<String>, _> = build.words.iter().map(|word| quote(word)).collect();
        let copy = |(from, to): &(String, String)| {
            Ok(format!("    cp {} {}", quote(&format!("/target/{from}"))?, quote(&built(to))?))
        };
        let copies: Result<Vec<String>, _> = build.makes.iter().map(copy).collect();
        Ok(fill(
            include_str!("../templates/dockerfile/build"),
            &[
                ("number", &(number + 1).to_string()),
                ("cache", &self.cache),
                ("variables", &variables),
                ("fingerprints", &old.join(" \\\n      ")),
                ("words", &all?.join(" ")),
                ("copies", &copies?.join("; \\\n")),
            ],
        ))
    }

    fn image(&self, image: &Image, bases: &[&str]) -> Result<String, Unwritable> {
        let mut programs = String::new();
        for Program { build, name, to, extension } in &image.programs {
            let from = format!("lambda-pack.build.{}", build + 1);
            let class = if *extension { "extensions" } else { "functions" };
            let to = words::json(&format!("/image/{class}/{to}"));
            let _ = writeln!(programs, "COPY --from={from} [{}, {to}]", words::json(&built(name)));
        }
        let mut layers = String::new();
        for class in image.classes() {
            let from = format!("lambda-pack.tree.{}", image.stage);
            let _ = writeln!(layers, "COPY --from={from} /image/{class}/ /");
        }
        let base = match &image.base {
            None => "scratch".to_owned(),
            Some(base) => {
                let number = bases.iter().position(|known| known == base).unwrap_or_default();
                format!("${{{}}}", base_argument(number, bases.len()))
            }
        };
        Ok(fill(
            include_str!("../templates/dockerfile/image"),
            &[
                ("title", &format!("# {} for {}.", words::clean(&image.name), image.arch)),
                ("stage", &image.stage),
                ("made", &image.made()?),
                ("programs", &programs),
                (
                    "modes",
                    if image.base.is_none() { " && chmod 1777 /image/system/tmp" } else { "" },
                ),
                ("time", &self.time.to_string()),
                ("platform", platform_argument(image.arch)),
                ("base", &base),
                ("layers", &layers),
                ("variables", image.variables()),
                ("start", &image.start()),
            ],
        ))
    }
}

impl Image {
    /// What its layers are of, from what stays to what changes.
    fn classes(&self) -> Vec<&'static str> {
        let extensions = self.programs.iter().any(|program| program.extension);
        [
            (self.base.is_none(), "system"),
            (!self.files.is_empty(), "assets"),
            (extensions, "extensions"),
            (true, "functions"),
        ]
        .into_iter()
        .filter_map(|(there, class)| there.then_some(class))
        .collect()
    }

    /// The commands that put the files of the workspace in their places.
    fn made(&self) -> Result<String, Unwritable> {
        let mut lines = Vec::new();
        for class in self.classes() {
            lines.push(format!("mkdir -p /image/{class}"));
        }
        if self.base.is_none() {
            let system = "/image/system";
            lines.push(format!("mkdir -p {system}/tmp {system}/var/task {system}/opt"));
            if let Some(file) = &self.certificates {
                let file = file.as_ref().map_or_else(
                    || "/etc/ssl/certs/ca-certificates.crt".to_owned(),
                    |file| format!("/src/{file}"),
                );
                let to = format!("{system}/etc/ssl/certs/ca-certificates.crt");
                lines.push(format!("install -D -m 0644 {} {to}", quote(&file)?));
            }
        }
        if self.script {
            lines.push("mkdir -p /image/functions/var/runtime".to_owned());
            lines.push(
                "ln -s /var/task/bootstrap /image/functions/var/runtime/bootstrap".to_owned(),
            );
        }
        for (from, to, mode) in &self.files {
            let (from, to) =
                (quote(&format!("/src/{from}"))?, quote(&format!("/image/assets/{to}"))?);
            lines.push(format!("install -D -m {mode:04o} {from} {to}"));
        }
        let mut text = String::new();
        let mut length = 0;
        for line in lines {
            if length == 0 || length + line.len() > LONGEST_RUN {
                text.push_str(if length == 0 { "" } else { "\n" });
                text.push_str("RUN set -eu; umask 022; \\\n    ");
                length = 0;
            } else {
                text.push_str("; \\\n    ");
            }
            text.push_str(&line);
            length += line.len() + 8;
        }
        Ok(text + "\n")
    }

    fn variables(&self) -> &'static str {
        let lib = self.files.iter().any(|(_, to, _)| to.starts_with("var/task/lib/"));
        match &self.base {
            None => VARIABLES,
            Some(_) if lib && !self.script => {
                "ENV LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/var/task/lib:/opt/lib\n"
            }
            Some(_) => "",
        }
    }

    /// As `--format image` starts it.
    fn start(&self) -> String {
        if self.script {
            return "CMD [\"bootstrap\"]".to_owned();
        }
        let first = self.programs.iter().find(|program| !program.extension);
        let first = first.map(|program| words::json(&format!("/{}", program.to)));
        format!("ENTRYPOINT [{}]\nCMD []", first.unwrap_or_default())
    }
}

/// Docker's name of a platform.
#[must_use]
pub const fn platform(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "linux/amd64",
        Arch::Arm64 => "linux/arm64",
    }
}

/// An image for one platform, whatever the machine is; as an argument, for `BuildKit` warns of constants.
const fn platform_argument(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "X86_64",
        Arch::Arm64 => "ARM64",
    }
}

fn base_argument(number: usize, of: usize) -> String {
    if of == 1 { "BASE".to_owned() } else { format!("BASE_{}", number + 1) }
}

fn built(name: &str) -> String {
    format!("/built/{name}")
}

/// A line of a comment.
fn comment(text: &str) -> String {
    format!("# {}\n", words::clean(text))
}

/// Puts values into the places of a template, in one pass: what looks like a place in a value is none.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else { break };
        // `${{{name}}}` is a place within braces.
        let (brace, name) = name.strip_prefix('{').map_or(("", name), |name| ("{", name));
        text.push_str(before);
        text.push_str(brace);
        let value = values.iter().find(|(known, _)| *known == name);
        text.push_str(value.map_or("", |(_, value)| value));
        rest = behind;
    }
    text + rest
}

#[cfg(test)]
mod tests;
