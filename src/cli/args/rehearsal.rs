//! Flags of what goes wrong on purpose.

use std::path::PathBuf;

use clap::Args;

use crate::local::{FAULTS, Fault};

#[derive(Debug, Args)]
pub(in crate::cli) struct Rehearsal {
    /// Let something go wrong on purpose, as told below; may be given several times
    #[arg(long, value_name = "SPEC", help_heading = "Rehearsal")]
    pub(in crate::cli) fault: Vec<Fault>,
    /// The same from a file: one a line, and # begins a remark
    #[arg(long, value_name = "FILE", help_heading = "Rehearsal")]
    pub(in crate::cli) fault_file: Option<PathBuf>,
    /// Decides which calls meet a fault that is given as a share
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Rehearsal")]
    pub(in crate::cli) seed: u64,
}

/// What goes wrong on purpose, how it is written, and all kinds of it.
pub(super) fn help() -> String {
    let mut text = "\
Faults: KIND[=VALUE][:OPERATION,...][@WHEN], such as throttle:Update*@20%
"
    .to_owned();
    for (form, what) in FAULTS {
        text.push_str(&format!("    {form:<16}  {what}\n"));
    }
    text.push_str(
        "\
Without an operation it meets all calls that it can meet; Get* stands for all
that begin so. WHEN counts those calls:
    @#3, @#1-3        the third; the first three
    @after:5          all but the first five
    @20%              one in five; the same ones for the same --seed",
    );
    text
}
