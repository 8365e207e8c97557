//! `config`: what is set, where it was said, and what can be set at all.

use serde_json::{Map, Value, json};

use super::args::{ConfigCommand, Global, ManifestFlags, Show};
use super::configuration;
use crate::cargo;
use crate::config::{
    Check, KEYS, Key, Kind, Located, Merged, Node, RESERVED, Scope, Settings, Table,
};
use crate::error::Error;
use crate::message::{self, Message, clean};
use crate::nearest::suggestion;
use crate::plan::{self, CargoOptions};
use crate::routes;
use crate::shell::Shell;

/// What stands for a value that is nobody's business.
const MASK: &str = "***";

pub(super) fn run(command: &ConfigCommand, global: &Global, shell: &Shell) -> Result<(), Error> {
    match command {
        ConfigCommand::Show(args) => show(args, global, shell),
        ConfigCommand::Keys => keys(shell),
        ConfigCommand::Schema => {
            if shell.is_json() {
                return Ok(shell.record(&Message::Schema { schema: schema() })?);
            }
            let text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
            Ok(shell.answer(text)?)
        }
    }
}

fn show(args: &Show, global: &Global, shell: &Shell) -> Result<(), Error> {
    let options = options(&args.manifest, global);
    let metadata = cargo::metadata(&options)?;
    let config = configuration::load(&metadata, Vec::new(), global, shell)?;
    let targets = plan::targets(&metadata);
    let all =
        targets.iter().flat_map(|(package, names)| names.iter().map(move |name| (package, name)));
    let handlers = plan::handlers(&metadata, &config);
    let is_handler = |(package, name): &(&String, &String)| {
        handlers.contains(&((*package).clone(), (*name).clone()))
    };
    let wanted: Vec<_> = all
        .clone()
        .filter(|found| args.handler.as_ref().map_or(is_handler(found), |name| name == found.1))
        .collect();
    if let (Some(handler), true) = (&args.handler, wanted.is_empty()) {
        let near = suggestion(handler, all.map(|(_, name)| name.as_str()));
        return Err(Error::Usage(format!("no binary or example `{handler}`; {near}")));
    }
    let mut mistakes = Vec::new();
    for (package, handler) in wanted {
        let mut merged = config.of_handler(package, handler);
        match config.settings(package, handler) {
            // As it will be called: with its placeholders put in.
            Ok(Settings { name: Some(name), .. }) => {
                if let Some(value) = merged.get_mut("name") {
                    value.node = Node::Text(name.to_string());
                }
            }
            Ok(_) => {}
            Err(more) => mistakes.extend(more),
        }
        if shell.is_json() {
            let settings = merged.iter().flat_map(|(key, value)| flat(key, value));
            let settings = settings.map(
                |(key, value, origin)| json!({ "key": key, "value": value, "origin": origin }),
            );
            shell.record(&Message::Settings {
                package,
                handler,
                env: config.env.as_deref(),
                settings: settings.collect(),
            })?;
        } else {
            text(package, handler, &merged, shell)?;
        }
    }
    mistakes.sort();
    mistakes.dedup();
    if mistakes.is_empty() { Ok(()) } else { Err(Error::Config(mistakes)) }
}

pub(super) fn options(manifest: &ManifestFlags, global: &Global) -> CargoOptions {
    CargoOptions {
        manifest_path: global.manifest_path.clone(),
        locked: manifest.locked,
        offline: manifest.offline,
        frozen: manifest.frozen,
        config: manifest.config.clone(),
        unstable: manifest.unstable.clone(),
        ..CargoOptions::default()
    }
}

