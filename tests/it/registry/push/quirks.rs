//! Registries as they are: each habit of ECR and others alone, and what passes.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lambda_pack::digest::Sha256;
use lambda_pack::registry::{Client, Logins};

use super::super::ecr::{Asked, Ecr, Habits, Location, Mount, Trouble};
use super::super::{block_on, reference};
use super::{assert_kept, count, lines, made, push, push_in, three};
use crate::support::{have, run};

fn name(registry: &Ecr) -> String {
    format!("{}/some/app", registry.host)
}

/// The trouble with the n-th request of a kind, from 1.
fn nth(
    what: &'static str,
    which: impl Fn(usize) -> bool + Send + Sync + 'static,
    trouble: Trouble,
) -> Habits {
    let seen = AtomicUsize::new(0);
    let choose = move |asked: &Asked, _: usize| {
        let mine = asked.what() == what;
        let number = seen.fetch_add(usize::from(mine), Ordering::SeqCst) + 1;
        (mine && which(number)).then(|| trouble.clone())
    };
    Habits { trouble: Some(Box::new(choose)), ..Habits::default() }
}

fn answer(status: u16, code: &'static str) -> Trouble {
    Trouble::Answer(status, Vec::new(), code, "so it is".to_owned())
}

#[test]
fn the_fake_is_a_registry_for_skopeo_too() {
    if !have("skopeo") {
        return;
    }
    for habits in [Habits::default(), Habits { tokens: true, ..Habits::default() }] {
        let folder = tempfile::tempdir().unwrap();
        let tokens = habits.tokens;
        let registry = Ecr::new(habits);
        let made = three();
        push(&registry.client(), &name(&registry), &["1"], &made).unwrap();
        let copy = |from: &str, to: &str| {
            let mut skopeo = Command::new("skopeo");
            skopeo.args(["copy", "--quiet", "--insecure-policy", "--preserve-digests"]);
            skopeo.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
            if tokens {
                let creds = "user:hunter22";
                let side = if from.starts_with("docker") { "--src-creds" } else { "--dest-creds" };
                skopeo.args([side, creds]);
            }
            run(skopeo.args([from, to])).code(0);
        };
        let layout = format!("oci:{}:1", folder.path().join("l").display());
        copy(&format!("docker://{}:1", name(&registry)), &layout);
        copy(&layout, &format!("docker://{}/other/app:2", registry.host));
        assert_kept(&registry, "other/app", &["2"], &made);
    }
}

#[test]
fn only_what_is_missing_is_sent_and_no_more_is_asked_than_that_takes() {
    let registry = Ecr::new(Habits::default());
    let first = three();
    let client = registry.client();
    let pushed = push(&client, &name(&registry), &["1", "x"], &first).unwrap();
    assert_kept(&registry, "some/app", &["1", "x"], &first);
    assert_eq!((pushed.digest, &pushed.sent), (first.digest(), &first.digests()));
    assert_eq!((pushed.moved.as_slice(), pushed.unchanged), (&["1".into(), "x".into()][..], false));
    let manifest = first.manifest.len() as u64;
    let all: u64 = first.blobs.iter().map(|blob| blob.len() as u64).sum();
    assert_eq!(pushed.bytes, all + 2 * manifest);
    let asked = registry.asked();
    let counts = ["HEAD manifest", "HEAD blob", "POST upload", "PUT upload", "PUT manifest"];
    assert_eq!(counts.map(|what| count(&asked, what)), [3, 4, 4, 4, 2]);
    assert_eq!(asked.len(), 17, "{:?}", lines(&asked));
    for put in asked.iter().filter(|asked| asked.what() == "PUT upload") {
        assert_eq!(put.header("content-type"), "application/octet-stream");
        assert_eq!(put.header("content-length"), put.body.to_string());
    }
    // Again: it is asked for, and nothing else.
    let again = push(&client, &name(&registry), &["1", "x"], &first).unwrap();
    assert!(again.unchanged && again.bytes == 0 && again.sent.is_empty() && again.moved.is_empty());
    assert!(registry.asked().iter().all(|asked| asked.method == "HEAD"));
    // Another tag alone.
    let tagged = push(&client, &name(&registry), &["1", "y"], &first).unwrap();
    assert_eq!((tagged.moved, tagged.bytes, tagged.unchanged), (vec!["y".into()], manifest, false));
    let asked = registry.asked();
    assert_eq!((count(&asked, "PUT manifest"), count(&asked, "POST upload")), (1, 0));
    // Another last layer: that, the configuration, the manifest.
    let second = made(&[(1, 300_000), (2, 70_000), (4, 11)]);
    let changed = push(&client, &name(&registry), &["1"], &second).unwrap();
    let digests = second.digests();
    assert_eq!(changed.sent, [digests[0], digests[3]]);
    assert_eq!(changed.there, [digests[1], digests[2]]);
    // Without tags.
    let third = made(&[(5, 10)]);
    let untagged = push(&client, &name(&registry), &[], &third).unwrap();
    assert!(untagged.moved.is_empty() && !untagged.unchanged);
    assert!(push(&client, &name(&registry), &[], &third).unwrap().unchanged);
    assert!(registry.kept().manifests["some/app"].contains_key(&third.digest().to_string()));
}

