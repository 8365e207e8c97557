//! Code that goes through a bucket, on emulators of S3 that nobody here wrote.

use std::sync::Mutex;

use serde_json::Value;

use super::emulators::Emulator;
use super::proxy::Proxy;
use super::site::Site;
use crate::local::zips;

/// An emulator with a bucket that keeps versions, and a site whose code goes through it.
pub(super) fn with_bucket(emulator: &Emulator) -> Site {
    emulator.aws(&["s3api", "create-bucket", "--bucket", "code"]);
    let versions = ["--versioning-configuration", "Status=Enabled"];
    emulator
        .aws(&[&["s3api", "put-bucket-versioning", "--bucket", "code"], &versions[..]].concat());
    let site = Site::new(&["api"]);
    settings(emulator, &site);
    site
}

fn settings(emulator: &Emulator, site: &Site) {
    let role = emulator.role();
    site.settings(&format!(
        "role = \"{role}\"\nalias = [\"live\"]\ns3-bucket = \"code\"\ns3-prefix = \"zips\"\n"
    ));
}

/// The objects below the prefix: key, length, and how many versions there are of it.
fn objects(emulator: &Emulator) -> Vec<(String, u64, usize)> {
    let all = emulator.aws(&["s3api", "list-object-versions", "--bucket", "code"]);
    let versions = all["Versions"].as_array().cloned().unwrap_or_default();
    let key = |version: &Value| version["Key"].as_str().unwrap().to_owned();
    let mut keys: Vec<String> = versions.iter().map(key).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .map(|one| {
            let of: Vec<_> = versions.iter().filter(|version| key(version) == one).collect();
            (one, of[0]["Size"].as_u64().unwrap(), of.len())
        })
        .collect()
}

/// Those of calls that went to the bucket, without what differs from run to run.
fn of_bucket(calls: &[String]) -> Vec<&str> {
    let all = calls.iter().filter(|call| call.contains(" /code/zips/"));
    all.map(|call| match call.split_once(' ').unwrap() {
        ("POST", path) if path.contains("uploads") => "begin",
        ("POST", _) => "complete",
        ("PUT", path) if path.contains("partNumber") => "part",
        ("PUT", _) => "put",
        ("DELETE", _) => "abort",
        ("HEAD", _) => "head",
        other => panic!("{other:?}"),
    })
    .collect()
}

/// A function of 20 MB, which says a word.
fn large(word: &str) -> Vec<u8> {
    let script = zips::says(word);
    // The script is the first member's content: from its head of 39 bytes on.
    let end = script.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let noise: Vec<u8> =
        (0..20_000_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    zips::zip(&[("bootstrap", zips::EXECUTABLE, &script[39..end]), ("noise", zips::PLAIN, &noise)])
}

/// Sent once; not again for what has the same code; as one object with one version.
fn code_goes_once(emulator: &Emulator) {
    let site = with_bucket(emulator);
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    let plan = site.run(&proxy.address, &["plan"]).code(0);
    assert!(plan.stdout.contains("upload        PutObject"), "{}", plan.stdout);
    site.deploy(&proxy.address);
    assert_eq!(of_bucket(&proxy.calls()), ["head", "head", "put"]);
    let all = objects(emulator);
    assert_eq!((all.len(), all[0].2), (1, 1), "{all:?}");
    // Nothing to do: the bucket is not even asked.
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    assert_eq!(site.deploy(&proxy.address)[0]["state"], "unchanged");
    assert_eq!(of_bucket(&proxy.calls()), [""; 0]);
    // The same code for another function is there.
    site.workspace.handler("worker", "");
    site.bundle("worker", "one");
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    site.deploy(&proxy.address);
    assert_eq!(of_bucket(&proxy.calls()), ["head"]);
    assert_eq!(objects(emulator), all);
}

/// In parts; and what gets no answer is sent again.
fn large_code_goes_in_parts(emulator: &Emulator) {
    let site = with_bucket(emulator);
    let zip = large("two");
    let sha = site.bundle_of("api", &zip);
    // The first answer to a part and to the end are lost.
    let lost = Mutex::new(vec!["partNumber=2", "uploadId="]);
    let proxy = Proxy::new(&emulator.address, move |_, call| {
        let mut lost = lost.lock().unwrap();
        let kind =
            |one: &&str| call.contains(*one) && (call.starts_with("POST") || *one != "uploadId=");
        let at = lost.iter().position(kind);
        at.map(|at| lost.remove(at)).is_none()
    });
    site.deploy(&proxy.address);
    let calls = proxy.calls();
    let count = |kind: &str| of_bucket(&calls).iter().filter(|one| **one == kind).count();
    assert_eq!((count("begin"), count("part"), count("complete")), (1, 4, 2), "{calls:#?}");
    let all = objects(emulator);
    assert_eq!((all.len(), all[0].1, all[0].2), (1, zip.len() as u64, 1), "{all:?}");
    let made = emulator.aws(&["lambda", "get-function", "--function-name", "api"]);
    assert_eq!(made["Configuration"]["CodeSha256"], sha.as_str());
    let open = emulator.aws(&["s3api", "list-multipart-uploads", "--bucket", "code"]);
    assert!(open["Uploads"].as_array().is_none_or(Vec::is_empty), "{open}");
}

#[test]
fn code_goes_through_a_bucket_of_ministack() {
    let Some(emulator) = Emulator::ministack() else { return };
    code_goes_once(&emulator);
    assert_eq!(emulator.invoked("api:live"), "one");
}

#[test]
fn large_code_goes_through_a_bucket_of_ministack() {
    let Some(emulator) = Emulator::ministack() else { return };
    large_code_goes_in_parts(&emulator);
}

#[test]
fn code_goes_through_a_bucket_of_moto() {
    let Some(emulator) = Emulator::moto() else { return };
    code_goes_once(&emulator);
}

#[test]
fn large_code_goes_through_a_bucket_of_moto() {
    let Some(emulator) = Emulator::moto() else { return };
    large_code_goes_in_parts(&emulator);
}

#[test]
fn an_upload_that_fails_leaves_no_parts() {
    let Some(emulator) = Emulator::moto() else { return };
    let site = with_bucket(&emulator);
    site.bundle_of("api", &large("two"));
    let proxy = Proxy::new(&emulator.address, |_, call| !call.contains("partNumber=3"));
    site.run(&proxy.address, &["deploy"]).code(4).says("UploadPart: no answer");
    assert_eq!(of_bucket(&proxy.calls()).last(), Some(&"abort"));
    let open = emulator.aws(&["s3api", "list-multipart-uploads", "--bucket", "code"]);
    assert!(open["Uploads"].as_array().is_none_or(Vec::is_empty), "{open}");
    site.deploy(&emulator.address);
}

#[test]
fn a_bucket_that_is_not_there_is_said() {
    let Some(emulator) = Emulator::moto() else { return };
    let site = Site::new(&["api"]);
    settings(&emulator, &site);
    site.run(&emulator.address, &["deploy"]).code(4).says("NoSuchBucket").says("make the bucket");
}