fn text(package: &str, handler: &str, merged: &Merged, shell: &Shell) -> Result<(), Error> {
    shell.answer(format!("{handler} (package {package})"))?;
    let lines: Vec<(String, String)> = merged
        .iter()
        .flat_map(|(key, value)| flat(key, value))
        .map(|(key, value, origin)| (clean(&format!("{key} = {value}")), clean(&origin)))
        .collect();
    if lines.is_empty() {
        shell.answer("  nothing is set")?;
    }
    let lengths = lines.iter().map(|(left, _)| left.chars().count()).filter(|length| *length <= 50);
    let width = lengths.max().unwrap_or(0);
    for (left, origin) in lines {
        shell.answer(format!("  {left:<width$}  # {origin}"))?;
    }
    Ok(())
}

/// A setting as lines: a map has one an entry, each with its own origin.
fn flat(key: &str, value: &Located) -> Vec<(String, Value, String)> {
    let secret =
        KEYS.iter().any(|known| known.name == key && known.kind == Kind::Map(Check::Variables));
    match &value.node {
        Node::Table(table) if !table.is_empty() => table
            .iter()
            .map(|(name, entry)| {
                let shown = if secret { json!(MASK) } else { value_of(&entry.node) };
                (format!("{key}.{}", bare_or_quoted(name)), shown, entry.origin.to_string())
            })
            .collect(),
        node => vec![(key.to_owned(), value_of(node), value.origin.to_string())],
    }
}

/// A key as TOML has it: in quotes where a dot or a blank in it would mislead.
fn bare_or_quoted(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        json!(name).to_string()
    }
}

fn value_of(node: &Node) -> Value {
    let table = |table: &Table| {
        let entries = table.iter().map(|(key, value)| (key.clone(), value_of(&value.node)));
        Value::Object(entries.collect::<Map<_, _>>())
    };
    match node {
        Node::Text(text) => json!(text),
        Node::Integer(number) => json!(number),
        Node::Fraction(number) => json!(number),
        Node::Boolean(boolean) => json!(boolean),
        Node::List(items) => items.iter().map(|item| value_of(&item.node)).collect(),
        Node::Table(entries) => table(entries),
        Node::Other(kind) => json!(kind),
        Node::Missing(_) => Value::Null,
    }
}

fn keys(shell: &Shell) -> Result<(), Error> {
    for key in KEYS.iter() {
        if shell.is_json() {
            shell.record(&Message::Key(&message::Key {
                key: key.name,
                type_: kind_words(key.kind),
                scopes: scopes(key),
                default: key.default,
                meaning: key.meaning,
                since: key.since,
            }))?;
            continue;
        }
        let width = shell.stdout_width().unwrap_or(80).clamp(40, 100);
        let head = format!("{}  ({}; {})", key.name, kind_words(key.kind), scopes(key).join(", "));
        shell.answer(textwrap::fill(
            &head,
            textwrap::Options::new(width).subsequent_indent("    "),
        ))?;
        let options =
            textwrap::Options::new(width).initial_indent("    ").subsequent_indent("    ");
        let meaning = format!("{} Default: {}. Since {}.", key.meaning, key.default, key.since);
        shell.answer(textwrap::fill(&meaning, options))?;
    }
    Ok(())
}

fn kind_words(kind: Kind) -> String {
    match kind {
        Kind::Boolean => "boolean, or \"none\"".to_owned(),
        Kind::Integer(least, most) => format!("integer {least} to {most}, or \"none\""),
        Kind::Choice(words) => words
            .iter()
            .chain(&["none"])
            .map(|word| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(" | "),
        Kind::Text(_) => "string".to_owned(),
        Kind::Texts(most, _) => {
            format!("list of at most {most} strings, or {{ extend = true, items = […] }}")
        }
        Kind::Map(_) => "table of strings, merged key by key".to_owned(),
        Kind::Includes => {
            "list of paths or tables, or one path, or { extend = true, items = […] }".to_owned()
        }
        Kind::Json => "any value".to_owned(),
        Kind::Tables(shape) => {
            let fields = shape.fields.iter().enumerate().map(|(place, field)| {
                // An element's own list extends nothing.
                let words = match field.kind {
                    Kind::Texts(..) => "list of strings".to_owned(),
                    kind => kind_words(kind),
                };
                let needed = if place == 0 { ", needed" } else { "" };
                format!("`{}` ({words}{needed})", field.name)
            });
            let fields = fields.collect::<Vec<_>>().join(", ");
            format!("list of tables, or {{ extend = true, items = […] }}; a table has {fields}")
        }
    }
}

fn scopes(key: &Key) -> Vec<&'static str> {
    [(Scope::Workspace, "workspace"), (Scope::Package, "package"), (Scope::Handler, "handler")]
        .into_iter()
        .filter(|(scope, _)| key.is_of(*scope))
        .map(|(_, word)| word)
        .collect()
}

