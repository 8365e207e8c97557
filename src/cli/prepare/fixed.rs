//! Fixed names for the folders of this machine, and what else makes a build the same anywhere.

use std::path::{Path, PathBuf};

use super::{Machines, Targets, Variables};
use crate::cargo_config::{self, Value};
use crate::compile::Compile;
use crate::digest::Sha256;
use crate::linker::Linker;
use crate::remap::{CCompiler, Folders, Place, Remap};
use crate::{cargo_files, files, toolchain};

impl Machines<'_> {
    /// Where cargo writes.
    pub(super) fn folders(&self, compile: &Compile) -> Targets {
        let target = self.facts.target.as_path();
        let built = self.facts.metadata.build_directory.as_ref().map(|f| f.as_std_path());
        // The build folder is the target folder unless cargo's configuration says another.
        let built =
            built.filter(|built| *built != self.facts.metadata.target_directory.as_std_path());
        let mut all = vec![target.to_path_buf()];
        all.extend(built.map(Path::to_path_buf));
        let Some(variant) = compile.variant() else {
            return Targets { all, ..Targets::default() };
        };
        let below = |folder: &Path| folder.join("lambda-pack.build").join(&variant);
        let config = built.map(|built| {
            let value = Value::Text(below(built).display().to_string());
            cargo_config::argument(&["build", "build-dir"], &value)
        });
        all.extend(built.map(below));
        all.push(below(target));
        Targets { all, own: Some(below(target)), config: config.into_iter().collect() }
    }

    pub(super) fn remap(
        &self,
        triple: &str,
        folders: &Targets,
        packages: &[Place],
        tools: &str,
    ) -> Remap {
        let tools = Sha256::of(tools.as_bytes()).short();
        let rustc = &self.facts.rustc;
        let release = rustc.version.split_whitespace().nth(1).unwrap_or_default();
        let usual = || format!("/rustc/{}", rustc.commit.as_deref().unwrap_or(release));
        let own = rustc.source_name(&self.facts.tools, triple).unwrap_or_else(usual);
        Remap::new(&Folders {
            workspace: self.facts.metadata.workspace_root.as_std_path(),
            targets: &folders.all,
            packages,
            sysroot: &self.facts.rustc.sysroot,
            rustc: &own,
            tools: &tools,
        })
        .with_real(files::real)
        .with_watched(self.watched())
    }

    /// Cargo's home, and where the toolchain is.
    fn watched(&self) -> Vec<PathBuf> {
        cargo_files::own_home().into_iter().chain([self.facts.rustc.sysroot.clone()]).collect()
    }

    /// What the C compiler that crates find says of itself.
    pub(super) fn c_compiler(&self, triple: &str, linker: &Linker) -> Option<String> {
        let set = |name: &str| Some(self.facts.config.env(name)?.0);
        let named = [format!("CC_{triple}"), format!("CC_{}", triple.replace('-', "_"))];
        let named = named.iter().map(String::as_str).chain(["CC"]).find_map(set);
        match (named, linker) {
            (Some(program), _) => toolchain::version(&self.facts.tools, &program),
            (None, Linker::Zig(_)) => None,
            (None, Linker::Host(found) | Linker::Gcc(found) | Linker::Musl(found)) => {
                found.version.clone()
            }
            (None, Linker::Configured { .. }) => self.cc().and_then(|found| found.version),
        }
    }

    /// What gives C code the same names: variables, and `--config` for those that the user's
    /// configuration forces.
    pub(super) fn c_variables(
        &self,
        triple: &str,
        remap: &Remap,
        compiler: Option<&str>,
    ) -> (Variables, Vec<String>) {
        let config = &self.facts.config;
        let compiler = CCompiler::of_version(compiler.unwrap_or_default());
        let native = triple == self.facts.rustc.host;
        let all = remap.c_variables(triple, native, compiler, |name| Some(config.env(name)?.0));
        let is_forced = |(name, _): &(String, String)| config.env(name).is_some_and(|(_, f)| f);
        let (forced, plain): (Variables, Variables) = all.into_iter().partition(is_forced);
        let forced = forced.into_iter().map(|(name, value)| {
            cargo_config::argument(&["env", &name, "value"], &Value::Text(value))
        });
        (plain, forced.collect())
    }
}
