//! Repositories of Amazon ECR, by the names of their registries.

pub mod lifecycle;
pub mod policy;

/// The tag of an image that functions are deployed from, by the digits of its digest: it never stands for
/// another, and no rule for untagged images takes it away.
#[must_use]
pub fn tag(hex: &str) -> String {
    format!("lambda-pack-{}", hex.get(..12).unwrap_or_default())
}

/// A private registry of ECR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ecr<'h> {
    /// The account, 12 digits.
    pub account: &'h str,
    /// The Region.
    pub region: &'h str,
    /// Whether it is by a FIPS endpoint, of which Lambda takes no image (AWS: "Create a Lambda function using
    /// a container image", requirements).
    pub fips: bool,
}

/// Whether two names, of registry and repository, are of one repository: ECR's registries have several.
#[must_use]
pub fn same_repository(one: &str, other: &str) -> bool {
    let (Some((host, name)), Some((other_host, other_name))) =
        (one.split_once('/'), other.split_once('/'))
    else {
        return one == other;
    };
    let registry = |host| Ecr::of_host(host).map(|ecr| (ecr.account, ecr.region));
    let same_host =
        host == other_host || registry(host).is_some_and(|ours| registry(other_host) == Some(ours));
    same_host && name == other_name
}

impl Ecr<'_> {
    /// The host of an account's registry.
    #[must_use]
    pub fn host_of(account: &str, region: &str) -> String {
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("{account}.dkr.ecr.{region}.amazonaws.com{china}")
    }
}

impl<'h> Ecr<'h> {
    /// That of a host: `123456789012.dkr.ecr.eu-west-1.amazonaws.com`, or with `dkr-ecr` and `on.aws` for both
    /// versions of IP (Amazon ECR User Guide, "Private registries", "Getting started with making requests over
    /// IPv6"). None of any other registry, nor of what stands in for ECR on this machine.
    #[must_use]
    pub fn of_host(host: &'h str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let rest = rest.strip_prefix("dkr.").or_else(|| rest.strip_prefix("dkr-"))?;
        let (word, rest) = rest.split_once('.')?;
        let fips = match word {
            "ecr" => false,
            "ecr-fips" => true,
            _ => return None,
        };
        let (region, domain) = rest.split_once('.')?;
        let known = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "on.aws"];
        let private = ["c2s.ic.gov", "sc2s.sgov.gov"];
        let is_aws = known.iter().chain(&private).any(|it| *it == domain);
        (is_aws && !region.is_empty()).then_some(Self { account, region, fips })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_of_ecr_are_told_from_others() {
        let ecr = |region, fips| Some(Ecr { account: "123456789012", region, fips });
        for (host, expected) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", ecr("eu-west-1", false)),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", ecr("us-gov-west-1", true)),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", ecr("eu-west-1", false)),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", ecr("cn-north-1", false)),
            ("public.ecr.aws", None),
            ("12345.dkr.ecr.eu-west-1.amazonaws.com", None),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.net", None),
            ("123456789012.dkr.ecr.eu-west-1.evil.net", None),
            ("127.0.0.1:5000", None),
        ] {
            assert_eq!(Ecr::of_host(host), expected, "{host}");
        }
        for region in ["eu-west-1", "cn-north-1"] {
            let host = Ecr::host_of("123456789012", region);
            assert_eq!(Ecr::of_host(&host), ecr(region, false), "{host}");
        }
    }

    #[test]
    fn a_repository_is_the_same_by_every_name_of_its_registry() {
        let one = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b";
        for (other, same) in [
            (one, true),
            ("123456789012.dkr-ecr.eu-west-1.on.aws/a/b", true),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a", false),
            ("123456789012.dkr.ecr.eu-west-2.amazonaws.com/a/b", false),
            ("210987654321.dkr.ecr.eu-west-1.amazonaws.com/a/b", false),
            ("127.0.0.1:5000/a/b", false),
        ] {
            assert_eq!(same_repository(one, other), same, "{other}");
        }
        assert!(same_repository("127.0.0.1:1/a", "127.0.0.1:1/a"));
    }
}
