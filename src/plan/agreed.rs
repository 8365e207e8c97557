//! Cargo's own flags, where settings say them: `cargo.features`, `cargo.profile` and their kin.
//!
//! The command line takes the place of a setting. What one command builds shares runs of cargo, and a run
//! has each flag once: handlers that want other ones are not built together, rather than with flags that
//! are not theirs.

use super::{CargoOptions, FeatureSelection, PlanError};
use crate::config::CargoFlags;
use crate::function::Handler;

impl FeatureSelection {
    /// With what a handler's settings say. `false` cannot be said on a command line.
    #[must_use]
    pub fn with(&self, said: &CargoFlags) -> Self {
        let list = if self.list.is_empty() { &said.features } else { &self.list };
        Self {
            all: self.all || said.all_features,
            no_default: self.no_default || said.no_default_features,
            list: list.clone(),
        }
    }

    /// As flags, for people.
    fn shown(&self) -> String {
        let list = format!("--features {}", self.list.join(","));
        let flags = [
            (self.all, "--all-features"),
            (self.no_default, "--no-default-features"),
            (!self.list.is_empty(), &list),
        ];
        let flags = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| format!("`{flag}`"));
        let flags: Vec<_> = flags.collect();
        if flags.is_empty() { "the default features".to_owned() } else { flags.join(" ") }
    }
}

impl CargoOptions {
    /// With what a handler's settings say.
    #[must_use]
    pub fn with(&self, said: &CargoFlags) -> Self {
        let profile = said.profile.as_ref().filter(|_| !self.is_profile_said);
        Self {
            profile: profile.unwrap_or(&self.profile).clone(),
            features: self.features.with(said),
            ..self.clone()
        }
    }
}

/// The flags for handlers that are built together.
///
/// # Errors
///
/// Two of them want other ones, and the command line does not say which.
pub fn agreed<'h>(
    options: &CargoOptions,
    handlers: impl IntoIterator<Item = (&'h Handler, &'h CargoFlags)>,
) -> Result<CargoOptions, PlanError> {
    let mut known: Option<(&Handler, CargoOptions)> = None;
    for (handler, said) in handlers {
        let own = options.with(said);
        let Some((first, theirs)) = &known else {
            known = Some((handler, own));
            continue;
        };
        let apart = format!("build them apart (`-p {}`, or `--bin`)", handler.package);
        if own.profile != theirs.profile {
            return Err(PlanError::Disagreement(format!(
                "by its settings {first} is built with the profile `{}`, and {handler} with `{}`: say \
                 `--profile` for all, or {apart}",
                theirs.profile, own.profile
            )));
        }
        if own.features != theirs.features {
            return Err(PlanError::Disagreement(format!(
                "by its settings {first} is built with {}, and {handler} with {}: say `--features \
                 PACKAGE/FEATURE` for all, or {apart}",
                theirs.features.shown(),
                own.features.shown()
            )));
        }
    }
    Ok(known.map_or_else(|| options.clone(), |(_, options)| options))
}

#[cfg(test)]
mod tests {
    use cargo_metadata::PackageId;

    use super::*;
    use crate::function::TargetKind;

    fn handler(package: &str) -> Handler {
        Handler {
            package_id: PackageId { repr: package.to_owned() },
            package: package.to_owned(),
            target: package.to_owned(),
            kind: TargetKind::Bin,
        }
    }

    fn said(features: &[&str], profile: Option<&str>) -> CargoFlags {
        CargoFlags {
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
            profile: profile.map(str::to_owned),
            ..CargoFlags::default()
        }
    }

    fn of_two(
        options: &CargoOptions,
        a: &CargoFlags,
        b: &CargoFlags,
    ) -> Result<CargoOptions, String> {
        let (one, other) = (handler("a"), handler("b"));
        agreed(options, [(&one, a), (&other, b)]).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_count_where_the_command_line_says_nothing() {
        let options = CargoOptions { profile: "release".to_owned(), ..CargoOptions::default() };
        let fast = CargoFlags { no_default_features: true, ..said(&["fast"], Some("small")) };
        let taken = of_two(&options, &fast, &fast).unwrap();
        assert_eq!((&*taken.profile, &*taken.features.list), ("small", &["fast".to_owned()][..]));
        assert!(taken.features.no_default && !taken.features.all);
        let mut typed = options;
        (typed.profile, typed.is_profile_said) = ("dev".to_owned(), true);
        typed.features.list = vec!["other".to_owned()];
        let taken = of_two(&typed, &fast, &said(&[], None));
        assert!(taken.unwrap_err().contains("`--no-default-features` `--features other`"));
        let taken = of_two(&typed, &said(&["fast"], Some("small")), &said(&[], None)).unwrap();
        assert_eq!((&*taken.profile, &*taken.features.list), ("dev", &["other".to_owned()][..]));
    }

    #[test]
    fn no_handler_is_built_with_the_flags_of_another() {
        let options = CargoOptions { profile: "release".to_owned(), ..CargoOptions::default() };
        let none = said(&[], None);
        let error = of_two(&options, &said(&["fast"], None), &none).unwrap_err();
        assert!(
            error.contains("`--features fast`, and bin `b` of package `b` with the default"),
            "{error}"
        );
        assert!(error.contains("`-p b`"), "{error}");
        let error = of_two(&options, &none, &said(&[], Some("small"))).unwrap_err();
        assert!(error.contains("`release`, and bin `b` of package `b` with `small`"), "{error}");
        assert!(of_two(&options, &none, &none).is_ok());
    }
}
