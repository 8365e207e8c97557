//! `releases`: the versions of functions, and what is known of each.

use futures_util::StreamExt as _;
use futures_util::stream;

use super::args::{Global, Releases};
use super::deploy::session::{self, Session};
use super::remote::Scope;
use crate::aws::AwsError;
use crate::error::{Error, RemoteError};
use crate::message::{self, Keep, Message, Part, Table, bytes, clean};
use crate::release::origin::{Origin, short};
use crate::release::releases::{Release, Released, releases};
use crate::shell::Shell;

/// How many functions are looked at at once.
pub(super) const AT_ONCE: usize = 24;
/// How wide the table is where nobody says how wide.
const WIDTH: usize = 80;
/// What nobody tells.
const UNKNOWN: &str = "unknown";

pub(super) fn run(args: &Releases, global: &Global, shell: &Shell) -> Result<(), Error> {
    let place = session::place(&args.place)?;
    let scope = Scope::of(&args.functions, &args.build, global, shell)?;
    super::asynchronously(async {
        let session = scope.connect(place, "list", shell).await?;
        let names = scope.functions.iter().map(|named| named.name.as_str());
        let stopped = list(&session, names, |name| scope.suggestion(name), shell).await?;
        if stopped.is_empty() {
            Ok(())
        } else {
            Err(RemoteError { verb: "list the versions of", stopped }.into())
        }
    })?
}

/// Lists the versions of these functions, and says of which it cannot. `meant`: which name may have been,
/// for one that there is not.
pub(super) async fn list<'n>(
    session: &Session,
    names: impl Iterator<Item = &'n str>,
    meant: impl Fn(&str) -> String,
    shell: &Shell,
) -> Result<Vec<(String, AwsError)>, Error> {
    let look = async |name| (name, session.aws.released(name, true).await);
    let mut all = stream::iter(names.map(look)).buffered(AT_ONCE);
    let (mut stopped, mut first) = (Vec::new(), true);
    while let Some((name, released)) = all.next().await {
        match released {
            Ok(released) => {
                if !std::mem::take(&mut first) && !shell.is_json() {
                    shell.answer("")?;
                }
                show(name, &released, &meant(name), shell)?;
            }
            Err(error) => stopped.push((name.to_owned(), error)),
        }
    }
    Ok(stopped)
}

/// The versions of one function, the newest first.
fn show(name: &str, released: &Released, meant: &str, shell: &Shell) -> Result<(), Error> {
    let all = releases(released);
    let without = without_any(released, &all, meant);
    if shell.is_json() {
        for release in &all {
            shell.record(&Message::Release(&record(name, release)))?;
        }
        if let Some(why) = without {
            shell.record(&Message::Warning { message: format!("{name}: {why}") })?;
        }
        return Ok(());
    }
    if let Some(why) = without {
        shell.answer(clean(&format!("{name}: {why}")))?;
    } else {
        shell.answer(clean(name))?;
    }
    if all.is_empty() {
        return Ok(());
    }
    for line in table(&all, shell.stdout_width().unwrap_or(WIDTH)) {
        shell.answer(line)?;
    }
    Ok(())
}

