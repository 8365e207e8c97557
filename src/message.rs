//! The records of `--output json`, one a line on standard output, and the lines for people.
//!
//! Records are append-only: keys and reasons are added, never changed or taken away. Each has a
//! `reason`, as cargo's own messages have.

mod check;
mod keys;
mod layers;
mod machine;
mod moves;
mod new;
mod of;
mod remote;
mod serving;
mod shift;
mod table;
mod versions;
mod words;

use std::collections::BTreeMap;

use serde::Serialize;

pub use check::CheckedEvent;
pub use keys::Key;
pub use layers::{
    LayerVersion, LeftOut, PlannedFunction, PlannedLayer, PublishedLayer, Shared, SharedCrate,
};
pub use machine::Buildable;
pub use moves::{Moved, Part, Release};
pub use new::{AskedOf, Made};
pub use of::Differing;
pub use remote::{AliasShift, AliasStatus, Deleted, Difference as Drifted, LogEvent, Status};
pub use serving::Served;
pub use shift::{AppSpecRecord, PlannedStep, Shift, ShiftPlan};
pub use table::{Keep, Table};
pub use versions::{FunctionVersion, PrunedVersions};
pub use words::{bytes, clean, count};

/// One line of `--output json`.
#[derive(Debug, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Message<'a> {
    /// A bundle was written.
    Bundle {
        /// The folder that holds it.
        folder: String,
        /// The zip.
        path: String,
        /// It was there before, made of the same.
        fresh: bool,
        /// All that `lambda-pack.json` says of it.
        #[serde(flatten)]
        record: &'a crate::bundle::Record,
    },
    /// A layer was written.
    Layer {
        /// The folder that holds it.
        folder: String,
        /// The zip.
        path: String,
        /// It was there before, made of the same.
        fresh: bool,
        /// All that `layer.json` says of it.
        #[serde(flatten)]
        record: &'a crate::layer::record::LayerRecord,
    },
    /// What functions share, and what of it goes into layers.
    LayerPlan {
        /// The layers.
        layers: Vec<PlannedLayer<'a>>,
        /// The functions.
        functions: Vec<PlannedFunction<'a>>,
        /// All zips together where no library is in a layer, in bytes; layers that are needed are counted.
        whole: u64,
        /// All zips together, layers too, in bytes.
        split: u64,
    },
    /// A package was made.
    Created(&'a Made<'a>),
    /// A template of this program.
    Template {
        /// Its name.
        name: &'a str,
        /// What it is.
        description: &'a str,
    },
    /// Something that a template asks.
    TemplatePrompt(&'a AskedOf<'a>),
    /// The crates that functions have in common, and what became of sharing them.
    LayerInit(&'a Shared<'a>),
    /// What `layer init` wrote was taken back.
    LayerRemove {
        /// The files that change.
        files: Vec<String>,
        /// Whether they were changed.
        removed: bool,
    },
    /// What was written for cargo-lambda is in our own tables.
    Migrate {
        /// The files that change.
        files: Vec<String>,
        /// How, as `diff -u` shows it, without the values of environment variables.
        diff: String,
        /// Whether they were changed.
        migrated: bool,
    },
    /// A layer was published, or was there.
    PublishedLayer(&'a PublishedLayer<'a>),
    /// A version of a layer of ours.
    LayerVersion(&'a LayerVersion<'a>),
    /// A function was invoked.
    Invoked {
        /// The function, as it was named.
        function: &'a str,
        /// The version that ran; null if nobody waited for it.
        version: Option<&'a str>,
        /// `succeeded`, `failed`, `queued` or `checked`.
        status: &'static str,
        /// Whether the payload is the function's error.
        failed: bool,
        /// What it answered: JSON, else a text; null if there is nothing.
        payload: serde_json::Value,
        /// The last 4 KB of the log, without the line that reports the invocation; null if nobody waited.
        log: Option<&'a str>,
        /// How long it took.
        duration_ms: Option<f64>,
        /// How long it took as it is billed.
        billed_ms: Option<f64>,
        /// How long its init took; null if it needed none.
        init_ms: Option<f64>,
        /// The most memory that it had.
        memory_mb: Option<f64>,
    },
    /// The sample events that `invoke` can send.
    Events {
        /// What sends each, by name.
        events: BTreeMap<&'a str, &'a str>,
    },
    /// The embedded Lambda answers.
    Listening {
        /// Its URL.
        endpoint: &'a str,
        /// The variables that make other clients use it.
        environment: BTreeMap<&'a str, &'a str>,
        /// The id of its process.
        process: u32,
    },
    /// A step that a deploy would take.
    Change {
        /// The function.
        function: &'a str,
        /// `upload`, `layer`, `configuration`, `code`, `publish`, `check`, `alias` or `attach`.
        phase: &'static str,
        /// The operation of the API.
        operation: &'static str,
        /// `name`, `old` and `new` of each thing; values of environment variables are hidden.
        details: Vec<serde_json::Value>,
        /// How many bytes of code go with it.
        bytes: u64,
    },
    /// Functions that are served on this machine.
    Serving {
        /// Where.
        endpoint: &'a str,
        /// All of them.
        functions: Vec<Served<'a>>,
        /// The routes that are served below `/routes`, each with its function.
        routes: std::collections::BTreeMap<&'a str, &'a str>,
    },
    /// `watch` has built.
    Built {
        /// Functions that were not there before.
        added: Vec<&'a str>,
        /// Functions that are others than before.
        replaced: Vec<&'a str>,
        /// How long it took.
        duration_ms: f64,
    },
    /// `watch` could not build, or not all; what was there before is kept.
    BuildFailed {
        /// What failed.
        message: String,
        /// Why, from the nearest cause to the farthest.
        causes: Vec<String>,
        /// What to do.
        hint: Option<String>,
    },
    /// `watch` has taken a function away that the workspace has no more.
    Removed {
        /// Its name.
        function: &'a str,
    },
    /// What a function has of newer features of Lambda; no deploy changes it.
    LeftAlone {
        /// Its name.
        function: &'a str,
        /// Members of its configuration that this program does not know, as they are.
        members: serde_json::Map<String, serde_json::Value>,
    },
    /// All steps that a deploy would take.
    Plan {
        /// The Region.
        region: &'a str,
        /// How many functions would be created.
        create: usize,
        /// How many would be changed.
        change: usize,
        /// How many would stay as they are.
        unchanged: usize,
        /// How many cannot become what they should be.
        refused: usize,
        /// How many calls change something.
        calls: usize,
        /// How many bytes of code would be sent.
        bytes: u64,
    },
    /// The smallest policy that allows a deploy.
    IamPolicy {
        /// As IAM takes it.
        policy: &'a serde_json::Value,
    },
    /// A version was invoked with one of the events of its check.
    CheckedEvent(&'a CheckedEvent<'a>),
    /// What a function has become.
    Deployed {
        /// Its name.
        function: &'a str,
        /// `unchanged`, `created`, `updated`, `incomplete` or `stopped`.
        state: &'static str,
        /// Its ARN.
        arn: Option<&'a str>,
        /// The version that has its code and configuration.
        version: Option<String>,
        /// The aliases that were asked for, and where they point.
        aliases: BTreeMap<&'a str, &'a str>,
        /// The digest of its code.
        code_sha256: Option<&'a str>,
        /// This deploy, as in the markers on aliases.
        deploy: &'a str,
        /// The function's URL.
        url: Option<&'a str>,
        /// The calls that changed something, in order.
        changes: Vec<&'static str>,
        /// Why it is not what it should be.
        stopped: Option<String>,
    },
    /// What a function is on AWS.
    Status(&'a Status<'a>),
    /// What was deleted, or was not there.
    Deleted(&'a Deleted<'a>),
    /// How traffic is to be shifted; behind the change that moves the alias.
    ShiftPlan(&'a ShiftPlan<'a>),
    /// What goes on with traffic that is shifted.
    Shift(&'a Shift<'a>),
    /// The same for AWS CodeDeploy.
    AppSpec(&'a AppSpecRecord<'a>),
    /// A version of a function, and what becomes of it.
    FunctionVersion(&'a FunctionVersion<'a>),
    /// What `prune` takes away; after the versions.
    PrunedVersions(&'a PrunedVersions),
    /// An event of a function's log.
    Log(&'a LogEvent<'a>),
    /// An image was written, or is there already.
    Image {
        /// The folder; `oci` in it is the layout.
        folder: String,
        /// Whether it was there before.
        fresh: bool,
        /// What is in it.
        #[serde(flatten)]
        record: &'a crate::image::record::ImageRecord,
    },
    /// An image was pushed, or is there already.
    Pushed {
        /// Repository and digest, as `ImageUri` takes it.
        uri: &'a str,
        /// The digest of its manifest.
        digest: String,
        /// The tags that stand for it.
        tags: &'a [String],
        /// Those of them that did not before.
        moved: &'a [String],
        /// The blobs that were sent.
        sent: Vec<String>,
        /// Those that the registry took from another of its repositories.
        mounted: Vec<String>,
        /// Those that were there.
        there: Vec<String>,
        /// All bytes that were sent.
        bytes: u64,
        /// Whether everything was there, under all its names.
        unchanged: bool,
    },
    /// A Dockerfile was written, or is there already.
    Dockerfile {
        /// It.
        path: &'a str,
        /// What it ignores.
        ignore: &'a str,
        /// The stages of images, for `--target`.
        stages: Vec<&'a str>,
        /// Whether both were there before.
        fresh: bool,
    },
    /// Something was audited.
    Checked {
        /// The function or the path.
        thing: &'a str,
        /// AWS's name of the architecture, where the programs show one.
        architecture: Option<&'static str>,
        /// AWS's name of the runtime; none of an image.
        runtime: Option<&'static str>,
        /// The lowest glibc that it starts with.
        glibc_needed: Option<&'a str>,
        /// How many findings are errors.
        errors: usize,
        /// How many are warnings.
        warnings: usize,
        /// How many are notes.
        notes: usize,
    },
    /// One finding of the audit.
    Finding {
        /// Its stable name.
        code: &'static str,
        /// `error`, `warning` or `note`.
        level: &'static str,
        /// The function or the file that was audited.
        thing: &'a str,
        /// The path in it that is meant, if not all of it.
        path: Option<&'a str>,
        /// What is the matter.
        message: &'a str,
        /// What to do; may be empty.
        hint: &'a str,
    },
    /// A finding about an image that its mended copy has not any more.
    Mended {
        /// Its stable name.
        code: &'static str,
        /// The image.
        thing: &'a str,
        /// The path in it that is meant, if not all of it.
        path: Option<&'a str>,
        /// What was the matter.
        message: &'a str,
        /// The copy.
        copy: String,
    },
    /// A bundle was built again and compared.
    Verified {
        /// The function and its architecture, or the path where there is no record.
        thing: &'a str,
        /// What was given.
        path: String,
        /// Whether the bytes are the same.
        equal: bool,
        /// The `CodeSha256` of what was given; null of a folder without a zip.
        given: Option<String>,
        /// The `CodeSha256` of what was rebuilt.
        rebuilt: String,
        /// The commit that was built; null of a copy of the work tree.
        commit: Option<&'a str>,
    },
    /// One thing that differs; `verified` follows.
    Difference(Differing<'a>),
    /// A version of a function.
    Release(&'a Release<'a>),
    /// An alias that was to move.
    Moved(&'a Moved<'a>),
    /// The merged settings of one handler.
    Settings {
        /// The package.
        package: &'a str,
        /// The binary or example.
        handler: &'a str,
        /// The environment that was picked.
        env: Option<&'a str>,
        /// `key`, `value` and `origin` of each.
        settings: Vec<serde_json::Value>,
    },
    /// A key that can be set.
    Key(&'a Key<'a>),
    /// Something that was found on this machine, or was not.
    Fact {
        /// What.
        name: &'a str,
        /// What was found.
        value: Option<String>,
    },
    /// A target, and whether this machine builds for it.
    Ability(&'a Buildable<'a>),
    /// Something that is not there.
    Missing {
        /// What.
        name: String,
        /// What it would give.
        gives: String,
        /// The commands that bring it, in order.
        commands: serde_json::Value,
    },
    /// Something that is not wrong and not as it should be either.
    Warning {
        /// What.
        message: String,
    },
    /// One mistake in settings; an error follows behind the last.
    Mistake {
        /// Where: a file and a line, a variable or a flag; several of them with ` + ` between.
        origin: String,
        /// What is wrong.
        message: &'a str,
    },
    /// The JSON schema of `lambda-pack.toml`.
    Schema {
        /// The schema.
        schema: serde_json::Value,
    },
    /// The command failed; the last record.
    Error {
        /// What failed.
        message: String,
        /// Why, from the nearest cause to the farthest.
        causes: Vec<String>,
        /// What to do.
        hint: Option<String>,
        /// The code of AWS's error, or of a registry's, where one has answered with one.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The status of HTTP, where a registry has refused.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// The exit code.
        exit_code: u8,
    },
}
