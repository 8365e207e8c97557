//! Functions that whoever started the server puts there, without a request: from the files of a build.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::faults::Begun;
use super::store::{Store, Taken};
use super::{LocalError, Server};
use crate::account::{ApiError, Input, Object};
use crate::routes::Routes;
use crate::tree::Tree;

/// A function, as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Direct {
    /// Its name.
    pub name: String,
    /// Members of `CreateFunction`, without name and code.
    pub settings: Object,
    /// Aliases, which all stand for `$LATEST`.
    pub aliases: Vec<String>,
    /// The image that it is put on; none: this machine's own system.
    pub base: Option<Base>,
    /// Members of `CreateFunctionUrlConfig`, of the first alias, or of the function if it has none.
    pub url: Option<Object>,
}

/// An image that a function is put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its files.
    pub root: PathBuf,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
}

/// A server, for other threads of this process.
#[derive(Clone)]
pub struct Handle {
    /// Where it listens.
    pub address: SocketAddr,
    pub(super) store: Arc<Store>,
    pub(super) work: mpsc::UnboundedSender<Work>,
}

/// Something to be done on the server's own thread.
pub(super) type Work = Box<dyn FnOnce(&Rc<Server>) + Send>;

impl Handle {
    /// Puts a function there, in one step: what comes before meets the old one, which ends what it has
    /// begun, and what comes after the new one. `before`: what was put there last. `start`: an
    /// environment is started at once. False if it is all there already.
    ///
    /// # Errors
    ///
    /// If the disk or the account refuses, or the server has ended.
    pub fn put(
        &self,
        function: &Direct,
        before: Option<&Direct>,
        code: &Tree,
        start: bool,
    ) -> Result<bool, LocalError> {
        let taken = self.store.lay(code).map_err(LocalError::Start)?;
        self.store.put_on(&function.name, function.base.clone());
        let (function, same) = (function.clone(), before == Some(function));
        self.ask(move |server| {
            if same && server.has(&function.name, &taken) {
                return Ok(false);
            }
            server.put(&function, same, taken)?;
            server.expected.came(&function.name);
            if start {
                server.warm(&function.name);
            }
            Ok(true)
        })
    }

    /// Puts a layer there, unless the one of the ARN `before` has these files; its ARN.
    ///
    /// # Errors
    ///
    /// If the disk or the account refuses, or the server has ended.
    pub fn layer(
        &self,
        name: &str,
        files: &Tree,
        before: Option<&str>,
    ) -> Result<String, LocalError> {
        let taken = self.store.lay(files).map_err(LocalError::Start)?;
        let input = json!({ "LayerName": name, "Content": { "ZipFile": "" } });
        let before = before.map(str::to_owned);
        self.ask(move |server| {
            if let Some(arn) =
                before.filter(|arn| server.account.borrow().layer_code(arn) == Some(&taken.code))
            {
                return Ok(arn);
            }
            published(server, input, taken)
        })
    }

    /// Publishes the zip of a layer, also one that is too long for a call; its ARN.
    ///
    /// # Errors
    ///
    /// If the disk or the account refuses, or the server has ended.
    pub fn layer_of_zip(&self, name: &str, zip: Vec<u8>) -> Result<String, LocalError> {
        let input = json!({ "LayerName": name, "Content": { "ZipFile": "" } });
        let store = Arc::clone(&self.store);
        self.ask(move |server| published(server, input, store.take_any(&zip)?))
    }

    /// Takes a function away; one that is not there is none.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn remove(&self, name: &str) -> Result<(), LocalError> {
        let name = name.to_owned();
        self.ask(move |server| {
            let _ = server.call("DeleteFunction", json!({ "FunctionName": name }), None);
            Ok(())
        })
    }

    /// Requests below `/routes` are for these functions from now on.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn set_routes(&self, routes: Routes) -> Result<(), LocalError> {
        self.ask(move |server| {
            server.routes.replace(routes);
            Ok(())
        })
    }

    /// Of the functions that were expected no other will come.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn no_more(&self) -> Result<(), LocalError> {
        self.ask(|server| {
            server.expected.no_more();
            Ok(())
        })
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Rc<Server>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, LocalError> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |server| drop(answer.send(work(server))));
        let ended = || LocalError::Start(io::ErrorKind::NotConnected.into());
        self.work.send(work).map_err(|_| ended())?;
        let answered = answered.blocking_recv().map_err(|_| ended())?;
        answered.map_err(|error| LocalError::Refused { code: error.code, message: error.message })
    }
}

impl Server {
    /// Whether `$LATEST` of a function has this code.
    fn has(&self, function: &str, taken: &Taken) -> bool {
        let account = self.account.borrow();
        let target = account.target(function, None, 0.0);
        target.is_ok_and(|target| target.configuration.code == taken.code)
    }

    fn put(&self, function: &Direct, same: bool, taken: Taken) -> Result<(), ApiError> {
        let name = function.name.as_str();
        if same && self.account.borrow().function(name).is_some() {
            let input = json!({ "FunctionName": name, "ZipFile": "" });
            return self.call("UpdateFunctionCode", input, Some(taken));
        }
        let _ = self.call("DeleteFunction", json!({ "FunctionName": name }), None);
        let mut input = function.settings.clone();
        input.insert("FunctionName".to_owned(), name.into());
        input.insert("Code".to_owned(), json!({ "ZipFile": "" }));
        self.call("CreateFunction", input.into(), Some(taken))?;
        for alias in &function.aliases {
            let input =
                json!({ "FunctionName": name, "Name": alias, "FunctionVersion": "$LATEST" });
            self.call("CreateAlias", input, None)?;
        }
        if let Some(url) = &function.url {
            let mut input = url.clone();
            input.insert("FunctionName".to_owned(), name.into());
            if let Some(alias) = function.aliases.first() {
                input.insert("Qualifier".to_owned(), alias.as_str().into());
            }
            self.call("CreateFunctionUrlConfig", input.into(), None)?;
        }
        Ok(())
    }

    fn call(&self, operation: &str, input: Value, taken: Option<Taken>) -> Result<(), ApiError> {
        self.answer(operation, input, taken).map(drop)
    }

    fn answer(
        &self,
        operation: &str,
        input: Value,
        taken: Option<Taken>,
    ) -> Result<Object, ApiError> {
        let Value::Object(members) = input else { return Ok(Object::new()) };
        self.decide(operation, &Input::new(members), taken, &Begun::default())
    }
}

/// Does what other threads ask for, until none is left that could.
pub(super) async fn serve(mut work: mpsc::UnboundedReceiver<Work>, server: Rc<Server>) {
    while let Some(work) = work.recv().await {
        work(&server);
    }
}

/// The ARN of a version that is published.
fn published(server: &Rc<Server>, input: Value, taken: Taken) -> Result<String, ApiError> {
    let output = server.answer("PublishLayerVersion", input, Some(taken))?;
    let arn = output.get("LayerVersionArn").and_then(Value::as_str);
    Ok(arn.unwrap_or_default().to_owned())
}
