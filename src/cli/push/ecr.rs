//! Amazon ECR: its repositories, and whether Lambda may read them.

use std::rc::Rc;

use super::{To, parsed};
use crate::aws::{Aws, AwsError, Repository};
use crate::cli::args::{Ecr as Flags, Push};
use crate::cli::deploy::repositories::{self, At};
use crate::cli::deploy::session;
use crate::cli::warner;
use crate::error::{Error, RemoteError};
use crate::reference::{Reference, has_host};
use crate::registry::{Client, Why};
use crate::release::ecr::Ecr;
use crate::shell::Shell;

/// AWS where the flags say; in the Region of the registry, if that is one of ECR.
async fn connect(args: &Push, host: Option<&str>, shell: &Shell) -> Result<Aws, Error> {
    let mut place = session::account(&args.account);
    let region = host.and_then(Ecr::of_host).map(|ecr| ecr.region.to_owned());
    place.region = region.or(place.region);
    let talk = shell.apart();
    let connected = Aws::connect(&place, 0.0, Box::new(move |verb, text| talk.status(verb, text)));
    let aws = connected.await.map_err(|error| failed("reach", "Amazon ECR", error))?;
    Ok(aws.telling(warner(shell)))
}

fn failed(verb: &'static str, what: &str, error: AwsError) -> Error {
    RemoteError { verb, stopped: vec![(what.to_owned(), error)] }.into()
}

/// The repository and a client, if it is of ECR.
pub(super) async fn destination(
    args: &Push,
    text: &str,
    shell: &Shell,
) -> Result<Option<To>, Error> {
    let flags = &args.ecr;
    let wants = flags.create_repository || flags.set_policy;
    if has_host(text) {
        let reference = parsed(text)?;
        // Behind another endpoint any host may be that of a repository of it, but for ECR's public one.
        let elsewhere = args.account.endpoint_url.is_some() && reference.host() != "public.ecr.aws";
        let is_ecr = Ecr::of_host(reference.host()).is_some() || elsewhere;
        if !is_ecr {
            let host = reference.host();
            return if wants {
                let what = "`--create-repository` and `--set-policy` are for Amazon ECR";
                Err(Error::Usage(format!("{what}, and {host} is no registry of it")))
            } else {
                Ok(None)
            };
        }
        let aws = connect(args, Some(reference.host()), shell).await?;
        if flags.create_repository {
            let account = Ecr::of_host(reference.host()).map(|ecr| ecr.account);
            make(&aws, (reference.repository(), account), flags, shell).await?;
        }
        return entered(aws, reference).await.map(Some);
    }
    let (name, tag) = match text.split_once(':') {
        Some((name, tag)) => (name, format!(":{tag}")),
        None => (text, String::new()),
    };
    let aws = connect(args, None, shell).await?;
    let found = if flags.create_repository {
        make(&aws, (name, None), flags, shell).await?
    } else {
        aws.repository(name, None).await.map_err(|error| failed("look at", name, error))?
    };
    let Some(uri) = found.map(|found| found.uri) else {
        return Err(Error::Usage(format!(
            "there is no repository `{name}` in Amazon ECR, {}: `--create-repository` makes it; for another registry name its host",
            aws.region
        )));
    };
    let reference = parsed(&format!("{uri}{tag}"))?;
    entered(aws, reference).await.map(Some)
}

async fn entered(aws: Aws, reference: Reference) -> Result<To, Error> {
    let entered = aws.registry(&reference).await;
    let (client, entrance) =
        entered.map_err(|error| failed("log in to", reference.host(), error))?;
    Ok(To { reference, entrance, client, aws: Some(aws) })
}

/// A client with a new login, where ECR may have found the old one too old.
pub(super) async fn again(
    args: &Push,
    to: &To,
    why: &Why,
    shell: &Shell,
) -> Result<Option<Rc<Client>>, Error> {
    let of_ecr = Ecr::of_host(to.entrance.host()).is_some() && to.aws.is_some();
    if !of_ecr || !why.may_be_an_old_login() {
        return Ok(None);
    }
    shell.status("Renewing", format!("the login for {}", to.reference.host()));
    let aws = connect(args, Some(to.reference.host()), shell).await?;
    let entered = entered(aws, to.reference.clone()).await?;
    Ok(Some(entered.client))
}

/// The repository, made if it is not there.
async fn make(
    aws: &Aws,
    (name, account): At<'_>,
    flags: &Flags,
    shell: &Shell,
) -> Result<Option<Repository>, Error> {
    let found = aws.repository(name, account).await;
    let found = found.map_err(|error| RemoteError::of("look at", name, error))?;
    if let Some(found) = found {
        repositories::unmet(name, flags, &found, shell);
        return Ok(Some(found));
    }
    repositories::create(aws, (name, account), flags, shell).await
}

/// Whether Lambda may read what was pushed, and how long it stays.
pub(super) async fn after(
    args: &Push,
    to: &To,
    tags: &[String],
    shell: &Shell,
) -> Result<(), Error> {
    let Some(aws) = &to.aws else { return Ok(()) };
    // What stands in for ECR under another name is asked for nothing that nobody wants.
    if Ecr::of_host(to.reference.host()).is_none() && !args.ecr.set_policy {
        return Ok(());
    }
    let name = to.reference.repository();
    let at = (name, Ecr::of_host(to.reference.host()).map(|ecr| ecr.account));
    if args.ecr.set_policy {
        repositories::allow(aws, at, &[], shell).await?;
    } else {
        repositories::closed(aws, at, &[], shell).await;
    }
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    repositories::expiring(aws, at, &tags, shell).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Used;

    #[test]
    fn a_login_is_got_again_where_it_may_be_too_old() {
        let denied = |says: &str| Why::Denied { says: says.to_owned(), login: Used::default() };
        let answered = |says: &str| Why::Answered {
            to: String::new(),
            status: 400,
            says: says.to_owned(),
            after: None,
        };
        let expired = "DENIED: Your authorization token has expired. Reauthenticate and try again. (HTTP 403)";
        assert!(denied(expired).may_be_an_old_login() && answered(expired).may_be_an_old_login());
        assert!(
            denied("HTTP 401").may_be_an_old_login() && denied("HTTP 403").may_be_an_old_login()
        );
        let iam = "DENIED: User: arn:x is not authorized to perform: ecr:PutImage (HTTP 403)";
        assert!(
            !denied(iam).may_be_an_old_login()
                && !answered("UNSUPPORTED (HTTP 400)").may_be_an_old_login()
        );
    }
}