/// That there is no version, or nothing that leads to one.
fn without_any(released: &Released, all: &[Release<'_>], meant: &str) -> Option<String> {
    match (all, released.aliases.as_slice()) {
        _ if !released.exists => {
            Some(format!("not there; {meant}").trim_end_matches("; ").to_owned())
        }
        ([], []) => Some("no version is published, and there is no alias".to_owned()),
        ([], _) => Some("no version is published".to_owned()),
        (_, []) => Some("there is no alias: its callers get $LATEST".to_owned()),
        _ => None,
    }
}

/// No wider than that, as far as it can be: descriptions are cut first. Deploys are not, as `--deploy` wants their
/// whole names.
fn table(all: &[Release<'_>], width: usize) -> Vec<String> {
    let header = ["VERSION", "ALIAS", "WHEN", "COMMIT", "SIZE", "DESCRIPTION", "DEPLOY"];
    let table = Table::new(&header, all.iter().map(row).collect());
    let table = table.fit(Some(width), 5, 11, Keep::Start).fit(Some(width), 1, 8, Keep::Start);
    table.lines(&[0, 4])
}

fn row(release: &Release<'_>) -> Vec<String> {
    let unknown = || UNKNOWN.to_owned();
    let aliases: Vec<String> = release.aliases.iter().map(|one| alias(*one)).collect();
    let deploys = release.deploys.join(" ");
    vec![
        release.version.to_owned(),
        if aliases.is_empty() { "-".to_owned() } else { aliases.join(", ") },
        release.when.map_or_else(unknown, minute),
        release.origin.commit.map_or_else(unknown, short),
        release.size.map_or_else(unknown, bytes),
        description(&release.origin),
        if deploys.is_empty() { unknown() } else { deploys },
    ]
}

/// `live`, or `live 90%`.
fn alias((name, part): (&str, f64)) -> String {
    let percent = (part * 10_000.0).round() / 100.0;
    if percent < 100.0 { format!("{name} {percent}%") } else { name.to_owned() }
}

/// `2026-11-29 00:14` of `2026-11-29T00:14:33.123+0000`.
fn minute(when: &str) -> String {
    when.chars().take(16).map(|sign| if sign == 'T' { ' ' } else { sign }).collect()
}

/// What the description says besides the commit.
fn description(origin: &Origin<'_>) -> String {
    let text = Some(origin.text).filter(|text| !text.is_empty()).map(str::to_owned);
    let tag = origin.tag.map(|tag| format!("tag {tag}"));
    let all: Vec<String> = text.into_iter().chain(tag).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

fn record<'r>(function: &'r str, release: &'r Release<'r>) -> message::Release<'r> {
    let part = |(name, weight): &(&'r str, f64)| Part { name, weight: *weight };
    message::Release {
        function,
        version: release.version,
        aliases: release.aliases.iter().map(part).collect(),
        before: &release.before,
        last_modified: release.when,
        commit: release.origin.commit,
        tag: release.origin.tag,
        code_size: release.size,
        code_sha256: release.sha256,
        description: release.description,
        deploys: &release.deploys,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::release::Object;

    fn released() -> Released {
        let object = |value: serde_json::Value| -> Object { value.as_object().cloned().unwrap() };
        let version = |number: String, said: &str, size: u64| {
            object(json!({
                "Version": number, "Description": said, "CodeSize": size,
                "LastModified": "2026-11-29T00:14:33.123+0000",
            }))
        };
        let commit = "3f2a9c0d1e4b5a697887766554433221100ffeed";
        let said = format!("a text that is longer than any table [commit {commit}-dirty, tag v2]");
        let mut versions: Vec<Object> =
            (1..=119).map(|number| version(number.to_string(), "", 0)).collect();
        versions.push(version("120".to_owned(), &said, 2_145_976));
        let live = object(json!({
            "Name": "live", "FunctionVersion": "119",
            "Description": "[lp1 prev=118 dep=0123456789ab sha=s]",
            "RoutingConfig": { "AdditionalVersionWeights": { "120": 0.1 } },
        }));
        let beta = object(json!({ "Name": "beta", "FunctionVersion": "119" }));
        Released { exists: true, aliases: vec![live, beta], versions }
    }

    /// However it is piped, and whatever stands in it.
    #[test]
    fn a_hundred_and_twenty_versions_fit_eighty_columns_but_for_the_names_of_deploys() {
        let released = released();
        let lines = table(&releases(&released), WIDTH);
        assert_eq!(lines.len(), 121);
        for line in &lines {
            assert!(line.chars().count() <= WIDTH + 1, "{line}");
        }
        assert_eq!(
            lines[..4],
            [
                "VERSION  ALIAS     WHEN              COMMIT       SIZE  DESCRIPTION  DEPLOY",
                "    120  live 10%  2026-11-29 00:14  3f2a9c0*  2.14 MB  a text tha…  unknown",
                "    119  live 90…  2026-11-29 00:14  unknown   unknown  -            0123456789ab",
                "    118  -         2026-11-29 00:14  unknown   unknown  -            unknown",
            ]
        );
        let wide = table(&releases(&released), 200);
        assert!(wide[1].contains("than any table, tag v2  unknown"), "{}", wide[1]);
        assert!(wide[2].contains("  live 90%, beta  ") && wide[2].ends_with("  0123456789ab"));
    }

    #[test]
    fn a_function_without_versions_or_aliases_says_so() {
        let mut released = released();
        let without = |released: &Released| without_any(released, &releases(released), "");
        assert_eq!(without(&released), None);
        released.aliases.clear();
        assert!(without(&released).unwrap().contains("there is no alias"));
        released.versions.clear();
        assert!(without(&released).unwrap().starts_with("no version is published, and"));
        assert_eq!(without(&Released::default()).as_deref(), Some("not there"));
    }
}
