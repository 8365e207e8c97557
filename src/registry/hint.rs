//! What to do where a registry did not give what it was asked for.

use super::error::{RegistryError, Why};

impl RegistryError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let host = &self.host;
        let why = match &self.why {
            Why::Token(why) => why,
            why => why,
        };
        Some(match why {
            Why::Denied { login, .. } if login.from.is_some() => format!(
                "the login for {host} is not enough, or has expired; {}",
                login_command(host)
            ),
            Why::Denied { .. } => {
                format!("is the name right? If so, a login is wanted: {}", login_command(host))
            }
            Why::Missing(_) => format!(
                "see the name and the tag; many registries also answer so where a login is missing: \
                 {}",
                login_command(host)
            ),
            Why::Unreachable { .. } => format!(
                "is `{host}` spelled right, and is there a network? Proxies are taken from \
                 HTTPS_PROXY and NO_PROXY"
            ),
            Why::Certificate { why, .. } => why.hint().to_owned(),
            Why::Plain { .. } => {
                "have the registry speak TLS, or make it one of this machine by a tunnel \
                 (`ssh -L 5000:localhost:5000 HOST`) and name it `localhost:5000`"
                    .to_owned()
            }
            Why::Roots(_) => {
                "SSL_CERT_FILE is to name a file of certificates (PEM); without it the system's are \
                 taken"
                    .to_owned()
            }
            Why::Silent { .. } => format!("is {host} up? The same command again goes on from here"),
            Why::Answered { status: 429, .. } => {
                format!("with a login more is allowed: {}", login_command(host))
            }
            Why::NoRepository { repository, .. } => no_repository(host, repository),
            Why::Immutable { .. } => {
                "push under another tag, or let tags be moved in the settings of the repository \
                 (image tag mutability)"
                    .to_owned()
            }
            Why::Answered { status: 413, .. } => format!(
                "{host}, or a proxy before it, takes nothing as large as that: make the layer \
                 smaller, or raise its limit"
            ),
            Why::Misnamed { .. } => format!(
                "{host}, or a proxy before it, changes or mistakes what it is sent: deploy nothing of \
                 it before it is looked at"
            ),
            Why::Changed(_) => "build the image again".to_owned(),
            Why::Foreign(_) => format!("is there a registry at `{host}`?"),
            _ => return None,
        })
    }
}

/// ECR makes no repository by itself ("Pushing a Docker image to an Amazon ECR private repository").
fn no_repository(host: &str, repository: &str) -> String {
    match region_of_ecr(host) {
        Some(region) => format!(
            "make it with `--create-repository`, or with `aws ecr create-repository --region \
             {region} --repository-name {repository}`"
        ),
        None => format!(
            "make the repository `{repository}` at {host} first; many registries also answer so \
             where a login is missing: {}",
            login_command(host)
        ),
    }
}

/// The Region of a private registry of ECR.
fn region_of_ecr(host: &str) -> Option<&str> {
    match host.split('.').collect::<Vec<_>>()[..] {
        [_, "dkr", "ecr" | "ecr-fips", region, "amazonaws", ..] => Some(region),
        _ => None,
    }
}

/// The command that makes a login. That of ECR is in the ECR User Guide, "Private registry
/// authentication"; its public registry's tokens are given by us-east-1 alone.
fn login_command(host: &str) -> String {
    let ecr = |api: &str, region: &str| {
        format!(
            "`aws {api} get-login-password --region {region} | docker login --username AWS \
             --password-stdin {host}`"
        )
    };
    if host == "public.ecr.aws" {
        return ecr("ecr-public", "us-east-1");
    }
    match region_of_ecr(host) {
        Some(region) => ecr("ecr", region),
        None if host == "docker.io" => "`docker login`".to_owned(),
        None => format!("`docker login {host}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_made_by_the_command_of_the_registry() {
        for (host, command) in [
            ("docker.io", "`docker login`"),
            ("x.example:5000", "`docker login x.example:5000`"),
            (
                "1.dkr.ecr.eu-west-1.amazonaws.com",
                "`aws ecr get-login-password --region eu-west-1 | docker login --username AWS \
                 --password-stdin 1.dkr.ecr.eu-west-1.amazonaws.com`",
            ),
        ] {
            assert_eq!(login_command(host), command);
        }
    }
}
