//! Where settings are found: files, variables, flags.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;

use cargo_metadata::Metadata;

use super::args::{Audit, Global};
use crate::config::{Config, ConfigFile, Inputs, Located, Node, Origin};
use crate::error::Error;
use crate::files;
use crate::plan::{self, Git};
use crate::shell::Shell;
use crate::toolchain;

/// The settings file beside the workspace's manifest.
const FILE: &str = "lambda-pack.toml";

/// Reads all settings of a workspace.
pub(super) fn load(
    metadata: &Metadata,
    audit: &Audit,
    global: &Global,
    shell: &Shell,
) -> Result<Config, Error> {
    let root = metadata.workspace_root.as_std_path();
    let read = |path: &Path| -> Result<ConfigFile, Error> {
        let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
        Ok(ConfigFile { name: name.into(), text: files::read_text(path)? })
    };
    let members = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| Ok((package.name.to_string(), read(package.manifest_path.as_std_path())?)));
    let lambda_pack = root.join(FILE);
    let cargo_lambda = root.join("CargoLambda.toml");
    let variables: Vec<(String, String)> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let by_name: BTreeMap<&str, &str> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let inputs = Inputs {
        members: members.collect::<Result<_, Error>>()?,
        workspace: read(&root.join("Cargo.toml"))?,
        lambda_pack: if lambda_pack.is_file() { Some(read(&lambda_pack)?) } else { None },
        cargo_lambda: if cargo_lambda.is_file() { Some(read(&cargo_lambda)?) } else { None },
        read: &|path| std::fs::read_to_string(root.join(path)).map_err(|error| error.to_string()),
        env: global.env.clone(),
        flags: flags(audit),
        packages: plan::targets(metadata),
        lookup: &|name| by_name.get(name).map(|&value| value.to_owned()),
        variables: variables.clone(),
    };
    let config = Config::load(&inputs).map_err(Error::Config)?;
    for warning in &config.warnings {
        shell.warn(warning);
    }
    Ok(config)
}

/// What flags say of settings.
fn flags(audit: &Audit) -> Vec<(&'static str, Located)> {
    let located = |flag, node| Located { node, origin: Origin::Flag(flag) };
    let mut flags = Vec::new();
    if let Some(runtime) = &audit.runtime {
        flags.push(("runtime", located("--runtime", Node::Text(runtime.clone()))));
    }
    if !audit.trust_system.is_empty() {
        let flag = "--trust-system";
        let names = audit.trust_system.iter();
        let names = names.map(|name| located(flag, Node::Text(name.clone()))).collect();
        flags.push(("trust-system", located(flag, Node::List(names))));
    }
    flags
}

/// What names may hold of the work tree; asked for only if one does.
pub(super) fn git(metadata: &Metadata, config: &Config) -> Git {
    let root = metadata.workspace_root.as_std_path();
    Git {
        branch: config.mentions("{branch}").then(|| toolchain::branch(root)).flatten(),
        commit: config
            .mentions("{commit}")
            .then(|| toolchain::commit(root))
            .flatten()
            .map(|commit| commit.chars().take(12).collect()),
    }
}
