//! What AWS does on a bad day.

use lambda_pack::account::model;
use lambda_pack::release::advice;

use super::site::{ROLE, Site, answer, state};
use crate::local::server::Server;

#[test]
fn a_storm_of_throttling_with_sixty_functions() {
    let server = Server::start(&["--fault", "throttle@30%", "--seed", "7"]);
    let names: Vec<String> = (0..60).map(|number| format!("f{number:02}")).collect();
    let site = Site::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let run = site.run(&server.address, &["deploy"]).code(0);
    assert_eq!(run.stderr.matches("AWS throttles").count(), 1, "{}", run.stderr);
    assert_eq!(answer(&server, "f59"), "one");
}

#[test]
fn the_first_server_errors_of_reads_are_not_the_end() {
    let server = Server::start(&["--fault", "error=503:Get*@20%", "--seed", "3"]);
    let site = Site::new(&["api", "worker"]);
    site.deploy(&server.address);
}

/// Every reason code, once: the alias stays where it was, and the advice is said.
#[test]
fn an_update_that_fails_leaves_the_alias() {
    for (code, advice) in [
        ("InternalError", "deploy again"),
        ("InsufficientRolePermissions", "execution role"),
        ("SubnetOutOfIPAddresses", "free addresses"),
        ("InvalidSubnet", "vpc.subnets"),
        ("InvalidSecurityGroup", "vpc.security-groups"),
        ("EniLimitExceeded", "network interfaces"),
        ("KMSKeyNotFound", "kms-key"),
        ("InvalidZipFileException", "package again"),
    ] {
        let fault = format!("fail={code}:UpdateFunctionCode");
        let server = Server::start(&["--fault", &fault]);
        let site = Site::new(&["api"]);
        site.deploy(&server.address);
        site.bundle("api", "two");
        let run = site.run(&server.address, &["deploy"]).code(4);
        assert!(run.stderr.contains(code) && run.stderr.contains(advice), "{}", run.stderr);
        assert_eq!(answer(&server, "api"), "one");
    }
}

/// The same for every reason that the API's model knows: each has its own advice, or at least one.
#[test]
fn every_reason_code_ends_at_once_with_advice() {
    let codes = model::values("LastUpdateStatusReasonCode");
    assert!(codes.len() > 20, "{codes:?}");
    let faults: Vec<String> = codes
        .iter()
        .enumerate()
        .flat_map(|(at, code)| {
            ["--fault".to_owned(), format!("fail={code}:UpdateFunctionCode@#{}", at + 1)]
        })
        .collect();
    let server = Server::start(&faults.iter().map(String::as_str).collect::<Vec<_>>());
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    for (at, code) in codes.iter().enumerate() {
        site.bundle("api", &format!("code {at}"));
        let run = site.run(&server.address, &["deploy"]).code(4);
        assert!(run.stderr.contains(code.as_str()), "{code}: {}", run.stderr);
        assert!(run.stderr.contains(advice::of_reason(code)), "{code}: {}", run.stderr);
        assert_eq!(answer(&server, "api"), "one", "{code}");
    }
    site.run(&server.address, &["deploy"]).code(0);
}

#[test]
fn a_creation_that_fails_says_what_to_do() {
    let server = Server::start(&["--fault", "fail=SubnetOutOfIPAddresses:CreateFunction"]);
    let site = Site::new(&["api"]);
    site.run(&server.address, &["deploy"]).code(4).says("delete the function");
    assert_eq!(state(&server, "api")["aliases"], serde_json::json!([]));
}

#[test]
fn a_failure_stops_the_later_phases_of_all_unless_the_others_go_on() {
    let fault = ["--fault", "fail=InternalError:UpdateFunctionCode@#1"];
    for keep_going in [false, true] {
        let server = Server::start(&fault);
        let site = Site::new(&["api", "worker"]);
        site.deploy(&server.address);
        site.bundle("api", "two");
        site.bundle("worker", "two");
        let args: &[&str] = if keep_going { &["deploy", "--keep-going"] } else { &["deploy"] };
        let run = site.run(&server.address, args).code(4);
        let moved = ["api", "worker"].iter().filter(|name| answer(&server, name) == "two").count();
        assert_eq!(moved, usize::from(keep_going), "{}", run.stderr);
        // What became of each is said.
        assert!(run.stdout.contains("api") && run.stdout.contains("worker"), "{}", run.stdout);
        // The same command again completes the work.
        site.run(&server.address, &["deploy"]).code(0);
        assert_eq!(answer(&server, "api"), "two");
        assert_eq!(answer(&server, "worker"), "two");
    }
}

#[test]
fn credentials_that_expire_at_any_call_lose_nothing() {
    let calls = 9;
    for after in 0..calls {
        let server = Server::start(&["--fault", &format!("expired@after:{after}")]);
        let site = Site::new(&["api"]);
        let run = site.run(&server.address, &["deploy"]);
        if run.code == 0 {
            assert!(after > 3, "{after}");
            return;
        }
        run.code(4).says("credentials have expired");
    }
}

#[test]
fn a_permission_that_is_missing_is_named() {
    for operation in ["GetFunction", "CreateFunction", "PublishVersion", "CreateAlias"] {
        let server = Server::start(&["--fault", &format!("denied:{operation}")]);
        let site = Site::new(&["api"]);
        let run = site.run(&server.address, &["deploy"]).code(4);
        assert!(run.stderr.contains(&format!("lambda:{operation}")), "{}", run.stderr);
    }
}

#[test]
fn full_storage_is_said_and_moves_nothing() {
    let server = Server::start(&["--fault", "storage:UpdateFunctionCode"]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    site.bundle("api", "two");
    site.run(&server.address, &["deploy"]).code(4).says("code storage is full");
    assert_eq!(answer(&server, "api"), "one");
}

#[test]
fn what_is_slow_is_waited_for_within_the_budget() {
    let server = Server::start(&["--fault", "slow=700ms"]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    assert_eq!(answer(&server, "api"), "one");
    let server = Server::start(&["--fault", "slow=1m"]);
    site.run(&server.address, &["deploy", "--wait", "1s"]).code(4).says("$LATEST is Pending");
}

#[test]
fn values_that_aws_quotes_are_not_shown() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let secret = "hunter22".repeat(520);
    site.settings(&format!("role = \"{ROLE}\"\nmemory = 256\n"));
    site.deploy(&server.address);
    // Just under what the configuration allows, with what is there already over what Lambda does.
    let half = &secret[..2000];
    let by_hand = serde_json::json!({ "Environment": { "Variables": { "AA": half } } });
    server.control("PUT", "/2015-03-31/functions/api/configuration", &by_hand);
    site.settings(&format!(
        "role = \"{ROLE}\"\nenvironment = {{ BB = \"{}\" }}\n",
        &secret[..2200]
    ));
    let run = site.run(&server.address, &["deploy", "-v", "-v"]).code(4);
    assert!(run.stderr.contains("4KB"), "{}", run.stderr);
    assert!(!run.stderr.contains("hunter22") && !run.stdout.contains("hunter22"));
}