/// The JSON schema of `lambda-pack.toml` (draft 7, which editors' TOML plugins read).
fn schema() -> Value {
    let workspace = scope_schema(Scope::Workspace);
    let mut root = workspace;
    if let Value::Object(root) = &mut root {
        root.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
        root.insert("title".into(), json!("lambda-pack.toml"));
        root.insert(
            "definitions".into(),
            json!({
                "package": scope_schema(Scope::Package),
                "handler": scope_schema(Scope::Handler),
                "env-workspace": table_schema(Scope::Workspace),
                "env-package": table_schema(Scope::Package),
                "env-handler": table_schema(Scope::Handler),
            }),
        );
    }
    root
}

fn scope_schema(scope: Scope) -> Value {
    let mut schema = table_schema(scope);
    let of = |name: &str| json!({ "type": "object", "additionalProperties": { "$ref": format!("#/definitions/{name}") } });
    let (env, inner) = match scope {
        Scope::Workspace => ("env-workspace", Some(("package", "package"))),
        Scope::Package => ("env-package", Some(("handlers", "handler"))),
        Scope::Handler => ("env-handler", None),
    };
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("env".into(), of(env));
        if let Some((key, name)) = inner {
            properties.insert(key.into(), of(name));
        }
    }
    schema
}

/// Where a variable stands in a value.
const REFERENCE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}";

fn text_schema(check: Check) -> Value {
    match check {
        Check::Length(most) => json!({ "type": "string", "maxLength": most }),
        // An empty one clears.
        Check::Form(form) => {
            let pattern = format!("^$|{REFERENCE}|^({})$", form.pattern);
            let mut schema = json!({ "type": "string", "pattern": pattern });
            if let Some(longest) = form.longest {
                // Not of what has a variable in it: that is another text then.
                let short = json!({ "maxLength": longest });
                schema["anyOf"] = json!([short, { "pattern": REFERENCE }]);
            }
            schema
        }
        Check::Variables => json!({ "type": "string",
            "anyOf": [name_schema(check), { "pattern": REFERENCE }] }),
        Check::FunctionName => json!({ "type": "string", "pattern": format!(
            "^$|{REFERENCE}|^([a-zA-Z0-9_-]|\\{{(handler|package|env|branch|commit)\\}})+$") }),
        _ => json!({ "type": "string" }),
    }
}

/// The names of a map's entries.
fn name_schema(check: Check) -> Value {
    match check {
        Check::Variables => {
            json!({ "pattern": "^[a-zA-Z][a-zA-Z0-9_]+$", "not": { "enum": RESERVED } })
        }
        Check::Tags => {
            json!({ "minLength": 1, "maxLength": 128, "not": { "pattern": "^[aA][wW][sS]:" } })
        }
        Check::Routes => {
            let part = r"([A-Za-z0-9._~!$&'()*+,;=:@%-]+|\{[A-Za-z0-9._-]+\+?\})";
            let methods = routes::METHODS.join("|");
            json!({ "pattern": format!(r"^(\$default|(ANY|{methods}) /({part}(/{part})*)?)$") })
        }
        _ => json!({}),
    }
}

