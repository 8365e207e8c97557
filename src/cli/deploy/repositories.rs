//! The repositories of functions that are container images: named, made where that is asked for, and looked
//! at. A repository that Lambda takes no image of is refused here, before anything else is asked.

use std::collections::BTreeMap;

use super::session::{Session, of_function};
use crate::aws::{Aws, AwsError, Job, NewRepository, Repository};
use crate::cli::args::Ecr as Flags;
use crate::error::{Error, RemoteError};
use crate::reference::has_host;
use crate::release::desired::Source;
use crate::release::ecr::policy::Reading;
use crate::release::ecr::{Ecr, tag};
use crate::shell::Shell;

/// How a repository is to be made.
fn how(flags: &Flags) -> NewRepository {
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
        shell: &Shell,
    ) -> Result<Vec<String>, Error> {
        if self.local.is_some() && (flags.create_repository || flags.set_policy) {
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
                let name = uri.split_once('/').map_or("", |(_, name)| name).to_owned();
                if let There::Yes(Some(found)) = &there {
                    unmet(&name, flags, found, shell);
                }
                let there = !matches!(there, There::No);
                if !there && !flags.create_repository {
                    return Err(self.none(&name));
                }
                missing.extend(Some(name).filter(|_| !there));
                named.insert(written.to_owned(), uri);
            }
            let uri = named.get(written).map_or(written, String::as_str);
            image.uri = format!("{uri}@{digest}");
        }
        Ok(missing)
    }

    /// The whole name of a repository, and whether it is there, as far as one may ask.
    async fn named(&self, function: &str, written: &str) -> Result<(String, There), Error> {
        let failed = |error| of_function(function, error);
        if !has_host(written) {
            if let Some(found) = self.aws.repository(written, None).await.map_err(failed)? {
                return Ok((found.uri.clone(), There::Yes(Some(found))));
            }
            let account = self.aws.account().await.map_err(failed)?;
            let host = Ecr::host_of(&account, &self.aws.region);
            return Ok((format!("{host}/{written}"), There::No));
        }
        let (host, name) = written.split_once('/').unwrap_or((written, ""));
        self.aws.takes_images_of(host).map_err(failed)?;
        let Some(ecr) = Ecr::of_host(host) else {
            return Ok((written.to_owned(), There::Yes(None)));
        };
        let there = match self.aws.repository(name, Some(ecr.account)).await {
            Ok(None) => There::No,
            found => There::Yes(found.ok().flatten()),
        };
        if matches!(there, There::No)
            && self.aws.account().await.is_ok_and(|own| own != ecr.account)
        {
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
            create(&self.aws, (name, None), flags, shell).await?;
        }
        if flags.set_policy {
            for Target { at, functions, .. } in of_ecr(jobs) {
                allow(&self.aws, at, &functions, shell).await?;
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
        for Target { at, digest, functions } in of_ecr(jobs) {
            if missing.iter().any(|it| it == at.0) {
                continue;
            }
            if !flags.set_policy {
                closed(&self.aws, at, &functions, shell).await;
            }
            expiring(&self.aws, at, &[&tag(digest)], shell).await;
        }
    }
}

/// A repository of ECR: its name, and the account, where the registry's name tells it.
pub(in crate::cli) type At<'a> = (&'a str, Option<&'a str>);

/// Whether a repository is there, and how it was made, where that can be seen.
enum There {
    No,
    Yes(Option<Repository>),
}

/// A repository of ECR that images go to.
struct Target<'j> {
    at: At<'j>,
    /// The digest of one of them.
    digest: &'j str,
    /// The functions that they are of.
    functions: Vec<&'j str>,
}