#[test]
fn every_habit_is_put_up_with() {
    let of = |set: fn(&mut Habits)| {
        let mut habits = Habits::default();
        set(&mut habits);
        habits
    };
    let all: [(&str, Habits); 14] = [
        ("no location of a manifest", of(|h| h.no_manifest_location = true)),
        ("no digest in answers", of(|h| h.no_digest_header = true)),
        ("relative location", of(|h| h.location = Location::Relative)),
        ("location with a query", of(|h| h.location = Location::Query)),
        ("PUT is not supported", of(|h| h.whole = Some(405))),
        ("PUT has another type", of(|h| h.whole = Some(415))),
        ("PUT is not implemented", of(|h| h.whole = Some(501))),
        ("chunks", of(|h| h.min_chunk = Some(1000))),
        ("chunks, 201", of(|h| (h.min_chunk, h.patch_201) = (Some(1000), true))),
        ("chunks, stale range", of(|h| (h.min_chunk, h.stale_range) = (Some(1000), true))),
        ("chunks out of place", of(|h| (h.min_chunk, h.out_of_place) = (Some(1000), true))),
        ("chunks, query", of(|h| (h.whole, h.location) = (Some(405), Location::Query))),
        ("tokens", of(|h| h.tokens = true)),
        ("its own repositories", of(|h| h.repositories = Some(vec!["some/app"]))),
    ];
    for (what, habits) in all {
        println!("{what}");
        let registry = Ecr::new(habits);
        let made = made(&[(1, 300_000), (2, 70_000), (3, 10), (9, 0)]);
        let pushed = push(&registry.client(), &name(&registry), &["1"], &made).unwrap();
        assert_eq!(pushed.sent, made.digests(), "{what}");
        assert_kept(&registry, "some/app", &["1"], &made);
        assert!(push(&registry.client(), &name(&registry), &["1"], &made).unwrap().unchanged);
        assert!(registry.is_tidy(), "{what}");
    }
}

#[test]
fn large_chunks_follow_each_other() {
    let registry = Ecr::new(Habits { whole: Some(405), ..Habits::default() });
    let made = made(&[(1, 40_000_000)]);
    push(&registry.client(), &name(&registry), &["1"], &made).unwrap();
    assert_kept(&registry, "some/app", &["1"], &made);
    let asked = registry.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("content-range")).collect();
    assert!(ranges.contains(&"16777216-33554431") && ranges.contains(&"33554432-39999999"));
}

