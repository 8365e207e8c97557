use cargo_metadata::PackageId;

use super::*;
use crate::compile::Optimize;
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
        trust_system: Vec::new(),
        include: Vec::new(),
        assets: Vec::new(),
        extensions: None,
        shares: false,
        foreign_layers: 0,
        package_root: PathBuf::from("/w").join(package),
        package_version: "0.1.0".to_owned(),
        has_build_script: false,
        scripts: None,
        compile: on(Arch::X86_64),
        dlopen: Vec::new(),
        library_paths: Vec::new(),
        sysroot: None,
        level: Level::Best,
        packaging: crate::function::Packaging::Zip,
    }
}

fn on(arch: Arch) -> Compile {
    compile(&Settings::default(), arch, Libc::Gnu)
}

fn facts(name: &str, targets: &[(TargetKind, &str)], features: &[&str]) -> PackageFacts {
    PackageFacts {
        dylib: None,
        id: Some(PackageId { repr: name.to_owned() }),
        name: name.to_owned(),
        targets: targets.iter().map(|(kind, target)| (*kind, (*target).to_owned())).collect(),
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
        dependencies: std::collections::BTreeSet::new(),
    }
}

fn options(profile: &str, features: &[&str]) -> CargoOptions {
    let list = features.iter().map(|&feature| feature.to_owned()).collect();
    CargoOptions {
        profile: profile.to_owned(),
        features: FeatureSelection { list, ..FeatureSelection::default() },
        ..CargoOptions::default()
    }
}

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
    let selected = [
        facts("a", &[(TargetKind::Bin, "main")], &[]),
        facts("b", &[(TargetKind::Bin, "main"), (TargetKind::Bin, "other")], &[]),
        facts("c", &[(TargetKind::Bin, "main"), (TargetKind::Example, "main")], &[]),
    ];
    let plan =
        Plan::new(functions, &selected, &options("release", &[]), &Groupings::new(), None).unwrap();
    // `b` could not even come along for `other`: `--bin main` would build its `main` too.
    let members: Vec<_> = plan.runs.iter().map(|run| run.members.clone()).collect();
    assert_eq!(members, [vec![0], vec![1, 2], vec![3, 4]]);
}

