//! Flags of `push`.

use std::path::PathBuf;

use clap::Args;

#[cfg(feature = "aws")]
use super::Account;

#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Push {
    /// The image: an OCI layout or archive, an archive of docker's, or the folder that `package --format
    /// image` wrote it to
    #[arg(value_name = "IMAGE")]
    pub(in crate::cli) image: PathBuf,
    /// Where it goes: HOST/REPOSITORY[:TAG]; without a host to Amazon ECR, of the account and Region
    #[arg(value_name = "REFERENCE")]
    pub(in crate::cli) reference: String,
    /// A tag, besides that of the reference; may be given several times, and hold {commit} (that the image
    /// was built from), {branch} and {tag} (git's, of the current folder, if that is at this commit) and
    /// {digest}
    #[arg(long, value_name = "TAG", help_heading = "Push")]
    pub(in crate::cli) tag: Vec<String>,
    /// Push it whatever Lambda would say of it
    #[arg(long, help_heading = "Push")]
    pub(in crate::cli) no_check: bool,
    /// Of an index the image for this architecture [default: this machine's]
    #[arg(long, value_name = "ARCH", value_parser = ["x86_64", "arm64"], help_heading = "Push")]
    pub(in crate::cli) arch: Option<String>,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub(in crate::cli) ecr: Ecr,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub(in crate::cli) account: Account,
}

/// Amazon ECR.
#[cfg(feature = "aws")]
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Amazon ECR")]
pub(in crate::cli) struct Ecr {
    /// Make the repository if it is not there
    #[arg(long)]
    pub(in crate::cli) create_repository: bool,
    /// Of a new repository: a tag, once given, stays where it is
    #[arg(long, requires = "create_repository")]
    pub(in crate::cli) immutable_tags: bool,
    /// Of a new repository: images are scanned when they are pushed
    #[arg(long, requires = "create_repository")]
    pub(in crate::cli) scan_on_push: bool,
    /// Of a new repository: the key of KMS that encrypts it
    #[arg(long, value_name = "ARN", requires = "create_repository")]
    pub(in crate::cli) kms_key: Option<String>,
    /// Let Lambda read the repository, if its policy does not
    #[arg(long)]
    pub(in crate::cli) set_policy: bool,
}
