//! What cannot be pushed is said as it is, and leaves nothing behind.

use std::error::Error as _;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lambda_pack::Error;
use lambda_pack::digest::Sha256;
use lambda_pack::registry::{Blob, Image, Pushed, RegistryError, Why};

use super::super::ecr::{Asked, Ecr, Habits, Location, Trouble};
use super::super::{OCI, block_on, reference};
use super::{Made, assert_kept, count, made, push, push_in, three};

fn push_to(registry: &Ecr, made: &Made) -> Result<Pushed, RegistryError> {
    push(&registry.client(), &format!("{}/some/app", registry.host), &["1"], made)
}

#[track_caller]
fn fails(result: Result<Pushed, RegistryError>, text: &str) -> RegistryError {
    let Err(error) = result else { panic!("no error") };
    assert!(error.to_string().contains(text), "{error}");
    assert!(!error.to_string().contains("hunter22"));
    error
}

fn always(what: &'static str, trouble: Trouble) -> Habits {
    let choose = move |asked: &Asked, _: usize| (asked.what() == what).then(|| trouble.clone());
    Habits { trouble: Some(Box::new(choose)), ..Habits::default() }
}

/// A refusal before the body is read, after which the connection is closed.
fn early(status: u16, code: &'static str, message: &str) -> Trouble {
    Trouble::Early(status, Vec::new(), code, message.to_owned())
}

#[test]
fn a_missing_repository_is_to_be_made() {
    let registry = Ecr::new(Habits { repositories: Some(vec![]), ..Habits::default() });
    let error =
        fails(push_to(&registry, &three()), ": there is no repository `some/app`: NAME_UNKNOWN");
    assert!(error.to_string().starts_with("cannot push blob sha256:"), "{error}");
    assert!(error.hint().unwrap().starts_with("make the repository `some/app` at 127.0.0.1:"));
    let host = "1.dkr.ecr.eu-west-1.amazonaws.com".into();
    let hint = RegistryError { host, ..error }.hint().unwrap();
    assert_eq!(
        hint,
        "make it with `--create-repository`, or with `aws ecr create-repository --region eu-west-1 \
         --repository-name some/app`"
    );
}

#[test]
fn a_tag_that_may_not_be_moved_is_understood() {
    let registry = Ecr::new(Habits { immutable: true, ..Habits::default() });
    let (first, second) = (three(), made(&[(7, 7)]));
    push_to(&registry, &first).unwrap();
    assert!(push_to(&registry, &first).unwrap().unchanged);
    let error = fails(
        push_to(&registry, &second),
        ": the tag `1` cannot be moved: TAG_INVALID: The image tag",
    );
    assert!(matches!(&error.why, Why::Immutable { tag, .. } if tag == "1"));
    assert!(error.to_string().starts_with(&format!("cannot push `{}/some/app:1`", registry.host)));
    assert!(error.hint().unwrap().contains("another tag"));
    // It is there by its digest all the same, and the tag is where it was.
    let kept = registry.kept();
    assert!(kept.manifests["some/app"].contains_key(&second.digest().to_string()));
    assert_eq!(kept.tags["some/app"]["1"], first.digest().to_string());
    drop(kept);
    // Of several tags those are set that can be, and which is said; also where the first is refused.
    let several = |tags: &[&str], image: &Made| {
        push(&registry.client(), &format!("{}/some/app", registry.host), tags, image)
    };
    fails(several(&["2", "1", "3"], &second), "app:1` (set: 2, 3; not set: 1): the tag `1`");
    fails(several(&["1", "4"], &made(&[(8, 8)])), "app:1` (set: 4; not set: 1): the tag `1`");
}

