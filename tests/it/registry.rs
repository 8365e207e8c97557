//! The client of registries: against one that misbehaves as it is told, and against the real one.

#[cfg(feature = "aws")]
mod control;
mod ecr;
mod fake;
mod hostile;
mod logins;
mod push;
pub(crate) mod real;
mod trust;

use std::path::{Path, PathBuf};

use lambda_pack::digest::Sha256;
use lambda_pack::reference::Reference;
use lambda_pack::registry::{Client, Logins, Manifest, RegistryError};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// Runs what waits for the network, as commands do.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

/// Reads a manifest with a client of its own.
fn manifest(logins: Logins, text: &str) -> Result<Manifest, RegistryError> {
    block_on(Client::new(logins).unwrap().manifest(&reference(text)))
}

/// Reads a blob with a client of its own: what was written, and how it ended.
fn blob(host: &str, digest: Sha256, size: u64) -> (Vec<u8>, Result<(), RegistryError>) {
    let mut out = Vec::new();
    let reference = reference(&format!("{host}/some/app"));
    let client = Client::new(Logins::none()).unwrap();
    let ended = block_on(client.blob(&reference, &digest, size, &mut out));
    (out, ended)
}

/// A `config.json` of docker's.
fn config(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("config.json");
    std::fs::write(&path, text).unwrap();
    path
}

/// Runs one test of this program again, in an environment of its own: variables of a process that has
/// threads are not to be changed. Gives whether it is the one that was run so.
fn again(test: &str, variables: &[(&str, &str)]) -> bool {
    const MARK: &str = "OF_THIS_TEST_AGAIN";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(MARK, "1");
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    let run = crate::support::run(command.envs(variables.iter().copied())).code(0);
    assert!(run.stdout.contains("1 passed"), "{}", run.stdout);
    false
}
