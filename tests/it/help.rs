//! The command line itself: every help text pinned, and what happens at its edges.

use crate::support::{Workspace, lambda_pack, repository, run};

/// A help text at 80 columns is what the file says; `SNAPSHOTS=overwrite` rewrites the file.
fn pinned(name: &str, args: &[&str]) {
    let answer = run(lambda_pack(&repository()).args(args)).code(0);
    assert_eq!(answer.stderr, "");
    for line in answer.stdout.lines() {
        assert!(line.chars().count() <= 80, "over 80 columns: {line}");
    }
    let path = repository().join(format!("tests/it/help/{name}.txt"));
    snapbox::assert_data_eq!(answer.stdout, snapbox::Data::read_from(&path, None).raw());
}

#[test]
fn help_of_the_program() {
    pinned("lambda-pack", &["--help"]);
}

#[test]
fn help_of_package() {
    pinned("package", &["package", "--help"]);
}

#[test]
fn help_of_check() {
    pinned("check", &["check", "--help"]);
}

#[test]
fn help_of_verify() {
    pinned("verify", &["verify", "--help"]);
    pinned("push", &["push", "--help"]);
}

#[test]
fn help_of_what_runs_on_this_machine() {
    pinned("local", &["local", "--help"]);
    pinned("invoke", &["invoke", "--help"]);
    pinned("run", &["run", "--help"]);
    pinned("watch", &["watch", "--help"]);
    for args in [["local", "-h"], ["invoke", "-h"], ["run", "-h"], ["watch", "-h"]] {
        let answer = run(lambda_pack(&repository()).args(args)).code(0).stdout;
        assert!(answer.lines().all(|line| line.chars().count() <= 80), "{answer}");
    }
}

#[test]
fn help_of_config() {
    pinned("migrate", &["migrate", "--help"]);
    pinned("layer", &["layer", "--help"]);
    pinned("layer-plan", &["layer", "plan", "--help"]);
    pinned("layer-publish", &["layer", "publish", "--help"]);
    pinned("layer-list", &["layer", "list", "--help"]);
    pinned("layer-prune", &["layer", "prune", "--help"]);
    pinned("config", &["config", "--help"]);
    pinned("config-show", &["config", "show", "--help"]);
    pinned("config-keys", &["config", "keys", "--help"]);
    pinned("config-schema", &["config", "schema", "--help"]);
}

#[test]
fn help_of_what_looks_at_aws() {
    pinned("status", &["status", "--help"]);
    pinned("releases", &["releases", "--help"]);
    pinned("rollback", &["rollback", "--help"]);
    pinned("promote", &["promote", "--help"]);
    pinned("logs", &["logs", "--help"]);
    pinned("delete", &["delete", "--help"]);
    pinned("release", &["release", "--help"]);
    pinned("release-resume", &["release", "resume", "--help"]);
    pinned("prune", &["prune", "--help"]);
}

#[test]
fn help_of_completions() {
    pinned("completions", &["completions", "--help"]);
    pinned("man", &["man", "--help"]);
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let man = |args: &[&str]| run(lambda_pack(folder.path()).arg("man").args(args));
    man(&["--out", "made/man1"]).code(0).says("Wrote the manual to made/man1");
    let files = std::fs::read_dir(folder.path().join("made/man1")).unwrap();
    let mut pages: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    let known = repository().join("tests/it/help/pages-of-the-manual.txt");
    let known = snapbox::Data::read_from(&known, None).raw();
    snapbox::assert_data_eq!(pages.join("\n") + "\n", known);

    let read =
        |name: &str| std::fs::read_to_string(folder.path().join("made/man1").join(name)).unwrap();
    let own = man(&[]).code(0).stdout;
    assert_eq!(own, read("cargo-lambda-pack.1"));
    assert!(own.contains("cargo\\-lambda\\-pack\\-deploy(1)"), "{own}");
    assert!(own.contains("built, but may not ship"), "{own}");
    let resume = man(&["release", "resume"]).code(0).stdout;
    assert_eq!(resume, read("cargo-lambda-pack-release-resume.1"));
    assert!(resume.contains("\\fBcargo lambda\\-pack release resume\\fR"), "{resume}");
    for page in pages {
        let help = page.trim_end_matches(".1").replacen("cargo-lambda-pack", "", 1);
        let text = read(&page);
        let title = text.lines().find(|line| line.starts_with(".TH")).unwrap();
        assert!(title.starts_with(&format!(".TH cargo-lambda-pack{help} 1 ")), "{title}");
        assert!(!text.contains("zig-environment"), "{page} tells of what is hidden");
    }
    let near = man(&["deplo"]).code(2).says("no command `deplo`; did you mean `deploy`?");
    assert_eq!(near.stdout, "");
    man(&["deploy", "--out", "x"]).code(2).says("cannot be used with");
}

