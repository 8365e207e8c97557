//! What is invoked where nobody names a function: the only one that there is.

use std::collections::BTreeSet;

use crate::cli::args::{Global, Invoke};
use crate::cli::configuration;
use crate::cli::facts::Facts;
use crate::cli::groups::functions;
use crate::cli::prepare::Machines;
use crate::config::Config;
use crate::error::Error;
use crate::function::Function;
use crate::shell::Shell;

/// The functions that the flags select.
pub(super) struct Here {
    pub(super) facts: Facts,
    pub(super) settings: Config,
    pub(super) functions: Vec<Function>,
}

impl Here {
    pub(super) fn gather(args: &Invoke, global: &Global, shell: &Shell) -> Result<Self, Error> {
        let facts = Facts::gather(args.build.cargo_options(global), false)?;
        let flags = args.build.compile.settings(&args.audit);
        let settings = configuration::load(&facts.metadata, flags, global, shell)?;
        let target = Machines::new(&facts, shell).default_target();
        let functions = functions(&facts, &args.build.selection(), &settings, target)?.functions;
        Ok(Self { facts, settings, functions })
    }
}

/// The name of the only function.
pub(super) fn name(args: &Invoke, global: &Global) -> Result<String, Error> {
    if !global.has_workspace() {
        return Err(Error::Usage(
            "name the function to invoke: there is no workspace here whose only one could be meant"
                .to_owned(),
        ));
    }
    // Its warnings are said when something is built of it.
    let quiet = Shell::unheard();
    let Here { functions, .. } = Here::gather(args, global, &quiet)?;
    let names: BTreeSet<&str> = functions.iter().map(|it| it.name.as_str()).collect();
    match names.first() {
        Some(only) if names.len() == 1 => Ok((*only).to_owned()),
        _ => {
            let all: Vec<&str> = names.into_iter().collect();
            let count = all.len();
            Err(Error::Usage(format!(
                "name the function to invoke: there are {count} here: {}",
                all.join(", ")
            )))
        }
    }
}
