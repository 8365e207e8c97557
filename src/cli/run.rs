//! `run` and `watch`: the functions of the workspace on this machine.

mod changes;
mod site;
mod sources;
mod talk;
pub(super) mod watch;

use super::args::{Audit, Build, Global, Run, RunOnce};
use super::build::Job;
use super::interrupt::Interrupt;
use super::server;
use crate::error::Error;
use crate::function::Role;
use crate::local::{Direct, Handle, Options, PORT};
use crate::message::{Message, Served, Table};
use crate::routes::Routes;
use crate::shell::Shell;
use crate::target::Arch;
use site::Site;

/// Beside the build, so that programs can be linked instead of copied.
const SCRATCH: &str = "lambda-pack.run";

pub(super) fn run(args: &RunOnce, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.invoke.is_some() {
        let what = "`--invoke` is of `watch`, which invokes what is new after each build; beside `run`, \
                    `cargo lambda-pack invoke FUNCTION --local` does";
        return Err(Error::Usage(what.to_owned()));
    }
    let args = &args.run;
    let build = on_this_machine(&args.build);
    let flags = build.compile.settings(&Audit::default());
    let job = Job::new(&build, flags, global, None, false, shell)?;
    let options = options(args, &job, global)?;
    server::beside(options, talk::talk(global.shell()), |handle| {
        let site = Site::new(&handle, args, shell);
        let routes = site.route(&job)?;
        site.build(&job).1?;
        handle.no_more()?;
        super::asynchronously(async {
            let mut interrupt = Interrupt::listen()?;
            show(&site, &handle, &routes, shell)?;
            interrupt.next().await;
            Ok(())
        })?
    })
}

/// How it is built where nothing else is said: fast, and for this machine.
fn on_this_machine(build: &Build) -> Build {
    let mut build = Build { here: true, ..build.clone() };
    if !build.compile.release && build.compile.profile.is_none() {
        build.compile.profile = Some("dev".to_owned());
    }
    if build.compile.target.arch.is_none() {
        let here = Arch::ALL.into_iter().find(|arch| arch.rust_name() == std::env::consts::ARCH);
        build.compile.target.arch = here.map(|arch| arch.aws_name().to_owned());
    }
    build
}

fn options(args: &Run, job: &Job, global: &Global) -> Result<Options, Error> {
    let scratch = job.output.base.parent().map(|target| target.join(SCRATCH));
    let sandbox = !args.no_sandbox;
    let functions = job.plan.functions.iter().filter(|it| it.role == Role::Function);
    let expected = functions.map(|function| function.name.to_string()).collect();
    Ok(Options { scratch, sandbox, expected, ..server::options(args.port, global)? })
}

/// Each function, with its URL.
fn show(site: &Site<'_>, handle: &Handle, routes: &Routes, shell: &Shell) -> Result<(), Error> {
    let endpoint = format!("http://{}", handle.address);
    let functions = site.functions();
    if shell.is_json() {
        let functions = functions.iter().map(|function| Served {
            function: &function.name,
            aliases: &function.aliases,
            url: url(&endpoint, function),
        });
        let functions = functions.collect();
        let routes = routes.iter().collect();
        return Ok(shell.record(&Message::Serving { endpoint: &endpoint, functions, routes })?);
    }
    let rows = functions.iter().map(|function| {
        let url = url(&endpoint, function).unwrap_or_default();
        vec![function.name.clone(), function.aliases.join(", "), url]
    });
    for line in Table::new(&["FUNCTION", "ALIAS", "URL"], rows.collect()).lines(&[]) {
        shell.answer(line.trim_end())?;
    }
    let rows: Vec<_> =
        routes.iter().map(|(key, function)| vec![key.to_owned(), function.to_owned()]).collect();
    if !rows.is_empty() {
        shell.answer(format_args!("\nROUTES, below {endpoint}/routes"))?;
        for line in Table::new(&["ROUTE", "FUNCTION"], rows).lines(&[]) {
            shell.answer(line.trim_end())?;
        }
    }
    let first = functions.first().map_or("FUNCTION", |function| function.name.as_str());
    let port = match handle.address.port() {
        PORT => String::new(),
        port => format!(" --port {port}"),
    };
    let try_it = format!("`cargo lambda-pack invoke {first} --local{port}`");
    shell.status("Serving", format!("on {endpoint}; try {try_it}; Ctrl-C ends it"));
    Ok(())
}

/// Where a function's URL is.
fn url(endpoint: &str, function: &Direct) -> Option<String> {
    function.url.as_ref()?;
    let alias = function.aliases.first().map(|alias| format!(":{alias}")).unwrap_or_default();
    Some(format!("{endpoint}/url/{}{alias}/", function.name))
}