/// The keys of one table without those of the tables in it.
fn table_schema(scope: Scope) -> Value {
    let mut properties = Map::new();
    for key in KEYS.iter().filter(|key| key.is_of(scope)) {
        let mut schema = kind_schema(key.kind);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".into(), json!(key.meaning));
        }
        insert(&mut properties, key.name, schema);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// Puts the schema of a key at its place: a dot in its name stands for a table.
fn insert(properties: &mut Map<String, Value>, name: &str, schema: Value) {
    let Some((table, name)) = name.split_once('.') else {
        properties.insert(name.to_owned(), schema);
        return;
    };
    let object = || json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let inner = properties.entry(table).or_insert_with(object);
    // `layers`: a list, a word, or a table.
    if let Some(forms) = inner.get_mut("anyOf").and_then(Value::as_array_mut) {
        if name == "share" {
            forms.push(schema.clone());
        }
        let is_table =
            |form: &Value| form["properties"]["extend"].is_null() && form["type"] == "object";
        if !forms.iter().any(is_table) {
            let list = forms.first().cloned().unwrap_or_default();
            let mut table = object();
            table["properties"]["arns"] = list;
            forms.push(table);
        }
        if let Some(table) = forms.iter_mut().find(|form| is_table(form)) {
            table["properties"][name] = schema;
        }
        return;
    }
    if let Some(inner) = inner.get_mut("properties").and_then(Value::as_object_mut) {
        insert(inner, name, schema);
    }
}

fn texts_schema(most: usize, check: Check) -> Value {
    json!({ "type": "array", "items": text_schema(check), "maxItems": most })
}

fn kind_schema(kind: Kind) -> Value {
    let extendable = |items: Value| {
        json!({ "anyOf": [items, {
            "type": "object",
            "properties": { "extend": { "const": true }, "items": items },
            "required": ["extend", "items"],
            "additionalProperties": false,
        }] })
    };
    let text = json!({ "type": "string" });
    // A variable may stand for any value.
    let reference = json!({ "type": "string", "pattern": REFERENCE });
    match kind {
        Kind::Boolean => {
            json!({ "anyOf": [{ "type": "boolean" }, { "const": "none" }, reference] })
        }
        Kind::Integer(least, most) => json!({ "anyOf": [
            { "type": "integer", "minimum": least, "maximum": most },
            { "const": "none" }, reference] }),
        Kind::Choice(words) => json!({ "anyOf": [
            { "enum": words.iter().chain(&["none"]).collect::<Vec<_>>() }, reference] }),
        Kind::Text(check) => text_schema(check),
        Kind::Texts(most, check) => extendable(texts_schema(most, check)),
        Kind::Map(check) => json!({ "type": "object",
            "propertyNames": name_schema(check),
            "additionalProperties": { "type": ["string", "integer", "boolean"] } }),
        Kind::Json => json!({}),
        Kind::Includes => {
            let mut schema = extendable(json!({ "type": "array", "items": { "anyOf": [text, {
                "type": "object",
                "properties": {
                    "from": { "type": "string" },
                    "to": { "type": "string" },
                    "exclude": { "type": "array", "items": { "type": "string" } },
                    "root": { "enum": ["package", "workspace"] },
                },
                "required": ["from"],
                "additionalProperties": false,
            }] } }));
            if let Some(forms) = schema["anyOf"].as_array_mut() {
                forms.push(text);
            }
            schema
        }
        Kind::Tables(shape) => {
            let mut properties = Map::new();
            for field in shape.fields {
                let schema = match field.kind {
                    Kind::Texts(most, check) => texts_schema(most, check),
                    kind => kind_schema(kind),
                };
                properties.insert(field.name.to_owned(), schema);
            }
            let needed: Vec<_> = shape.fields.iter().take(1).map(|field| field.name).collect();
            extendable(json!({ "type": "array", "maxItems": shape.most, "items": {
                "type": "object",
                "properties": properties,
                "required": needed,
                "additionalProperties": false,
            } }))
        }
    }
}
