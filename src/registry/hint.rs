//! What to do where a registry did not give what it was asked for.

use std::time::Duration;

use super::error::{RegistryError, Why};

impl RegistryError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let host = &*self.host;
        if let Some(hint) = self.why.says().and_then(|says| of_ecr(host, self.verb, says)) {
            return Some(hint);
        }
        match &self.why {
            Why::Token(why) => Some(no_token(host, why)),
            why if why.host().is_some_and(|to| is_other(host, to)) => elsewhere(host, why),
            why => at_home(host, why),
        }
    }
}

/// What to do about the registry itself.
fn at_home(host: &str, why: &Why) -> Option<String> {
    Some(match why {
        Why::Denied { login, .. } if login.from.is_some() => {
            format!("the login for {host} is not enough, or has expired; {}", login_command(host))
        }
        Why::Denied { .. } => {
            format!("is the name right? If so, a login is wanted: {}", login_command(host))
        }
        Why::Challenge(_) => format!(
            "{host}, or a proxy before it, is to ask for `Basic` or `Bearer`; a login with user and \
             password: {}",
            login_command(host)
        ),
        Why::Missing(_) => format!(
            "see the name and the tag; many registries also answer so where a login is missing: {}",
            login_command(host)
        ),
        Why::Unreachable { .. } => {
            format!("is `{host}` spelled right, and is there a network? {PROXIES}")
        }
        Why::Certificate { why, .. } => why.hint().to_owned(),
        Why::Plain { .. } => {
            "have the registry speak TLS, or make it one of this machine by a tunnel \
                              (`ssh -L 5000:localhost:5000 HOST`) and name it `localhost:5000`"
                .to_owned()
        }
        Why::Roots(_) => "SSL_CERT_FILE is to name a file of certificates (PEM); without it the \
                          system's are taken"
            .to_owned(),
        Why::Silent { .. } => format!("is {host} up? The same command again goes on from here"),
        Why::Answered { status: 429, after, .. } => too_many(host, *after),
        Why::NoRepository { repository, .. } => no_repository(host, repository),
        Why::Immutable { .. } => {
            "push under another tag, or let tags be moved in the settings of the \
                                  repository (image tag mutability)"
                .to_owned()
        }
        Why::Answered { status: 413, .. } => format!(
            "{host}, or a proxy before it, takes nothing as large as that: make the layer smaller, or \
             raise its limit"
        ),
        Why::Misnamed { .. } => format!(
            "{host}, or a proxy before it, changes or mistakes what it is sent: deploy nothing of it \
             before it is looked at"
        ),
        Why::Changed(_) => "build the image again".to_owned(),
        Why::Foreign(_) => format!("is there a registry at `{host}`?"),
        Why::Redirect(_) => format!(
            "{host} sends one there: is it the registry that was meant? If so, ask who runs it"
        ),
        _ => return None,
    })
}

/// Where proxies are from.
const PROXIES: &str = "Proxies are taken from HTTPS_PROXY and NO_PROXY";

/// Whether a host that failed is another than the registry.
fn is_other(host: &str, to: &str) -> bool {
    to != host && (host, to) != ("docker.io", "registry-1.docker.io")
}

/// What to do about a host that the registry sends one on to.
fn elsewhere(host: &str, why: &Why) -> Option<String> {
    let to = why.host().unwrap_or_default();
    Some(match why {
        Why::Certificate { why, .. } => why.hint().to_owned(),
        Why::Unreachable { .. } | Why::Silent { .. } | Why::Broken { .. } | Why::Plain { .. } => {
            format!(
                "{host} sends one on to {to}: is that up, and does this machine's network lead there? \
                 {PROXIES}"
            )
        }
        Why::Answered { status: 413, .. } => format!(
            "{to}, where {host} sends one on to, takes nothing as large as that: make the layer smaller, \
             or raise its limit"
        ),
        _ => return None,
    })
}

/// What to do about a server of tokens.
fn no_token(host: &str, why: &Why) -> String {
    match why {
        Why::Certificate { why, .. } => why.hint().to_owned(),
        Why::Answered { status: 429, after, .. } => too_many(host, *after),
        why => match why.host() {
            Some(to) => format!(
                "{host} has its tokens given by {to}: is that up, and does this machine's network lead \
                 there? {PROXIES}"
            ),
            None => format!("{host} names that server of tokens: ask who runs it"),
        },
    }
}

fn too_many(host: &str, after: Option<Duration>) -> String {
    let more = format!("with a login more is allowed: {}", login_command(host));
    match after.map(|after| after.as_secs()).filter(|seconds| *seconds > 0) {
        Some(seconds) => format!("it is to be asked again in {seconds} s; {more}"),
        None => more,
    }
}

