use cargo_metadata::PackageId;

use super::*;
use crate::function::{FunctionName, Handler, Role, TargetKind};
use crate::target::Runtime;

fn function(package: &str, target: &str, kind: TargetKind) -> Function {
    Function {
        name: FunctionName::new(&format!("{package}-{target}")).unwrap(),
        handler: Handler {
            package_id: PackageId { repr: package.to_owned() },
            package: package.to_owned(),
            target: target.to_owned(),
            kind,
        },
        role: Role::Function,
        runtime: Runtime::default(),
        include: Vec::new(),
        package_root: PathBuf::from("/w").join(package),
        package_version: "0.1.0".to_owned(),
    }
}

const HOST: &str = "x86_64-unknown-linux-gnu";

#[test]
fn handlers_of_one_file_name_never_share_a_run() {
    let functions = vec![
        function("a", "main", TargetKind::Bin),
        function("b", "main", TargetKind::Bin),
        function("b", "other", TargetKind::Bin),
        function("c", "main", TargetKind::Bin),
        // In `examples/`: no clash with a binary.
        function("c", "main", TargetKind::Example),
    ];
    let plan = Plan::new(functions, HOST, "release", None).unwrap();
    assert_eq!(plan.runs, [vec![0, 2, 4], vec![1], vec![3]]);
}

#[test]
fn the_host_decides_the_target_and_the_profile_the_level() {
    let plan = Plan::new(Vec::new(), "aarch64-unknown-linux-musl", "dev", None).unwrap();
    assert_eq!((plan.arch, plan.level), (Arch::Arm64, Level::Fast));
    assert_eq!(plan.triple, "aarch64-unknown-linux-gnu");
    let custom = Plan::new(Vec::new(), HOST, "tuned", None).unwrap();
    assert_eq!(custom.level, Level::Best);
    let error = Plan::new(Vec::new(), "aarch64-apple-darwin", "dev", None).unwrap_err();
    assert!(error.to_string().contains("aarch64-apple-darwin"));
}

#[test]
fn the_time_is_a_constant_or_source_date_epoch() {
    let time = |epoch| Plan::new(Vec::new(), HOST, "release", epoch).map(|plan| plan.time);
    assert_eq!(time(None).unwrap(), DosTime::EARLIEST);
    assert_eq!(time(Some("")).unwrap(), DosTime::EARLIEST);
    assert_eq!(time(Some("1709251199")).unwrap(), DosTime::from_unix(1_709_251_199).unwrap());
    assert!(time(Some("now")).is_err());
}

#[test]
fn cargo_gets_every_flag_once_and_packages_by_id() {
    let options = CargoOptions {
        manifest_path: Some("x/Cargo.toml".into()),
        target_dir: Some("t".into()),
        profile: "tuned".to_owned(),
        features: FeatureSelection {
            all: false,
            no_default: true,
            list: vec!["a".to_owned(), "p/b".to_owned()],
        },
        jobs: Some("-1".to_owned()),
        keep_going: true,
        locked: true,
        offline: true,
        frozen: true,
        config: vec!["k=1".to_owned()],
        unstable: vec!["u".to_owned()],
        timings: true,
        output: vec!["--quiet".to_owned()],
    };
    let functions =
        [function("p", "one", TargetKind::Bin), function("p", "two", TargetKind::Example)];
    let handlers: Vec<_> = functions.iter().map(|function| &function.handler).collect();
    let line = |args: Vec<std::ffi::OsString>| {
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        line(options.build_args(HOST, &handlers)),
        "build --message-format json-render-diagnostics --target x86_64-unknown-linux-gnu \
         --profile tuned --package p --bin one --example two --no-default-features --features \
         a,p/b --target-dir t --jobs=-1 --keep-going --timings --manifest-path x/Cargo.toml \
         --locked --offline --frozen --config k=1 -Z u --quiet"
    );
    assert_eq!(
        line(options.metadata_args()),
        "metadata --format-version 1 --no-deps --manifest-path x/Cargo.toml --locked --offline \
         --frozen --config k=1 -Z u --quiet"
    );
}
