//! `invoke --local` without a server: packages the function, starts a server for this one call, and
//! ends it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::only::Here;
use super::send;
use crate::bundle::LayerUse;
use crate::cli::args::{self, Build, Global, Invoke, Package};
use crate::cli::{here, image, package, server};
use crate::config;
use crate::error::Error;
use crate::files;
use crate::function::{Function, ImageWish, Packaging, TargetKind};
use crate::image::record::ImageRecord;
use crate::invocation::{Invocation, Invoked};
use crate::layer::record::LayerRecord;
use crate::local::{Client, Event, Images, Options};
use crate::nearest;
use crate::plan::{self, Output};
use crate::release::Object;
use crate::release::wanted::Wanted;
use crate::shell::Shell;

pub(super) fn run(
    invocation: &Invocation<'_>,
    args: &Invoke,
    global: &Global,
    shell: &Shell,
) -> Result<Invoked, Error> {
    let Packed { mut request, layers, images } = packed(invocation.function, args, global, shell)?;
    // An event is run before the server ends: nobody else would.
    let sandbox = !args.no_sandbox;
    let options = Options { drain: true, sandbox, images, ..server::options(0, global)? };
    let talk = global.shell();
    let talk = move |event: Event<'_>| {
        if let Event::Note(text) = event {
            talk.warn(text);
        }
    };
    server::beside(options, talk, |handle| {
        let (client, mut published) = (Client::at(handle.address), Vec::new());
        for (name, zip) in layers {
            published.push(handle.layer_of_zip(&name, files::read_bytes(&zip)?)?);
        }
        if !published.is_empty() {
            request.insert("Layers".to_owned(), json!(published));
        }
        create(&client, request)?;
        send(&client, invocation)
    })
}

/// A function that is packaged.
struct Packed {
    /// `CreateFunction`.
    request: Object,
    /// Its layers, in order: their names and zips.
    layers: Vec<(String, PathBuf)>,
    /// Where its image is, if it is one.
    images: Images,
}

/// Packages the function of this name.
fn packed(name: &str, args: &Invoke, global: &Global, shell: &Shell) -> Result<Packed, Error> {
    let Here { facts, settings, functions } = Here::gather(args, global, shell)?;
    let Some(function) = functions.iter().find(|function| function.name.as_str() == name) else {
        let names = functions.iter().map(|function| function.name.as_str());
        let known = nearest::suggestion(name, names);
        return Err(Error::Usage(format!(
            "there is no function `{name}` in this workspace: {known}"
        )));
    };
    let wish = match &function.packaging {
        Packaging::Zip => None,
        Packaging::Image(wish) => Some(wish),
    };
    let is_with =
        |other: &&Function| function.name == other.name || function.shares_image_with(other);
    let together = functions.iter().filter(is_with).collect();
    let package = Package {
        out: None,
        layout: None,
        no_check: false,
        for_verify: true,
        images: args::Images::default(),
        audit: args.audit.clone(),
        build: only(&args.build, together),
    };
    package::run(&package, global, shell)?;
    let merged = settings.of_handler(&function.handler.package, &function.handler.target);
    let wanted = config::wanted(&merged, &function.name).map_err(Error::Config)?;
    let output = plan::output(&facts.target, None, false);
    let mut packed = match wish {
        None => zip(function, &wanted, &output)?,
        Some(wish) => image(function, wish, &wanted, &output)?,
    };
    packed.request.insert("FunctionName".to_owned(), name.into());
    Ok(packed)
}

fn zip(function: &Function, wanted: &Wanted, output: &Output) -> Result<Packed, Error> {
    let folder = output.folder(function);
    let record = package::recorded(&folder)?;
    let zip = files::read_bytes(&folder.join(&record.zip))?;
    let layer = |layer: LayerUse| {
        let zip = output.layer(&layer.layer).join(LayerRecord::ZIP);
        (layer.layer, zip)
    };
    let layers = record.layers.into_iter().map(layer).collect();
    let mut request = here::zip_settings(function, wanted);
    request.insert("Code".to_owned(), json!({ "ZipFile": STANDARD.encode(zip) }));
    Ok(Packed { request, layers, images: Images::default() })
}

fn image(
    function: &Function,
    wish: &ImageWish,
    wanted: &Wanted,
    output: &Output,
) -> Result<Packed, Error> {
    let name = wish.name.as_deref().unwrap_or(function.name.as_str());
    let folder = output.image(name, function.compile.target.arch);
    let record = image::recorded(&folder)?;
    let mut all = record.functions.iter();
    let entry = all.find(|it| it.function == function.name.as_str());
    let entry = entry.and_then(|it| it.entry_point.as_deref());
    let uri = format!("localhost/{name}@{}", record.digest);
    let mut request = here::image_settings(function, wanted, entry);
    request.insert("Code".to_owned(), json!({ "ImageUri": uri }));
    let layouts = BTreeMap::from([(uri, folder.join(ImageRecord::LAYOUT))]);
    let images = image::of_layouts(layouts, output.roots.clone());
    Ok(Packed { request, layers: Vec::new(), images })
}

/// The same flags, for the handlers of these functions alone.
fn only(build: &Build, functions: Vec<&Function>) -> Build {
    let mut build = build.clone();
    build.workspace = clap_cargo::Workspace::default();
    (build.bin, build.example, build.bins) = (Vec::new(), Vec::new(), false);
    for Function { handler, .. } in functions {
        build.workspace.package.push(handler.package.clone());
        match handler.kind {
            TargetKind::Bin => build.bin.push(handler.target.clone()),
            TargetKind::Example => build.example.push(handler.target.clone()),
        }
    }
    build
}

fn create(client: &Client, request: Object) -> Result<(), Error> {
    let name = request.get("FunctionName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let body = Value::Object(request).to_string();
    let headers = [("content-type", "application/json")];
    let reply = client.call("POST", "/2015-03-31/functions", &headers, body.into())?;
    if reply.status < 300 {
        return Ok(());
    }
    Err(Error::Invoke(super::refused(&name, &reply)))
}