#[test]
fn what_passes_is_tried_again_from_the_beginning_of_the_upload() {
    let once = |number| number == 1;
    let late = vec![("Retry-After", "1".to_owned())];
    let burst = Trouble::Answer(429, late, "TOOMANYREQUESTS", "slow down".to_owned());
    let twice = |number| number <= 2;
    let all: Vec<(&str, Habits)> = vec![
        ("reset", nth("PUT upload", once, Trouble::Reset(1000))),
        ("reset at once", nth("PUT upload", once, Trouble::Reset(0))),
        ("broken pipe", nth("PUT upload", once, Trouble::Early(503, vec![], "", String::new()))),
        ("lost blob", nth("PUT upload", once, Trouble::Lost)),
        ("lost start", nth("POST upload", once, Trouble::Lost)),
        ("lost manifest", nth("PUT manifest", once, Trouble::Lost)),
        ("lost tag", nth("PUT manifest", |number| number == 2, Trouble::Lost)),
        ("lost answers to questions", nth("HEAD blob", twice, Trouble::Lost)),
        ("manifest 500", nth("PUT manifest", twice, answer(500, "UNKNOWN"))),
        ("bursts", nth("POST upload", twice, burst.clone())),
        ("bursts of answers", nth("PUT upload", twice, burst)),
        ("499", nth("PUT upload", once, answer(499, ""))),
        ("522", nth("POST upload", once, answer(522, ""))),
        ("the state of the upload", nth("PUT upload", once, answer(400, "BLOB_UPLOAD_INVALID"))),
        ("unknown upload", nth("PUT upload", once, answer(404, "BLOB_UPLOAD_UNKNOWN"))),
    ];
    for (what, habits) in all {
        println!("{what}");
        let registry = Ecr::new(habits);
        let made = three();
        let start = Instant::now();
        let pushed = push(&registry.client(), &name(&registry), &["1", "2"], &made).unwrap();
        assert_eq!(pushed.sent, made.digests(), "{what}");
        assert_kept(&registry, "some/app", &["1", "2"], &made);
        let asked = registry.asked();
        if what.starts_with("lost") {
            assert_eq!(count(&asked, "PUT upload"), 4, "{what}");
        }
        if what == "lost manifest" || what == "lost tag" {
            assert_eq!(count(&asked, "PUT manifest"), 2, "{what}");
            assert_eq!(pushed.moved, ["1", "2"]);
        }
        if what.starts_with("burst") {
            assert!(start.elapsed() >= Duration::from_secs(1));
        }
        // What nobody told us of stays, until the registry throws it away.
        assert!(registry.is_tidy() || what == "lost start", "{what}");
    }
}

/// A registry that answers HEAD of this blob, the first time or always, as if it had so many bytes of it.
fn claims(digest: Sha256, length: usize, always: bool) -> Habits {
    let seen = AtomicUsize::new(0);
    let choose = move |asked: &Asked, _: usize| {
        let mine = asked.what() == "HEAD blob" && asked.target.ends_with(&digest.to_string());
        let first = seen.fetch_add(usize::from(mine), Ordering::SeqCst) == 0;
        let headers = vec![("Content-Length", length.to_string())];
        (mine && (first || always)).then(|| Trouble::Answer(200, headers, "", String::new()))
    };
    Habits { trouble: Some(Box::new(choose)), ..Habits::default() }
}

#[test]
fn a_blob_that_goes_missing_before_the_manifest_is_sent_again() {
    let made = three();
    for always in [false, true] {
        let registry = Ecr::new(claims(made.digests()[2], 70_000, always));
        let pushed = push(&registry.client(), &name(&registry), &["1", "2"], &made).unwrap();
        assert_eq!((pushed.sent, pushed.there.len()), (made.digests(), 0));
        assert_eq!(pushed.moved, ["1", "2"]);
        assert_kept(&registry, "some/app", &["1", "2"], &made);
        assert_eq!(count(&registry.asked(), "PUT upload"), 4);
        assert!(registry.is_tidy());
    }
    // Once, and no more.
    let registry = Ecr::new(nth("PUT manifest", |_| true, answer(400, "MANIFEST_BLOB_UNKNOWN")));
    let error = push(&registry.client(), &name(&registry), &["1"], &made).unwrap_err().to_string();
    assert!(error.contains("MANIFEST_BLOB_UNKNOWN"), "{error}");
    assert_eq!(count(&registry.asked(), "PUT manifest"), 2);
}

