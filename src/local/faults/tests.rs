use super::*;

fn faults(seed: u64, specs: &[&str]) -> Faults {
    Faults::new(seed, specs.iter().map(|spec| spec.parse().unwrap()).collect())
}

/// The codes of so many calls; `-` where nothing was refused.
fn codes(faults: &Faults, operation: &str, calls: usize) -> Vec<&'static str> {
    (0..calls)
        .map(|_| {
            let met = faults.meet(operation, 0);
            met.refusal(operation, "eu-west-1", None).map_or("-", |error| error.code)
        })
        .collect()
}

#[test]
fn the_same_seed_and_calls_give_the_same_faults() {
    let spec = ["throttle@30%", "error@30%"];
    let once = codes(&faults(7, &spec), "GetFunction", 200);
    assert_eq!(codes(&faults(7, &spec), "GetFunction", 200), once);
    assert_ne!(codes(&faults(8, &spec), "GetFunction", 200), once);
    // Another fault, or other calls between, change nothing.
    let more = faults(7, &["lost-reply@50%", "throttle@30%", "error@30%"]);
    assert_eq!(codes(&more, "GetFunction", 200), once);
    let named = faults(7, &["throttle:GetFunction@30%"]);
    let alone = codes(&faults(7, &["throttle:GetFunction@30%"]), "GetFunction", 100);
    let between: Vec<_> = (0..100)
        .flat_map(|_| {
            assert_eq!(codes(&named, "ListFunctions", 3), ["-"; 3]);
            codes(&named, "GetFunction", 1)
        })
        .collect();
    assert_eq!(between, alone);
}

#[test]
fn a_share_is_about_that_share() {
    let refused = codes(&faults(1, &["throttle@20%"]), "Invoke", 5000);
    let count = refused.iter().filter(|code| **code != "-").count();
    assert!((900..1100).contains(&count), "{count}");
    assert_eq!(codes(&faults(1, &["throttle@100%"]), "Invoke", 3), ["TooManyRequestsException"; 3]);
}

#[test]
fn calls_are_counted_among_those_that_a_fault_could_meet() {
    let faults = faults(0, &["expired:Get*@after:1", "storage@#2"]);
    assert_eq!(codes(&faults, "PublishVersion", 3), ["-", "CodeStorageExceededException", "-"]);
    assert_eq!(codes(&faults, "GetAlias", 1), ["-"]);
    assert_eq!(codes(&faults, "GetFunction", 2), ["ExpiredTokenException"; 2]);
}

#[test]
fn the_first_refusal_counts_and_the_rest_comes_together() {
    let faults = faults(
        0,
        &[
            "latency=20ms",
            "latency=5ms",
            "denied",
            "throttle",
            "lost-reply",
            "slow=3s",
            "fail=InvalidImage",
            "deployer",
            "deployer=code@#2",
        ],
    );
    faults.meet("CreateFunction", 0);
    let met = faults.meet("CreateFunction", 0);
    assert_eq!(met.wait, Duration::from_millis(25));
    assert!(met.lost_reply && !met.lost_request);
    let begun =
        Begun { fails_with: Some("InvalidImage".to_owned()), delay: Some(Duration::from_secs(3)) };
    assert_eq!(met.begun, begun);
    assert_eq!(met.after, [(deployer::Action::Configuration, 2), (deployer::Action::Code, 2)]);
    let error = met.refusal("CreateFunction", "eu-west-1", Some("orders")).unwrap();
    assert_eq!(
        error.message,
        "User: arn:aws:iam::123456789012:user/local is not authorized to perform: \
         lambda:CreateFunction on resource: arn:aws:lambda:eu-west-1:123456789012:function:orders \
         because no identity-based policy allows the lambda:CreateFunction action"
    );
    // Reading fails nothing.
    assert_eq!(faults.meet("GetFunction", 0).begun.fails_with, None);
}

#[test]
fn a_rate_lets_so_many_through_in_every_second() {
    let faults = faults(0, &["rate=3"]);
    let through = |now: i64, calls: usize| {
        (0..calls).filter(|_| faults.meet("ListFunctions", now).refused.is_none()).count()
    };
    assert_eq!(through(10_000, 5), 3);
    assert_eq!(through(10_000, 5), 0);
    assert_eq!(through(10_400, 5), 1);
    assert_eq!(through(11_400, 5), 3);
    assert_eq!(through(99_000, 5), 3);
    assert_eq!(faults.meet("Invoke", 99_000).refused, None);
}

#[test]
fn each_refusal_is_what_the_service_says() {
    let answer = |spec: &str| {
        let met = faults(0, &[spec]).meet("UpdateFunctionCode", 0);
        let error = met.refusal("UpdateFunctionCode", "eu-west-1", None).unwrap();
        (error.status, error.code, serde_json::to_string(&error.body()).unwrap())
    };
    let (status, code, body) = answer("throttle");
    assert_eq!((status, code), (429, "TooManyRequestsException"));
    assert_eq!(
        body,
        r#"{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate exceeded"}"#
    );
    assert_eq!(answer("error").0, 500);
    assert_eq!(answer("error=503").1, "ServiceUnavailableException");
    assert_eq!(
        answer("expired").2,
        r#"{"message":"The security token included in the request is expired"}"#
    );
    assert_eq!((answer("storage").0, answer("denied").0), (400, 403));
}
