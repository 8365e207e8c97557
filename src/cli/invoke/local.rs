//! `invoke --local` without a server: packages the function, starts a server for this one call, and
//! ends it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::send;
use crate::cli::args::{Build, Global, Images, Invoke, Package};
use crate::cli::facts::Facts;
use crate::cli::groups::functions;
use crate::cli::prepare::Machines;
use crate::cli::{configuration, here, package, server};
use crate::config;
use crate::error::Error;
use crate::files;
use crate::function::{Function, TargetKind};
use crate::invocation::{Invocation, Invoked};
use crate::local::{Client, Event, Options};
use crate::nearest;
use crate::plan;
use crate::release::Object;
use crate::shell::Shell;

pub(super) fn run(
    invocation: &Invocation<'_>,
    args: &Invoke,
    global: &Global,
    shell: &Shell,
) -> Result<Invoked, Error> {
    let (zip, request) = bundle(invocation.function, args, global, shell)?;
    let zip = files::read_bytes(&zip)?;
    // An event is run before the server ends: nobody else would.
    let sandbox = !args.no_sandbox;
    let options = Options { drain: true, sandbox, ..server::options(0)? };
    let talk = global.shell();
    let talk = move |event: Event<'_>| {
        if let Event::Note(text) = event {
            talk.warn(text);
        }
    };
    server::beside(options, talk, |handle| {
        let client = Client::at(handle.address);
        create(&client, request, &zip)?;
        send(&client, invocation)
    })
}

/// Packages the function of this name. Its zip, and what to create it with.
fn bundle(
    name: &str,
    args: &Invoke,
    global: &Global,
    shell: &Shell,
) -> Result<(std::path::PathBuf, Object), Error> {
    let facts = Facts::gather(args.build.cargo_options(global), false)?;
    let flags = args.build.compile.settings(&args.audit);
    let settings = configuration::load(&facts.metadata, flags, global, shell)?;
    let target = Machines::new(&facts, shell).default_target();
    let (functions, _) = functions(&facts, &args.build.selection(), &settings, target)?;
    let Some(function) = functions.iter().find(|function| function.name.as_str() == name) else {
        let names = functions.iter().map(|function| function.name.as_str());
        let known = nearest::suggestion(name, names);
        return Err(Error::Usage(format!(
            "there is no function `{name}` in this workspace: {known}"
        )));
    };
    let handler = &function.handler;
    let build = only(&args.build, function);
    let package = Package {
        out: None,
        layout: None,
        no_check: false,
        for_verify: true,
        images: Images::zip(),
        audit: args.audit.clone(),
        build,
    };
    package::run(&package, global, shell)?;
    let folder = plan::output(&facts.target, None, false).folder(function);
    let zip = folder.join(package::recorded(&folder)?.zip);
    let merged = settings.of_handler(&handler.package, &handler.target);
    let wanted = config::wanted(&merged, &function.name).map_err(Error::Config)?;
    let mut request = here::settings(function, &wanted);
    request.insert("FunctionName".to_owned(), name.into());
    Ok((zip, request))
}

/// The same flags, for this function's handler alone.
fn only(build: &Build, function: &Function) -> Build {
    let mut build = build.clone();
    build.workspace = clap_cargo::Workspace::default();
    build.workspace.package = vec![function.handler.package.clone()];
    let (bins, examples) = match function.handler.kind {
        TargetKind::Bin => (vec![function.handler.target.clone()], Vec::new()),
        TargetKind::Example => (Vec::new(), vec![function.handler.target.clone()]),
    };
    (build.bin, build.example, build.bins) = (bins, examples, false);
    build
}

fn create(client: &Client, mut request: Object, zip: &[u8]) -> Result<(), Error> {
    let name = request.get("FunctionName").and_then(Value::as_str).unwrap_or_default().to_owned();
    request.insert("Code".to_owned(), json!({ "ZipFile": STANDARD.encode(zip) }));
    let body = Value::Object(request).to_string();
    let headers = [("content-type", "application/json")];
    let reply = client.call("POST", "/2015-03-31/functions", &headers, body.into())?;
    if reply.status < 300 {
        return Ok(());
    }
    Err(Error::Invoke(super::refused(&name, &reply)))
}
