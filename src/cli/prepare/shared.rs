//! What handlers want that are linked with a shared library of Rust code.

use super::Machines;
use crate::cargo_config::Word;
use crate::compile::Compile;
use crate::error::Error;
use crate::rustflags::{Flag, codegen};
use crate::target::Libc;

/// What rustc refuses beside a shared standard library, and what it has to be instead: cargo says so by the
/// profile, but flags of the user's come after that.
const INSTEAD: [(&str, &str); 2] = [("lto", "off"), ("panic", "unwind")];

impl Machines<'_> {
    /// Whether there can be a shared library at all.
    pub(super) fn check_shared(compile: &Compile) -> Result<(), Error> {
        match &compile.dylib {
            Some(dylib) if compile.target.libc == Libc::Musl => Err(Error::Usage(format!(
                "`layers.dylib` is `{dylib}`, and rustc makes no shared libraries for musl: say \
                 `libc = \"gnu\"`, or take `layers.dylib` off"
            ))),
            _ => Ok(()),
        }
    }

    /// The flags for rustc; none where there is no shared library.
    pub(super) fn shared(&self, compile: &Compile, users: &[Word]) -> Vec<Flag> {
        let Some(dylib) = &compile.dylib else { return Vec::new() };
        self.shell.status_once(
            "Sharing",
            format!(
                "`{dylib}` as a library of its functions ({}): they are built with lto = \"off\" and \
                 panic = \"unwind\", whatever the profile says",
                compile.target
            ),
        );
        let said = |(option, _): &&(&str, &str)| codegen(users, option).is_some();
        let instead =
            INSTEAD.iter().filter(said).map(|(option, value)| format!("-C{option}={value}"));
        let flag = |text| Flag { text, chosen: true };
        std::iter::once("-Cprefer-dynamic".to_owned()).chain(instead).map(flag).collect()
    }
}
