//! Images of functions, in their registries: whether they are there, and sending what is missing.

use std::path::Path;

use super::{Aws, AwsError};
use crate::reference::is_loopback;
use crate::release::ecr::Ecr;
#[cfg(feature = "registry")]
pub(super) use with::Registries;

impl Aws {
    /// Whether Lambda takes images of a registry: of ECR, of its own Region (AWS: "Create a Lambda function
    /// using a container image", requirements); what stands in for it, those of this machine.
    ///
    /// # Errors
    ///
    /// If it does not; why.
    pub fn takes_images_of(&self, host: &str) -> Result<(), AwsError> {
        let why = match Ecr::of_host(host) {
            Some(Ecr { fips: true, .. }) => {
                "is a FIPS endpoint, of which Lambda takes no image".to_owned()
            }
            Some(ecr) if ecr.region == self.region => return Ok(()),
            Some(ecr) => {
                format!("is of Region {}, and the function of {}", ecr.region, self.region)
            }
            None if is_loopback(host) && self.config.endpoint_url().is_some() => return Ok(()),
            None => "is no registry of Amazon ECR, of which alone Lambda takes images".to_owned(),
        };
        Err(AwsError::registry(format!("{host} {why}")))
    }
}

#[cfg(not(feature = "registry"))]
impl Aws {
    #[expect(clippy::unused_async, reason = "with registries it waits")]
    pub(super) async fn is_pushed(&self, _: &str) -> Result<bool, AwsError> {
        Err(none())
    }

    #[expect(clippy::unused_async, reason = "with registries it waits")]
    pub(super) async fn push(&self, _: &str, _: &Path) -> Result<(), AwsError> {
        Err(none())
    }

    #[expect(clippy::unused_async, reason = "with registries it waits")]
    pub(super) async fn abandon_pushes(&self) {}

    #[expect(clippy::unused_self, reason = "with registries it tells")]
    pub(super) fn warn(&self, _: &str) {}
}

#[cfg(not(feature = "registry"))]
fn none() -> AwsError {
    let why = "this program was built without registries (the feature `registry`)";
    AwsError::registry(why.to_owned())
}

#[cfg(feature = "registry")]
mod with {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;
    use std::sync::Arc;

    use super::{Aws, AwsError, Path};
    use crate::blobs::{self, Base, Place};
    use crate::reference::{Reference, is_loopback};
    use crate::registry::{Client, Logins, Pushes, RegistryError, Why};
    use crate::release::ecr::{Ecr, tag};
    use crate::target::Arch;

    /// Clients, by the host of the registry, and what their pushes know of each other: functions share what
    /// their images stand on.
    #[derive(Default)]
    pub(in crate::aws) struct Registries {
        clients: RefCell<BTreeMap<String, Rc<Client>>>,
        pushes: Pushes,
        warn: Option<Warn>,
    }

    /// Tells what whoever waits should know.
    type Warn = Arc<dyn Fn(&str) + Send + Sync>;

    fn failed(error: &RegistryError) -> AwsError {
        let (hint, exit) = (error.hint(), error.exit_code());
        AwsError::Registry { why: crate::aws::error::chain(error), hint, exit }
    }

    fn reference(uri: &str) -> Result<Reference, AwsError> {
        uri.parse().map_err(|error| AwsError::registry(format!("`{uri}`: {error}")))
    }

    impl Aws {
        /// The same, telling what its registries make one wait for; see [`Client::telling`].
        #[must_use]
        pub fn telling(mut self, warn: impl Fn(&str) + Send + Sync + 'static) -> Self {
            self.registries.warn = Some(Arc::new(warn));
            self
        }

        /// Tells it.
        pub(in crate::aws) fn warn(&self, text: &str) {
            if let Some(warn) = &self.registries.warn {
                warn(text);
            }
        }