#[test]
fn a_blob_of_another_length_is_none() {
    let made = three();
    let registry = Ecr::new(claims(made.digests()[1], 299_999, true));
    let pushed = push(&registry.client(), &name(&registry), &["1"], &made).unwrap();
    assert_eq!(pushed.sent, made.digests());
    assert_kept(&registry, "some/app", &["1"], &made);
}

#[test]
fn a_registry_without_head_is_asked_by_get() {
    let made = three();
    let registry = Ecr::new(nth("HEAD blob", |_| true, answer(405, "UNSUPPORTED")));
    let (digest, bytes) = (made.digests()[1], made.blobs[1].clone());
    registry.kept().blobs.entry("some/app".into()).or_default().insert(digest.to_string(), bytes);
    let pushed = push(&registry.client(), &name(&registry), &["1"], &made).unwrap();
    assert_eq!((pushed.sent.len(), pushed.there), (3, vec![digest]));
    assert_kept(&registry, "some/app", &["1"], &made);
    let registry = Ecr::new(Habits {
        trouble: Some(Box::new(|asked, _| match &*asked.what() {
            "HEAD blob" | "GET blob" => Some(answer(405, "UNSUPPORTED")),
            "HEAD manifest" => Some(answer(501, "UNSUPPORTED")),
            _ => None,
        })),
        ..Habits::default()
    });
    let pushed = push(&registry.client(), &name(&registry), &["1"], &made).unwrap();
    assert_eq!(pushed.sent, made.digests());
}

#[test]
fn a_manifest_that_another_host_took_is_not_there() {
    let far = Ecr::new(nth("PUT else", |_| true, answer(201, "")));
    let headers = vec![("Location", format!("http://{}/elsewhere", far.host))];
    let sends = Trouble::Answer(307, headers, "", String::new());
    let near = Ecr::new(nth("PUT manifest", |_| true, sends));
    let error = push(&near.client(), &name(&near), &["1"], &three()).unwrap_err().to_string();
    let says = format!("{} takes it (HTTP 201), and {} has it not", far.host, near.host);
    assert!(error.contains(&says), "{error}");
}

#[test]
fn a_token_may_expire_before_any_request() {
    let made = three();
    let requests = {
        let registry = Ecr::new(Habits { tokens: true, ..Habits::default() });
        push(&registry.client(), &name(&registry), &["1"], &made).unwrap();
        let asked = registry.asked();
        assert_eq!(count(&asked, "GET token"), 1);
        let token = asked.iter().find(|asked| asked.what() == "GET token").unwrap();
        let scopes =
            "scope=repository%3Asome%2Fapp%3Apull&scope=repository%3Asome%2Fapp%3Apull%2Cpush";
        assert!(token.target.ends_with(scopes), "{}", token.target);
        asked.len()
    };
    for expires in 1..=requests {
        let choose = move |asked: &Asked, number: usize| {
            // A token counts as a thing of its own there.
            let token = asked.target.starts_with("/token");
            let realm = format!("Bearer realm=\"http://{}/token\"", asked.header("host"));
            (number == expires && !token).then(|| {
                let headers = vec![("WWW-Authenticate", realm)];
                let message = "token expired".to_owned();
                if expires % 2 == 0 {
                    Trouble::Early(401, headers, "UNAUTHORIZED", message)
                } else {
                    Trouble::Answer(401, headers, "UNAUTHORIZED", message)
                }
            })
        };
        let registry =
            Ecr::new(Habits { tokens: true, trouble: Some(Box::new(choose)), ..Habits::default() });
        push(&registry.client(), &name(&registry), &["1"], &made)
            .unwrap_or_else(|error| panic!("{expires}: {error}"));
        assert_kept(&registry, "some/app", &["1"], &made);
        assert!(registry.is_tidy());
    }
}