/// What to do about what only ECR says: which permission is missing (ECR User Guide, "IAM permissions for
/// pushing an image"; to HEAD it says nothing but the status), which limit was met ("Amazon ECR service
/// quotas").
fn of_ecr(host: &str, verb: &str, says: &str) -> Option<String> {
    let denied = "is not authorized to perform: ";
    let action = says.split_once(denied).and_then(|(_, rest)| rest.split([' ', ',']).next());
    let action = action.filter(|action| action.starts_with("ecr"));
    let all = if verb == "push" {
        "ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ecr:UploadLayerPart, \
         ecr:CompleteLayerUpload, ecr:PutImage and ecr:BatchGetImage"
    } else {
        "ecr:BatchGetImage and ecr:GetDownloadUrlForLayer"
    };
    let takes =
        format!("to {verb} takes {all}, in the policies of who does it or in the repository's");
    if let Some(action) = action {
        return Some(format!(
            "the permission `{}` is missing: {takes}",
            action.trim_end_matches('.')
        ));
    }
    region_of_ecr(host)?;
    let lower = says.to_lowercase();
    if says == "HTTP 403" {
        return Some(format!("a permission may be missing: {takes}"));
    }
    if lower.contains("number of layers") {
        return Some(
            "make the image of fewer layers (127 are usual at most): on a base of fewer, or several steps \
             of its Dockerfile in one"
                .to_owned(),
        );
    }
    let limited =
        ["limitexceeded", "limit_exceeded", "limit exceeded", "images per repository", "quota"];
    limited.iter().any(|word| lower.contains(word)).then(|| {
        "delete images that nobody needs (a lifecycle policy does), or have the quota raised in Service \
         Quotas, Amazon ECR"
            .to_owned()
    })
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

    const ECR: &str = "1.dkr.ecr.eu-west-1.amazonaws.com";

    fn hint(host: &str, why: Why) -> String {
        let error = RegistryError { verb: "push", what: "x".into(), host: host.into(), why };
        error.hint().unwrap_or_default()
    }

    #[test]
    fn the_one_at_fault_is_named() {
        let unreachable =
            |to: &str| Why::Unreachable { to: to.to_owned(), why: String::new(), passing: false };
        let of = |why| hint("r.example", why);
        assert!(of(unreachable("r.example")).starts_with("is `r.example` spelled right"));
        assert!(
            of(unreachable("s3.example")).starts_with("r.example sends one on to s3.example: ")
        );
        let token = |why| Why::Token(Box::new(why));
        let says = of(token(unreachable("auth.example")));
        assert!(says.starts_with("r.example has its tokens given by auth.example: is that up"));
        let says = of(token(Why::Foreign("auth.example answers without a token".to_owned())));
        assert_eq!(says, "r.example names that server of tokens: ask who runs it");
        assert!(hint("docker.io", unreachable("registry-1.docker.io")).contains("spelled right"));
    }

    #[test]
    fn what_ecr_says_is_understood() {
        let denied = |says: &str| {
            let from = Some("the login that AWS gave".into());
            Why::Denied { says: says.to_owned(), login: super::super::Used { from, note: None } }
        };
        let says = "DENIED: User: arn:aws:sts::1:assumed-role/ci/x is not authorized to perform: \
                    ecr:PutImage on resource: arn:aws:ecr:eu-west-1:1:repository/a (HTTP 403)";
        let missing = hint(ECR, denied(says));
        assert!(
            missing
                .starts_with("the permission `ecr:PutImage` is missing: to push takes ecr:Batch")
        );
        assert!(hint(ECR, denied("HTTP 403")).starts_with("a permission may be missing: to push"));
        assert!(hint(ECR, denied("HTTP 401")).starts_with("the login for"));
        assert!(hint("r.example", denied("HTTP 403")).starts_with("the login for"));
        let refused = |status: u16, says: &str| Why::Answered {
            to: ECR.to_owned(),
            status,
            says: says.to_owned(),
            after: None,
        };
        let layers = "UNSUPPORTED: Limit on number of layers per image exceeded (HTTP 405)";
        assert!(hint(ECR, refused(405, layers)).starts_with("make the image of fewer layers"));
        let images =
            "LimitExceededException: The maximum number of images per repository (HTTP 400)";
        assert!(hint(ECR, refused(400, images)).starts_with("delete images that nobody needs"));
    }

    #[test]
    fn how_long_a_registry_wants_one_to_wait_is_said() {
        let after = Some(Duration::from_mins(10));
        let says = "TOOMANYREQUESTS (HTTP 429)".to_owned();
        let why = Why::Answered { to: "r.example".to_owned(), status: 429, says, after };
        assert!(
            hint("r.example", why).starts_with("it is to be asked again in 600 s; with a login")
        );
    }
}