#[test]
fn runs_as_cargo_runs_it_and_by_itself() {
    let by_cargo = run(lambda_pack(&repository()).args(["lambda-pack", "--version"])).code(0);
    let by_hand = run(lambda_pack(&repository()).arg("--version")).code(0);
    assert_eq!(by_cargo.stdout, by_hand.stdout);
    assert_eq!(by_hand.stdout, concat!("cargo lambda-pack ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(lambda_pack(&repository()).args(["completions", shell])).code(0).stdout;
        for command in ["package", "check", "completions"] {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
    }
}

/// What bash itself offers for a line whose last word is not finished.
fn offered_by_bash(words: &[&str]) -> Vec<String> {
    let script = run(lambda_pack(&repository()).args(["completions", "bash"])).code(0).stdout;
    let function = script.split("complete -F ").nth(1).unwrap().split(' ').next().unwrap();
    // As bash calls it: the words, where the cursor is, then command, current and previous word.
    let program = r#"
        words=("$@"); COMP_CWORD=$((${#words[@]} - 1)); COMP_WORDS=("${words[@]}")
        FUNCTION "${words[0]}" "${words[COMP_CWORD]}" "${words[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let program = format!("{script}\n{}", program.replace("FUNCTION", function));
    // As a file: Linux takes no argument of more than 128 KiB.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), program).unwrap();
    let mut bash = std::process::Command::new("bash");
    let answer = run(bash.arg(file.path()).args(words)).code(0).stdout;
    answer.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(offered_by_bash(&["cargo-lambda-pack", "pack"]), ["package"]);
    assert_eq!(offered_by_bash(&["cargo-lambda-pack", "package", "--lay"]), ["--layout"]);
    assert_eq!(
        offered_by_bash(&["cargo-lambda-pack", "package", "--layout", ""]),
        ["cargo-lambda"]
    );
    assert_eq!(offered_by_bash(&["cargo-lambda-pack", "completions", "ba"]), ["bash"]);
    assert_eq!(offered_by_bash(&["cargo-lambda-pack", "config", "sch"]), ["schema"]);
}

#[test]
fn usage_mistakes_exit_2_and_leave_stdout_empty() {
    for (args, hint) in [
        (&["packag"][..], "a similar subcommand exists: 'package'"),
        (&["package", "--relase"], "a similar argument exists: '--release'"),
        (&["package", "--layout", "cargo-lamda"], "'cargo-lambda'"),
        (&["package", "--arch", "amd64"], "x86_64, arm64, both"),
        (&["package", "--release", "--profile", "dev"], "cannot be used with"),
        (&["check", "--runtime", "provided.al3", "x"], "provided.al2023"),
        (&[][..], "Usage: cargo lambda-pack"),
    ] {
        let answer = run(lambda_pack(&repository()).args(args)).code(2).says(hint);
        assert_eq!(answer.stdout, "", "{args:?}");
    }
}

#[test]
fn check_takes_files_or_a_selection() {
    for flag in [&["--bin", "x"][..], &["--workspace"], &["--profile", "dev"], &["--locked"]] {
        run(lambda_pack(&repository()).args(["check", "/bin/true"]).args(flag))
            .code(2)
            .says("cannot be used with");
    }
}

#[test]
fn stdout_is_nothing_but_json_in_json_mode() {
    let workspace = Workspace::hello();
    let good = workspace.run(&["package", "--output", "json", "-v"]).code(0);
    let records = good.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["reason"], "bundle");
    assert!(good.stderr.contains("Packed hello"), "{}", good.stderr);

    let bad = workspace.run(&["package", "--output", "json", "-p", "helo"]).code(2);
    let records = bad.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["reason"], "error");
    assert_eq!(records[0]["exit_code"], 2);
    let message = records[0]["message"].as_str().unwrap();
    assert_eq!(message, "no package `helo` in this workspace; did you mean `hello`?");
}

#[test]
fn usage_mistakes_are_records_too() {
    for format in [&["--output", "json"][..], &["--output=json"]] {
        let answer =
            run(lambda_pack(&repository()).arg("package").args(format).arg("--nope")).code(2);
        let records = answer.records();
        assert_eq!(records[0]["message"], "unexpected argument '--nope' found");
        assert_eq!(records[0]["exit_code"], 2);
    }
    let answer = run(lambda_pack(&repository()).args(["verify", "--output", "json"])).code(2);
    let message = "the following required arguments were not provided: <PATH>...";
    assert_eq!(answer.records()[0]["message"], message);
}

#[test]
fn colours_only_where_they_are_wanted() {
    let workspace = Workspace::hello();
    let plain = workspace.run(&["check", "-p", "nothing"]).code(2);
    assert!(!plain.stderr.contains('\x1b'), "{:?}", plain.stderr);
    let forced = workspace.run(&["check", "-p", "nothing", "--color", "always"]).code(2);
    assert!(forced.stderr.contains('\x1b'), "{:?}", forced.stderr);
    let by_cargo =
        run(workspace.command(&["check", "-p", "x"]).env("CARGO_TERM_COLOR", "always")).code(2);
    assert!(by_cargo.stderr.contains('\x1b'), "{:?}", by_cargo.stderr);
    let no_color = run(workspace.command(&["package", "-v"]).env("NO_COLOR", "1")).code(0);
    assert!(!no_color.stderr.contains('\x1b') && !no_color.stdout.contains('\x1b'));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let workspace = Workspace::hello();
    let program = env!("CARGO_BIN_EXE_cargo-lambda-pack");
    let mut shell = std::process::Command::new("bash");
    crate::support::scrub(&mut shell);
    let script = format!("set -o pipefail; '{program}' check -q /bin/true /bin/false | true");
    run(shell.args(["-c", &script]).current_dir(workspace.path())).code(0);
}

#[test]
fn quiet_says_nothing_and_verbose_shows_the_command() {
    let workspace = Workspace::hello();
    let quiet = workspace.run(&["package", "-q"]).code(0);
    assert_eq!(quiet.stderr, "");
    let verbose = workspace.run(&["package", "-v"]).code(0);
    assert!(verbose.stderr.contains("Running `"), "{}", verbose.stderr);
    assert!(verbose.stderr.contains("--profile release"), "{}", verbose.stderr);
}

#[test]
fn the_table_reads_the_same_piped() {
    let workspace = Workspace::hello();
    let answer = workspace.run(&["package"]).code(0);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", answer.stdout);
    assert!(lines[0].starts_with("FUNCTION  ARCH"), "{}", lines[0]);
    assert!(lines[1].starts_with("hello     "), "{}", lines[1]);
    // The digest whole, so that it can be compared with AWS's.
    assert_eq!(lines[1].split_whitespace().last().unwrap().len(), 44);
}