#[test]
fn a_shared_base_is_sent_once_to_a_registry() {
    for (mount, mounted) in [(Mount::Works, 2), (Mount::Ignored, 0), (Mount::Fails, 0)] {
        for (at_once, tokens) in [(false, false), (true, false), (false, true)] {
            let registry = Ecr::new(Habits { mount, tokens, ..Habits::default() });
            let images: Vec<_> =
                (0..10).map(|i| made(&[(1, 200_000), (2, 50_000), (10 + i, 99)])).collect();
            let client = registry.client();
            let session = client.pushing();
            let push = |i: usize| {
                let (session, image) = (&session, &images[i]);
                let name = format!("{}/f/{i}", registry.host);
                async move { push_in(session, &name, &["1"], image).await.unwrap() }
            };
            let all = block_on(async {
                if at_once {
                    return futures_util::future::join_all((0..10).map(push)).await;
                }
                let mut all = Vec::new();
                for i in 0..10 {
                    all.push(push(i).await);
                }
                all
            });
            let base: u64 = images[0].blobs[1..3].iter().map(|blob| blob.len() as u64).sum();
            let sent: u64 = all.iter().map(|pushed| pushed.bytes).sum();
            let times: usize = all.iter().map(|pushed| pushed.mounted.len()).sum();
            assert_eq!(times, 9 * mounted, "{mount:?} {at_once}");
            let bases = if mounted > 0 { 1 } else { 10 };
            assert!(sent < base * bases + 30_000, "{sent} {mount:?}");
            for (i, image) in images.iter().enumerate() {
                assert_kept(&registry, &format!("f/{i}"), &["1"], image);
            }
            if tokens && mounted > 0 {
                let asked = registry.asked();
                let wants = |asked: &&Asked| {
                    asked.target.contains("scope=repository%3Af%2F0%3Apull&")
                        || asked.target.ends_with("scope=repository%3Af%2F0%3Apull")
                };
                assert_eq!(
                    asked.iter().filter(|it| it.what() == "GET token").filter(wants).count(),
                    10
                );
            }
        }
    }
}

#[test]
fn what_another_repository_may_have_is_mounted_from_there() {
    let made = three();
    for (mount, home, mounted) in [
        (Mount::Works, "team/base", 2),
        (Mount::Works, "nobody", 0),
        (Mount::Fails, "team/base", 0),
    ] {
        let registry = Ecr::new(Habits { mount, tokens: true, ..Habits::default() });
        let base = made.digests()[1..3].to_vec();
        for (digest, bytes) in made.digests().iter().zip(&made.blobs).skip(1).take(2) {
            let mut kept = registry.kept();
            let blobs = kept.blobs.entry("team/base".to_owned()).or_default();
            blobs.insert(digest.to_string(), bytes.clone());
        }
        let client = registry.client();
        let pushed = block_on(async {
            let session = client.pushing();
            let home = reference(&format!("{}/{home}", registry.host));
            session.may_be_in(&home, base.iter().copied());
            push_in(&session, &name(&registry), &["1"], &made).await.unwrap()
        });
        assert_eq!(pushed.mounted, base[..mounted], "{mount:?} {home}");
        assert_eq!(pushed.sent.len(), 4 - mounted);
        assert_kept(&registry, "some/app", &["1"], &made);
    }
}

#[test]
fn uploads_may_go_to_another_host_and_no_login_with_them() {
    let far = Ecr::new(Habits::default());
    let location = Location::Elsewhere(far.host.clone());
    let near = Ecr::new(Habits { location, tokens: true, ..Habits::default() });
    let made = three();
    push(&near.client(), &name(&near), &["1"], &made).unwrap();
    let asked = far.asked();
    assert_eq!(count(&asked, "PUT upload"), 4);
    assert!(asked.iter().all(|asked| asked.header("authorization").is_empty()), "{asked:?}");
    assert!(asked.iter().all(|asked| asked.target.contains("?signed=1&digest=sha256%3A")));
    for blob in &made.blobs {
        assert!(far.kept().blobs["far"][&Sha256::of(blob).to_string()] == *blob);
    }
}

