//! `new` and `init`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// The folder to make; its name is the package's. Asked for on a terminal
    #[arg(value_name = "PATH")]
    pub(in crate::cli) path: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) flags: TemplateFlags,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Init {
    /// The folder [default: this one]
    #[arg(value_name = "PATH")]
    pub(in crate::cli) path: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) flags: TemplateFlags,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TemplateFlags {
    /// What to write: a name of --list, a folder (./DIR), a .zip or .tar.gz, or a git URL, with
    /// #REF:FOLDER where it is not the whole of HEAD [default: http]
    #[arg(short, long, value_name = "TEMPLATE", help_heading = "Template")]
    pub(in crate::cli) template: Option<String>,
    /// List the templates of this program, or with --template what one asks
    #[arg(long, help_heading = "Template", conflicts_with_all = ["name", "set", "yes", "force"])]
    pub(in crate::cli) list: bool,
    /// An answer to what a template asks [repeatable]
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Template")]
    pub(in crate::cli) set: Vec<String>,
    /// The name of the package [default: that of the folder]
    #[arg(long, value_name = "NAME", help_heading = "Template")]
    pub(in crate::cli) name: Option<String>,
    /// Ask nothing: take the defaults
    #[arg(short, long, help_heading = "Template")]
    pub(in crate::cli) yes: bool,
    /// Write over files that are there
    #[arg(long, help_heading = "Template")]
    pub(in crate::cli) force: bool,
}