#[test]
fn what_is_refused_before_it_is_read_is_that_refusal() {
    let large = super::noise(1, 20_000_000);
    let digest = Sha256::of(&large);
    let open =
        || -> io::Result<Box<dyn Read + Send>> { Ok(Box::new(io::Cursor::new(large.clone()))) };
    for (status, code, text) in [
        (413, "SIZE_INVALID", "SIZE_INVALID: no more (HTTP 413)"),
        (403, "DENIED", "DENIED: no more (HTTP 403)"),
    ] {
        for _ in 0..5 {
            let registry = Ecr::new(always("PUT upload", early(status, code, "no more")));
            let error = fails(push_one(&registry, digest, 20_000_000, &open), text);
            assert!(error.hint().is_some());
            assert_eq!(count(&registry.asked(), "PUT upload"), 1);
            assert!(registry.is_tidy());
        }
    }
    let registry = Ecr::new(always(
        "POST upload",
        early(403, "DENIED", "User is not authorized to perform: ecr:InitiateLayerUpload"),
    ));
    let error = fails(push_to(&registry, &three()), "ecr:InitiateLayerUpload");
    assert!(matches!(error.why, Why::Denied { .. }));
}

#[test]
fn a_digest_that_is_none_of_ours_is_an_error() {
    for lies in ["HEAD blob", "PUT blob", "PUT manifest"] {
        let registry = Ecr::new(Habits { lies: Some(lies), ..Habits::default() });
        if lies == "HEAD blob" {
            let made = three();
            let bytes = made.blobs[1].clone();
            let digest = Sha256::of(&bytes).to_string();
            registry.kept().blobs.entry("some/app".to_owned()).or_default().insert(digest, bytes);
        }
        let error = fails(push_to(&registry, &three()), "says that it is sha256:");
        assert!(matches!(error.why, Why::Misnamed { .. }), "{lies}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("changes or mistakes what it is sent"), "{hint}");
        // It lies when it is too late for anything else.
        assert!(registry.kept().tags.is_empty() || lies == "PUT manifest", "{lies}");
    }
}

#[test]
fn a_silent_server_has_an_end() {
    for what in ["HEAD manifest", "HEAD blob", "POST upload", "PUT upload", "PUT manifest"] {
        let registry = Ecr::new(always(what, Trouble::Silence(Duration::from_secs(2))));
        let told = Arc::<Mutex<Vec<String>>>::default();
        let tells = Arc::clone(&told);
        let tell = move |text: &str| tells.lock().unwrap().push(text.to_owned());
        let client = registry.client().patient(Duration::from_millis(60)).telling(tell);
        let name = format!("{}/some/app", registry.host);
        fails(push(&client, &name, &["1"], &made(&[(1, 10)])), "sent nothing for 0.");
        // Whoever waits knows after the first try, and not at the end.
        let told = told.lock().unwrap();
        let says = |number| {
            format!("no answer from {} for 0.06 s, trying again ({number} of 4)", registry.host)
        };
        assert_eq!(*told, [2, 3, 4].map(says), "{what}");
        assert!(registry.is_tidy(), "{what}");
    }
}

#[test]
fn four_tries_and_no_more() {
    let registry = Ecr::new(always("PUT upload", Trouble::Reset(0)));
    fails(push_to(&registry, &made(&[])), "broke");
    assert_eq!(count(&registry.asked(), "PUT upload"), 4);
    assert!(registry.is_tidy());
}

#[test]
fn locations_that_nobody_goes_to() {
    for (location, text) in [
        (Location::Missing, "begins an upload and does not say where"),
        (
            Location::Text("http://registry.example/u?secret=1".into()),
            "redirects to `http://registry.example/u`: that is not encrypted",
        ),
        (Location::Text("http://10.0.0.1/u".into()), "that is not encrypted"),
        (Location::Text("ftp://127.0.0.1/u".into()), "that is neither http:// nor https://"),
        (Location::Text("http://".into()), "that is no URL"),
    ] {
        let registry = Ecr::new(Habits { location, ..Habits::default() });
        fails(push_to(&registry, &three()), text);
    }
}

/// Pushes one blob that opens as it is told.
fn push_one(
    registry: &Ecr,
    digest: Sha256,
    size: u64,
    open: &(dyn Fn() -> io::Result<Box<dyn Read + Send>> + Sync),
) -> Result<Pushed, RegistryError> {
    let image =
        Image { manifest: b"{}", media_type: OCI, blobs: vec![Blob { digest, size, open }] };
    let client = registry.client();
    let name = reference(&format!("{}/some/app", registry.host));
    block_on(async {
        let session = client.pushing();
        let pushed = session.image(&name, &[], &image, async { Ok(()) }, &|_| {}).await;
        session.abandon().await;
        pushed
    })
}

#[test]
fn what_changed_on_this_machine_becomes_no_blob() {
    for length in [0, 10, 200_000] {
        let right = vec![7; length];
        let digest = Sha256::of(&right);
        let other: Vec<u8> = if length == 0 { vec![1] } else { [&right[1..], b"x"].concat() };
        let longer = [&right[..], b"x"].concat();
        let shorter = right[..length.saturating_sub(1)].to_vec();
        for wrong in [other, longer, shorter] {
            if wrong == right {
                continue;
            }
            let registry = Ecr::new(Habits::default());
            let error = fails(
                push_one(&registry, digest, length as u64, &|| {
                    Ok(Box::new(io::Cursor::new(wrong.clone())))
                }),
                &format!(
                    "cannot push blob {digest} of `{}/some/app`: what is on this machine is something else: it is",
                    registry.host
                ),
            );
            assert_eq!(Error::from(error).exit_code(), 1);
            let kept = registry.kept();
            assert!(kept.blobs.is_empty() && kept.manifests.is_empty());
            assert_eq!(kept.deleted, 1);
        }
    }
    let registry = Ecr::new(Habits::default());
    let gone = || Err(io::ErrorKind::NotFound.into());
    let error = fails(push_one(&registry, Sha256::of(b"a"), 1, &gone), "cannot read it: ");
    assert_eq!(error.hint(), None);
    assert!(error.source().is_none());
    assert!(registry.is_tidy());
}

#[test]
fn a_tag_is_a_tag() {
    let registry = Ecr::new(Habits::default());
    let name = format!("{}/some/app", registry.host);
    fails(push(&registry.client(), &name, &["a/../b"], &three()), "`a/../b` is no tag");
    assert!(registry.asked().is_empty());
}

/// The push ends in the middle, as it does for Ctrl-C; what was sent is not sent again.
#[test]
fn a_push_that_was_ended_is_taken_up() {
    let puts = AtomicUsize::new(0);
    // The third blob is never taken, the first time.
    let choose = move |asked: &Asked, _: usize| {
        let put = asked.what() == "PUT upload";
        let number = puts.fetch_add(usize::from(put), Ordering::SeqCst);
        (put && number == 2).then_some(Trouble::Silence(Duration::from_secs(2)))
    };
    let registry = Ecr::new(Habits { trouble: Some(Box::new(choose)), ..Habits::default() });
    let made = made(&[(1, 500_000), (2, 400_000), (3, 300_000)]);
    let client = registry.client();
    let name = format!("{}/some/app", registry.host);
    block_on(async {
        let session = client.pushing();
        let push = push_in(&session, &name, &["1"], &made);
        tokio::time::timeout(Duration::from_millis(700), push).await.unwrap_err();
        assert!(!registry.is_tidy());
        session.abandon().await;
        assert!(registry.is_tidy());
        assert_eq!(registry.kept().deleted, 1);
    });
    assert!(registry.kept().manifests.is_empty());
    let before = registry.kept().blobs["some/app"].len();
    assert_eq!(before, 3);
    let pushed = push(&client, &name, &["1"], &made).unwrap();
    assert_eq!((pushed.sent.len(), pushed.there.len()), (1, 3));
    assert_kept(&registry, "some/app", &["1"], &made);
}