        /// A client that may enter a registry, and the repository as it is to be asked for: with a login of
        /// ECR's where it is one, else with those of docker and podman.
        ///
        /// # Errors
        ///
        /// If AWS gives no login, or this machine has no certificates.
        pub async fn registry(
            &self,
            reference: &Reference,
        ) -> Result<(Rc<Client>, Reference), AwsError> {
            let entrance = self.entrance(reference);
            let host = entrance.host();
            if let Some(client) = self.registries.clients.borrow().get(host) {
                return Ok((Rc::clone(client), entrance));
            }
            let mut logins = Logins::of_this_user();
            if Ecr::of_host(host).is_some()
                && let Some((user, password)) = self.ecr_login().await?
            {
                logins = logins.with_that_of("the login that AWS gave", (host, &user, &password));
            }
            let mut client = Client::new(logins).map_err(|error| failed(&error))?;
            if let Some(warn) = self.registries.warn.clone() {
                client = client.telling(move |text| warn(text));
            }
            let client = Rc::new(client);
            self.registries.clients.borrow_mut().insert(host.to_owned(), Rc::clone(&client));
            Ok((client, entrance))
        }

        /// What stands in for AWS on this machine is the registry as well, whatever it calls itself.
        fn entrance(&self, reference: &Reference) -> Reference {
            let url = self.config.endpoint_url().unwrap_or_default();
            let host = url.split_once("://").map_or("", |(_, rest)| rest);
            let host = host.split('/').next().unwrap_or_default();
            if is_loopback(host) && Ecr::of_host(reference.host()).is_some() {
                reference.on(host)
            } else {
                reference.clone()
            }
        }

        /// A call of a registry; once more with a new login where ECR may have found its login too old.
        async fn entered<T>(
            &self,
            reference: &Reference,
            call: impl AsyncFn(&Client, &Reference) -> Result<T, RegistryError>,
        ) -> Result<T, AwsError> {
            let (client, entrance) = self.registry(reference).await?;
            match call(&client, &entrance).await {
                Err(error)
                    if Ecr::of_host(entrance.host()).is_some()
                        && error.why.may_be_an_old_login() =>
                {
                    self.registries.clients.borrow_mut().remove(entrance.host());
                    let (client, entrance) = self.registry(reference).await?;
                    call(&client, &entrance).await
                }
                answered => answered,
            }
            .map_err(|error| failed(&error))
        }

        /// Whether an image is where a URI with a digest says.
        pub(in crate::aws) async fn is_pushed(&self, uri: &str) -> Result<bool, AwsError> {
            let reference = reference(uri)?;
            self.takes_images_of(reference.host())?;
            let asked =
                async |client: &Client, entrance: &Reference| match client.manifest(entrance).await
                {
                    Ok(_) => Ok(true),
                    Err(RegistryError { why: Why::Missing(_), .. }) => Ok(false),
                    Err(error) => Err(error),
                };
            self.entered(&reference, asked).await
        }

        /// Takes back what was begun and not finished.
        pub(in crate::aws) async fn abandon_pushes(&self) {
            let clients: Vec<_> = self.registries.clients.borrow().values().cloned().collect();
            for client in clients {
                client.pushing_with(&self.registries.pushes).abandon().await;
            }
        }

        /// Sends what is missing of the image of a layout; what its base has in the same registry is mounted.
        pub(in crate::aws) async fn push(&self, uri: &str, layout: &Path) -> Result<(), AwsError> {
            let reference = reference(uri)?;
            let place = Place::Layout(layout.to_path_buf(), None);
            let image = blobs::open(&place, Arch::of_this_machine());
            let image = image.map_err(|error| AwsError::registry(error.to_string()))?;
            let tags = reference.digest().map(|digest| tag(&digest.hex()));
            let tags: Vec<String> = tags.into_iter().collect();
            let base = Base::of(&place).filter(|it| it.reference.host() == reference.host());
            let push = async |client: &Client, entrance: &Reference| {
                let pushing = client.pushing_with(&self.registries.pushes);
                if let Some(base) = &base {
                    let there = base.reference.on(entrance.host());
                    pushing.may_be_in(&there, base.layers.iter().copied());
                }
                pushing.opened(entrance, &tags, &image, async { Ok(()) }, &|_| ()).await.map(drop)
            };
            self.entered(&reference, push).await
        }
    }
}
