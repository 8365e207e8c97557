//! How long a push takes and what memory. Not for machines that do other things: by hand, with
//! `--ignored`.

use std::io::{self, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use lambda_pack::digest::HashingWriter;
use lambda_pack::registry::{Blob, Client, Image, Logins};

use super::super::real::Registry;
use super::super::{OCI, again, block_on, reference};
use super::{made, push};
use crate::support::run;

const ROUND_TRIP: Duration = Duration::from_millis(40);
/// 20 Mbit/s.
const BYTES_PER_SECOND: u64 = 2_500_000;

/// How long the link takes for so many bytes.
fn takes(bytes: u64) -> Duration {
    Duration::from_micros(bytes * 1_000_000 / BYTES_PER_SECOND)
}

/// Moves bytes from one end to the other, each half a round trip later and no faster than the link.
fn carry(mut from: TcpStream, mut to: TcpStream, link: Option<&Mutex<Instant>>) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut sent = Instant::now();
        if let Some(link) = link {
            let mut free = link.lock().unwrap();
            *free = (*free).max(sent) + takes(length as u64);
            sent = *free;
        }
        if sender.send((sent + ROUND_TRIP / 2, buffer[..length].to_vec())).is_err() {
            return;
        }
        // The link holds no more than a little.
        let waits = sent.saturating_duration_since(Instant::now());
        thread::sleep(waits.saturating_sub(Duration::from_millis(20)));
    }
}

/// A link to a server: its own host and port. A connection takes a round trip, as they do.
fn link_to(host: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let up = Arc::new(Mutex::new(Instant::now()));
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, host, up) = (near.unwrap(), host.clone(), Arc::clone(&up));
            thread::spawn(move || {
                thread::sleep(ROUND_TRIP);
                let far = TcpStream::connect(host).unwrap();
                for stream in [&near, &far] {
                    stream.set_nodelay(true).unwrap();
                }
                let (near2, far2) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || carry(near2, far2, Some(&up)));
                carry(far, near, None);
            });
        }
    });
    address
}

#[test]
#[ignore = "it measures"]
fn behind_a_slow_link() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let host = link_to(registry.host.clone());
    for run in 0..3 {
        let image = made(&[(run, 6_000_000), (100 + run, 500_000), (200 + run, 2000)]);
        let name = format!("{host}/some/app{run}");
        let timed = || {
            let client = Client::new(Logins::none()).unwrap();
            let start = Instant::now();
            let pushed = push(&client, &name, &["1"], &image).unwrap();
            (start.elapsed(), pushed)
        };
        let (first, pushed) = timed();
        let needed = takes(pushed.bytes);
        let (unchanged, again) = timed();
        println!(
            "first {first:?}, {:.3} of the bytes; unchanged {unchanged:?}",
            first.as_secs_f64() / needed.as_secs_f64()
        );
        assert!(again.unchanged);
        assert!(first * 10 <= needed * 11, "{first:?} {needed:?}");
        assert!(unchanged <= 4 * ROUND_TRIP + Duration::from_millis(30), "{unchanged:?}");
    }
}

#[test]
#[ignore = "it measures"]
fn on_this_machine_beside_skopeo() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let image = made(&[(1, 20_000_000), (2, 6_000_000), (3, 500_000), (4, 2000)]);
    let first = push(
        &Client::new(Logins::none()).unwrap(),
        &format!("{}/a", registry.host),
        &["1"],
        &image,
    );
    first.unwrap();
    let layout = tempfile::tempdir().unwrap();
    let at = format!("oci:{}:1", layout.path().join("l").display());
    let skopeo = |from: &str, to: &str| {
        let mut skopeo = std::process::Command::new("skopeo");
        skopeo.args(["copy", "--quiet", "--insecure-policy", "--src-tls-verify=false"]);
        run(skopeo.args(["--dest-tls-verify=false", from, to])).code(0);
    };
    skopeo(&format!("docker://{}/a:1", registry.host), &at);
    let fresh = Registry::start(|_| String::new()).unwrap();
    let start = Instant::now();
    skopeo(&at, &format!("docker://{}/b:1", fresh.host));
    let theirs = start.elapsed();
    let fresh = Registry::start(|_| String::new()).unwrap();
    let start = Instant::now();
    let client = Client::new(Logins::none()).unwrap();
    let pushed = push(&client, &format!("{}/b", fresh.host), &["1"], &image).unwrap();
    let ours = start.elapsed();
    let start = Instant::now();
    push(&client, &format!("{}/b", fresh.host), &["1"], &image).unwrap();
    println!("skopeo {theirs:?}, ours {ours:?}, unchanged {:?}", start.elapsed());
    assert_eq!(pushed.sent.len(), 5);
    assert!(ours <= theirs, "{ours:?} {theirs:?}");
}

/// The most memory that this process had, in bytes.
fn most() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn memory_does_not_grow_with_the_blobs() {
    const SIZE: u64 = 300_000_000;
    let test = "registry::push::figures::memory_does_not_grow_with_the_blobs";
    if let Ok(host) = std::env::var("THE_REGISTRY") {
        assert!(again(test, &[]));
        let mut hash = HashingWriter::new(io::sink());
        io::copy(&mut io::repeat(7).take(SIZE), &mut hash).unwrap();
        let (_, digest, _) = hash.finish();
        let open =
            || -> io::Result<Box<dyn Read + Send>> { Ok(Box::new(io::repeat(7).take(SIZE))) };
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": OCI,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest.to_string(), "size": SIZE},
            "layers": [],
        })
        .to_string();
        let blobs = vec![Blob { digest, size: SIZE, open: &open }];
        let image = Image { manifest: manifest.as_bytes(), media_type: OCI, blobs };
        let before = most();
        let client = Client::new(Logins::none()).unwrap();
        let name = reference(&format!("{host}/large"));
        let pushed =
            block_on(client.pushing().image(&name, &[], &image, async { Ok(()) }, &|_| {}))
                .unwrap();
        assert_eq!(pushed.sent, [digest]);
        let more = most() - before;
        println!("{more} bytes");
        assert!(more < 32 * 1024 * 1024, "{more}");
        return;
    }
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    assert!(!again(test, &[("THE_REGISTRY", &registry.host)]));
}
