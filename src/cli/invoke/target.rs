//! Where a function is invoked: on AWS, unless it was said otherwise.

use crate::cargo;
use crate::cli::args::{Global, Invoke};
use crate::cli::configuration;
use crate::config::{Mistake, Node};
use crate::error::Error;
use crate::shell::Shell;

/// Whether it is this machine: by the flag, else by the setting `invoke.target` of the workspace. Where
/// there is none, nothing is read.
pub(super) fn is_local(args: &Invoke, global: &Global) -> Result<bool, Error> {
    Ok(args.local || (global.has_workspace() && is_set(args, global)?))
}

fn is_set(args: &Invoke, global: &Global) -> Result<bool, Error> {
    let metadata = cargo::metadata(&args.build.cargo_options(global))?;
    // Its warnings are said when something is built of it.
    let quiet = Shell::unheard();
    let config = configuration::load(&metadata, Vec::new(), global, &quiet)?;
    // No package has this name: what is said of all.
    let merged = config.of_handler("", "");
    let Some(value) = merged.get("invoke.target") else { return Ok(false) };
    match &value.node {
        Node::Text(target) => Ok(target == "local"),
        Node::Missing(what) => {
            let (origin, what) = (value.origin.clone(), what.clone());
            Err(Error::Config(vec![Mistake { origin, what }]))
        }
        _ => Ok(false),
    }
}