/// Each once.
fn of_ecr(jobs: &[Job]) -> Vec<Target<'_>> {
    let mut all: Vec<Target<'_>> = Vec::new();
    for job in jobs {
        let image = job.desired.code.image().filter(|image| !image.is_there);
        let Some((host, path)) = image.and_then(|image| image.uri.split_once('/')) else {
            continue;
        };
        let Some(ecr) = Ecr::of_host(host) else { continue };
        let at = (path.split('@').next().unwrap_or_default(), Some(ecr.account));
        let function = job.desired.name.as_str();
        if let Some(target) = all.iter_mut().find(|target| target.at == at) {
            target.functions.push(function);
        } else {
            let digest = job.desired.code.sha256.as_str();
            all.push(Target { at, digest, functions: vec![function] });
        }
    }
    all
}

/// Makes a repository; that somebody else did so meanwhile is no error.
pub(in crate::cli) async fn create(
    aws: &Aws,
    (name, account): At<'_>,
    flags: &Flags,
    shell: &Shell,
) -> Result<Option<Repository>, Error> {
    let made = aws.create_repository(name, account, &how(flags)).await;
    let (found, made) =
        made.map_err(|error| RemoteError::of("make the repository", name, error))?;
    if made {
        shell.status("Created", format!("the repository {name}"));
    } else if let Some(found) = &found {
        unmet(name, flags, found, shell);
    }
    Ok(found)
}

/// Tells of flags for new repositories that say something else of one that is there.
pub(in crate::cli) fn unmet(name: &str, flags: &Flags, found: &Repository, shell: &Shell) {
    let all = how(flags).unmet(&found.how);
    if !all.is_empty() {
        shell.warn(format!(
            "the repository {name} was there already and stays as it is: {}",
            all.join("; ")
        ));
    }
}

/// Lets Lambda read a repository.
pub(in crate::cli) async fn allow(
    aws: &Aws,
    (name, account): At<'_>,
    functions: &[&str],
    shell: &Shell,
) -> Result<(), Error> {
    let set = aws.let_lambda_read(name, account, functions).await;
    let (set, reading) = set.map_err(|error| RemoteError::of("set the policy of", name, error))?;
    if set {
        shell.status("Allowed", format!("Lambda to read {name}"));
    }
    tell(name, &reading, shell);
    Ok(())
}

/// Tells that Lambda may not read a repository, or that this cannot be seen.
pub(in crate::cli) async fn closed(
    aws: &Aws,
    (name, account): At<'_>,
    functions: &[&str],
    shell: &Shell,
) {
    match aws.lets_lambda_read(name, account, functions).await {
        Ok(reading) => tell(name, &reading, shell),
        Err(error) => unseen(&format!("whether Lambda may read {name}"), &error, shell),
    }
}

fn tell(name: &str, reading: &Reading, shell: &Shell) {
    let why = match reading {
        Reading::Allowed => return,
        Reading::Nobody => format!(
            "the policy of {name} does not let Lambda read it: `--set-policy` does; else whoever creates the function must be allowed ecr:SetRepositoryPolicy"
        ),
        Reading::Others(statement) => format!(
            "the policy of {name} lets Lambda read it for other functions alone (the condition of its statement `{statement}`): add these to it, or let Lambda read for all with `--set-policy`"
        ),
        Reading::Denied(statement) => format!(
            "the policy of {name} keeps Lambda from reading it (its statement `{statement}`), whatever else it allows: take lambda.amazonaws.com out of that"
        ),
    };
    shell.warn(why);
}

/// What is not known is not said to be well.
fn unseen(what: &str, error: &AwsError, shell: &Shell) {
    shell.warn(format!("it cannot be seen {what}: {error}"));
}

/// Tells of rules that may take an image away from under a function.
pub(in crate::cli) async fn expiring(
    aws: &Aws,
    (name, account): At<'_>,
    tags: &[&str],
    shell: &Shell,
) {
    let rules = match aws.expiring_rules(name, account, tags).await {
        Ok(rules) => rules,
        Err(error) => {
            return unseen(
                &format!("whether a lifecycle policy of {name} takes images away"),
                &error,
                shell,
            );
        }
    };
    for rule in rules {
        shell.warn(format!(
            "the lifecycle policy of {name} may take this image away ({rule}): a function that it is the code of does not start any more then"
        ));
    }
}
