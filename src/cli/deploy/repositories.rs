//! The repositories of functions that are container images: named, made where that is asked for, and looked
//! at. A repository that Lambda takes no image of is refused here, before anything else is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::session::{Session, of_function};
use crate::aws::{Aws, Job, NewRepository};
use crate::cli::args::Ecr as Flags;
use crate::error::{Error, RemoteError};
use crate::reference::has_host;
use crate::release::desired::Source;
use crate::release::ecr::{Ecr, tag};
use crate::shell::Shell;

/// How a repository is to be made.
pub(in crate::cli) fn how(flags: &Flags) -> NewRepository {
    NewRepository {
        immutable: flags.immutable_tags,
        scan: flags.scan_on_push,
        kms_key: flags.kms_key.clone(),
    }
}

impl Session {
    /// Completes the names of repositories that have no registry: they are of ECR, of this account and
    /// Region. Gives those that are not there and are to be made.
    pub(super) async fn name_registries(
        &self,
        jobs: &mut [Job],
        flags: &Flags,
    ) -> Result<Vec<String>, Error> {
        if self.local && (flags.create_repository || flags.set_policy) {
            return Err(Error::Usage(
                "`--create-repository` and `--set-policy` are for Amazon ECR, and the Lambda on this machine takes images from where they were packaged"
                    .to_owned(),
            ));
        }
        let (mut named, mut missing) = (BTreeMap::<String, String>::new(), Vec::new());
        for job in jobs {
            let function = &job.desired.name;
            let Source::Image(image) = &mut job.desired.code.source else { continue };
            let Some((written, digest)) = image.uri.split_once('@').filter(|_| !image.is_there)
            else {
                continue;
            };
            if !named.contains_key(written) {
                let (uri, there) = self.named(function, written).await?;
                if !there && !flags.create_repository {
                    return Err(self.none(uri.split_once('/').map_or("", |(_, name)| name)));
                }
                let name = uri.split_once('/').map_or("", |(_, name)| name).to_owned();
                missing.extend(Some(name).filter(|_| !there));
                named.insert(written.to_owned(), uri);
            }
            let uri = named.get(written).map_or(written, String::as_str);
            image.uri = format!("{uri}@{digest}");
        }
        Ok(missing)
    }

    /// The whole name of a repository, and whether it is there, as far as one may ask.
    async fn named(&self, function: &str, written: &str) -> Result<(String, bool), Error> {
        let failed = |error| of_function(function, error);
        if !has_host(written) {
            if let Some(uri) = self.aws.repository(written, None).await.map_err(failed)? {
                return Ok((uri, true));
            }
            let account = self.aws.account().await.map_err(failed)?;
            let host = Ecr::host_of(&account, &self.aws.region);
            return Ok((format!("{host}/{written}"), false));
        }
        let (host, name) = written.split_once('/').unwrap_or((written, ""));
        self.aws.takes_images_of(host).map_err(failed)?;
        let Some(ecr) = Ecr::of_host(host) else { return Ok((written.to_owned(), true)) };
        let there = self.aws.repository(name, Some(ecr.account)).await;
        let there = !matches!(there, Ok(None));
        if !there && self.aws.account().await.is_ok_and(|own| own != ecr.account) {
            return Err(Error::Usage(format!(
                "there is no repository `{name}` in Amazon ECR of account {}, {}: it is that account's to make",
                ecr.account, ecr.region
            )));
        }
        Ok((written.to_owned(), there))
    }

    fn none(&self, name: &str) -> Error {
        Error::Usage(format!(
            "there is no repository `{name}` in Amazon ECR, {}: `--create-repository` makes it, as does `aws ecr create-repository --repository-name {name}`",
            self.name(&[])
        ))
    }

    /// Makes the repositories that are missing, and lets Lambda read where that is wanted.
    pub(super) async fn make_repositories(
        &self,
        (jobs, missing): (&[Job], &[String]),
        flags: &Flags,
        shell: &Shell,
    ) -> Result<(), Error> {
        for name in missing {
            let made = self.aws.create_repository(name, &how(flags)).await;
            made.map_err(|error| RemoteError::of("make the repository", name, error))?;
            shell.status("Created", format!("the repository {name}"));
        }
        if flags.set_policy {
            for (at, _) in of_ecr(jobs) {
                allow(&self.aws, at, shell).await?;
            }
        }
        Ok(())
    }

    /// Tells what repositories may keep functions from: that Lambda may not read them, and rules that take
    /// images away. Who may deploy need not be allowed to ask.
    pub(super) async fn warn_of_repositories(
        &self,
        (jobs, missing): (&[Job], &[String]),
        flags: &Flags,
        shell: &Shell,
    ) {
        for (at, digest) in of_ecr(jobs) {
            if missing.iter().any(|it| it == at.0) {
                continue;
            }
            if !flags.set_policy {
                closed(&self.aws, at, shell).await;
            }
            expiring(&self.aws, at, &tag(digest), shell).await;
        }
    }
}

/// A repository of ECR: its name, and the account, where the registry's name tells it.
pub(in crate::cli) type At<'a> = (&'a str, Option<&'a str>);

/// The repositories of ECR that images go to, each once, and the digest of one image.
fn of_ecr(jobs: &[Job]) -> Vec<(At<'_>, &str)> {
    let mut seen = BTreeSet::new();
    let one = |job| {
        let job: &Job = job;
        let image = job.desired.code.image().filter(|image| !image.is_there)?;
        let (host, path) = image.uri.split_once('/')?;
        let name = path.split('@').next()?;
        Some(((name, Some(Ecr::of_host(host)?.account)), job.desired.code.sha256.as_str()))
    };
    jobs.iter().filter_map(one).filter(|(at, _)| seen.insert(*at)).collect()
}

/// Lets Lambda read a repository.
pub(in crate::cli) async fn allow(
    aws: &Aws,
    (name, account): At<'_>,
    shell: &Shell,
) -> Result<(), Error> {
    let set = aws.let_lambda_read(name, account).await;
    if set.map_err(|error| RemoteError::of("set the policy of", name, error))? {
        shell.status("Allowed", format!("Lambda to read {name}"));
    }
    Ok(())
}

/// Tells that Lambda may not read a repository, if that can be seen.
pub(in crate::cli) async fn closed(aws: &Aws, (name, account): At<'_>, shell: &Shell) {
    if let Ok(false) = aws.lets_lambda_read(name, account).await {
        shell.warn(format!(
            "the policy of {name} does not let Lambda read it: `--set-policy` does; else whoever creates the function must be allowed ecr:SetRepositoryPolicy"
        ));
    }
}

/// Tells of rules that may take an image away from under a function.
pub(in crate::cli) async fn expiring(aws: &Aws, (name, account): At<'_>, tag: &str, shell: &Shell) {
    for rule in aws.expiring_rules(name, account, tag).await.unwrap_or_default() {
        shell.warn(format!(
            "the lifecycle policy of {name} may take this image away ({rule}): a function that it is the code of does not start any more then"
        ));
    }
}