/// 307 keeps method and body; the login stays at home.
#[test]
fn uploads_are_redirected() {
    let far = Ecr::new(Habits::default());
    let host = far.host.clone();
    let choose = move |asked: &Asked, number: usize| {
        let query = asked.target.split_once('?').map_or("", |pair| pair.1);
        let to = format!("http://{host}/far/r{number}?{query}");
        let redirects = asked.method == "PUT" && asked.target.contains("/uploads/");
        let tokened = !asked.header("authorization").is_empty();
        (redirects && tokened)
            .then(|| Trouble::Answer(307, vec![("Location", to)], "", String::new()))
    };
    // Only another host's manifests need no blobs of this one's.
    let habits = Habits {
        tokens: true,
        location: Location::Relative,
        trouble: Some(Box::new(choose)),
        ..Habits::default()
    };
    let near = Ecr::new(habits);
    let made = three();
    let pushed = push(&near.client(), &name(&near), &["1"], &made).unwrap();
    assert_eq!(pushed.sent, made.digests());
    let asked = far.asked();
    assert_eq!((asked.len(), count(&asked, "PUT upload")), (4, 4));
    assert!(asked.iter().all(|asked| asked.header("authorization").is_empty()), "{asked:?}");
    for blob in &made.blobs {
        assert!(far.kept().blobs["far"][&Sha256::of(blob).to_string()] == *blob);
    }
}

#[test]
fn what_a_registry_warns_of_is_told_once() {
    let registry = Ecr::new(Habits { warning: Some("it is \\\"old\\\""), ..Habits::default() });
    let client = registry.client();
    let pushed = push(&client, &name(&registry), &["1"], &three()).unwrap();
    assert_eq!(pushed.warnings, ["it is \"old\""]);
    assert!(push(&client, &name(&registry), &["2"], &three()).unwrap().warnings.is_empty());
}

#[test]
fn what_a_tag_stands_for_is_asked_with_and_without_the_header() {
    for no_digest_header in [false, true] {
        let registry = Ecr::new(Habits { no_digest_header, ..Habits::default() });
        let made = three();
        let client = Client::new(Logins::none()).unwrap();
        push(&client, &name(&registry), &["1"], &made).unwrap();
        let of = |tag: &str| {
            let reference = reference(&format!("{}{tag}", name(&registry)));
            block_on(client.digest_of(&reference)).unwrap()
        };
        assert_eq!(of(":1"), Some(made.digest()));
        assert_eq!(of(":2"), None);
        assert_eq!(of(&format!("@{}", made.digest())), Some(made.digest()));
        assert_eq!(of(&format!("@{}", Sha256::of(b"other"))), None);
    }
}

#[test]
fn blobs_are_read_from_another_host_and_where_they_broke_off() {
    let far = Ecr::new(Habits { truncates: Some(100_000), ..Habits::default() });
    let blobs_at = Some(far.host.clone());
    let near = Ecr::new(Habits { blobs_at, tokens: true, ..Habits::default() });
    let made = three();
    for registry in [&near, &far] {
        push(&registry.client(), &name(registry), &["1"], &made).unwrap();
        registry.asked();
    }
    let mut out = Vec::new();
    let (reference, digest) = (reference(&name(&near)), made.digests()[1]);
    block_on(near.client().blob(&reference, &digest, 300_000, &mut out)).unwrap();
    assert!(out == made.blobs[1]);
    let asked = far.asked();
    assert_eq!(lines(&asked), vec![format!("GET /v2/some/app/blobs/{digest}"); 2]);
    assert!(asked.iter().all(|asked| asked.header("authorization").is_empty()));
    assert_eq!(asked[1].header("range"), "bytes=100000-");
}