#[test]
fn features_go_to_the_runs_that_have_them() {
    let functions =
        vec![function("a", "main", TargetKind::Bin), function("b", "main", TargetKind::Bin)];
    let main = &[(TargetKind::Bin, "main")];
    let selected =
        [facts("a", main, &["x"]), facts("b", main, &[]), facts("core", &[], &["x", "y"])];
    let runs = |features: &[&str]| {
        let options = options("release", features);
        let plan =
            Plan::new(functions.clone(), &selected, &options, &Groupings::new(), None).unwrap();
        plan.runs
            .iter()
            .map(|run| {
                let packages: Vec<_> = run.packages.iter().map(|id| id.repr.as_str()).collect();
                format!("{} [{}]", packages.join(" "), run.features.join(" "))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(runs(&[]), ["a []", "b []"]);
    assert_eq!(runs(&["y"]), ["a core [y]", "b core [y]"], "a library's own, selected too");
    assert_eq!(runs(&["a/x"]), ["a [a/x]", "b []"]);
    assert_eq!(runs(&["nobodys"]), ["a [nobodys]", "b [nobodys]"], "for cargo to refuse");
}

#[test]
fn runs_keep_the_groups() {
    let functions = vec![
        function("a", "main", TargetKind::Bin),
        function("b", "b", TargetKind::Bin),
        function("c", "c", TargetKind::Bin),
        function("c", "main", TargetKind::Bin),
        function("c", "shown", TargetKind::Example),
    ];
    let selected = [
        facts("a", &[(TargetKind::Bin, "main")], &[]),
        facts("b", &[(TargetKind::Bin, "b")], &[]),
        facts("c", &[(TargetKind::Bin, "c"), (TargetKind::Bin, "main")], &[]),
        facts("core", &[(TargetKind::Bin, "b")], &["x"]),
    ];
    let options = options("release", &["x"]);
    let all: Vec<&Function> = functions.iter().collect();
    let units = units(&all, &selected, &options.features);
    assert_eq!(units.of, [0, 1, 2, 2, 3], "binaries of a package are one unit");
    let owners: Vec<_> = units.list.iter().map(|unit| unit.owners.len()).collect();
    assert_eq!(owners, [1, 0, 1, 1], "`core` has a binary `b` as well");
    let core = selected[3].id.clone().unwrap();
    let runs = |groups: [usize; 4]| {
        let place = |group| features::Place { group, with: vec![core.clone()] };
        let mut places: Vec<_> = groups.map(place).into();
        places[1].with.clear();
        let grouping = features::Grouping { places };
        let groupings = Groupings::from([(Arch::X86_64.gnu_triple(), grouping)]);
        let plan = Plan::new(functions.clone(), &selected, &options, &groupings, None);
        let text = |run: &Run| {
            let packages: Vec<_> = run.packages.iter().map(|id| id.repr.as_str()).collect();
            format!("{:?} {} [{}]", run.members, packages.join(" "), run.features.join(" "))
        };
        plan.unwrap().runs.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(
        runs([0, 0, 0, 0]),
        ["[0] a core [x]", "[1] b []", "[2, 3, 4] c core [x]"],
        "names keep apart what features would not"
    );
    assert_eq!(
        runs([0, 1, 2, 0]),
        ["[0] a core [x]", "[1] b []", "[2, 3] c core [x]", "[4] c core [x]"]
    );
    assert_eq!(
        runs([0, 1, 1, 2]),
        ["[0] a core [x]", "[1] b []", "[2, 3] c core [x]", "[4] c core [x]"]
    );
}

#[test]
fn the_settings_decide_the_target_and_the_profile_the_level() {
    let none = Settings::default();
    let of = |profile| level(&none, &options(profile, &[]));
    assert_eq!((of("dev"), of("tuned")), (Level::Fast, Level::Best));
    let fast = Settings { compression: Some(Level::Fast), ..Settings::default() };
    assert_eq!(level(&fast, &options("tuned", &[])), Level::Fast);
    assert_eq!(architectures(&none, Some(Arch::Arm64)), [Arch::Arm64]);
    assert_eq!(architectures(&none, None), []);
    let both = Settings { archs: Arch::ALL.to_vec(), ..Settings::default() };
    assert_eq!(architectures(&both, Some(Arch::Arm64)), Arch::ALL);
    let built = compile(&none, Arch::Arm64, Libc::Gnu);
    assert_eq!(built.target.with_floor(), "aarch64-unknown-linux-gnu.2.34");
    assert_eq!((built.cpu.name.as_str(), built.cpu.chosen), ("neoverse-n1", false));
    let chosen = Settings {
        libc: Some(Libc::Musl),
        target_cpu: Some("generic".to_owned()),
        runtime: Some(Runtime::ProvidedAl2),
        ..Settings::default()
    };
    let built = compile(&chosen, Arch::X86_64, Libc::Gnu);
    assert_eq!(built.target.triple(), "x86_64-unknown-linux-musl");
    assert_eq!((built.cpu.name.as_str(), built.cpu.chosen), ("generic", true));
}

#[test]
fn what_is_compiled_otherwise_is_another_run() {
    let two = |first: Compile, second: Compile| {
        let mut functions =
            vec![function("a", "a", TargetKind::Bin), function("b", "b", TargetKind::Bin)];
        functions[0].compile = first;
        functions[1].compile = second;
        let selected = [
            facts("a", &[(TargetKind::Bin, "a")], &[]),
            facts("b", &[(TargetKind::Bin, "b")], &[]),
        ];
        let options = options("release", &[]);
        let plan = Plan::new(functions, &selected, &options, &Groupings::new(), None).unwrap();
        plan.runs.iter().map(|run| run.members.clone()).collect::<Vec<_>>()
    };
    let x86 = on(Arch::X86_64);
    assert_eq!(two(x86.clone(), x86.clone()), [vec![0, 1]]);
    let size = Compile { optimize: Optimize::Size, ..x86.clone() };
    for other in [on(Arch::Arm64), size] {
        assert_eq!(two(x86.clone(), other), [vec![0], vec![1]]);
    }
}

#[test]
fn the_time_is_a_constant_or_source_date_epoch() {
    let time = |epoch| {
        Plan::new(Vec::new(), &[], &options("release", &[]), &Groupings::new(), epoch)
            .map(|plan| plan.time)
    };
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
        is_profile_said: true,
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
        host: false,
        output: vec!["--quiet".to_owned()],
    };
    let functions =
        [function("p", "one", TargetKind::Bin), function("p", "two", TargetKind::Example)];
    let handlers: Vec<_> = functions.iter().map(|function| &function.handler).collect();
    let run = Run {
        members: vec![0, 1],
        packages: vec![PackageId { repr: "p".to_owned() }],
        features: options.features.list.clone(),
        compile: on(Arch::X86_64),
    };
    let line = |args: Vec<std::ffi::OsString>| {
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        line(options.build_args(&run, &handlers, &["ours=1".to_owned()])),
        "build --message-format json-render-diagnostics --target x86_64-unknown-linux-gnu \
         --profile tuned --package p --bin one --example two --no-default-features --features \
         a,p/b --target-dir t --jobs=-1 --keep-going --timings --manifest-path x/Cargo.toml \
         --locked --offline --frozen --config k=1 -Z u --quiet --config ours=1"
    );
    assert_eq!(
        line(options.metadata_args()),
        "metadata --format-version 1 --no-deps --manifest-path x/Cargo.toml --locked --offline \
         --frozen --config k=1 -Z u --quiet"
    );
}
