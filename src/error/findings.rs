//! What an audit or a rebuild found, as the end of a command.

/// How many findings keep how many things from shipping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingsError {
    /// The number of errors found.
    pub errors: usize,
    /// What must not ship.
    pub things: Vec<String>,
    /// What was to be done with them.
    pub aim: Aim,
}

/// What findings keep one from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Nothing: it was only looked.
    Look,
    /// Writing bundles.
    Package,
    /// Pushing an image.
    Push,
}

impl std::fmt::Display for FindingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.errors == 1 { "error" } else { "errors" };
        write!(f, "{} {plural} found in {}", self.errors, self.things.join(", "))?;
        f.write_str(match self.aim {
            Aim::Look => "",
            Aim::Package => "; nothing was written for it, what was there before is unchanged",
            Aim::Push => "; nothing was pushed",
        })
    }
}

impl FindingsError {
    /// What to do about it.
    pub(super) const fn hint(&self) -> Option<&'static str> {
        match self.aim {
            Aim::Look => None,
            Aim::Package => Some("`--no-check` packages all the same"),
            Aim::Push => Some(
                "`check` says more, and mends what it can with `--fix`; `--no-check` pushes all the same",
            ),
        }
    }
}

/// How many bundles are not what was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffersError {
    /// Those.
    pub things: Vec<String>,
    /// How many were compared.
    pub of: usize,
}

impl std::fmt::Display for DiffersError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, of) = (self.things.len(), self.of);
        let verb = if count == 1 { "differs" } else { "differ" };
        write!(f, "{count} of {of} {verb} from what was rebuilt: {}", self.things.join(", "))
    }
}
