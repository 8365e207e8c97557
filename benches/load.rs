//! Invokes one function from several clients that keep their connections, and prints what it took, as
//! JSON. Part of benches/invoke, which compiles it with rustc alone.
//!
//!     load ADDRESS PATH CLIENTS INVOCATIONS PAYLOAD

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Milliseconds of each invocation, how many failed, and what was answered.
type Seen = (Vec<f64>, usize, Vec<Vec<u8>>);

fn client(address: &str, request: &str, count: usize) -> std::io::Result<Seen> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (mut writer, mut reader) = (stream.try_clone()?, BufReader::new(stream));
    let (mut times, mut failed, mut bodies) = (Vec::new(), 0, Vec::new());
    for _ in 0..count {
        let started = Instant::now();
        writer.write_all(request.as_bytes())?;
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut bad = !line.contains(" 200 ");
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            chunked |= lower.starts_with("transfer-encoding:");
            bad |= lower.contains("function-error");
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if chunked {
            loop {
                line.clear();
                reader.read_line(&mut line)?;
                let size = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
                let mut part = vec![0; size + 2];
                reader.read_exact(&mut part)?;
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&part[..size]);
            }
        } else {
            reader.read_exact(&mut body)?;
        }
        times.push(started.elapsed().as_secs_f64() * 1e3);
        failed += usize::from(bad);
        bodies.push(body);
    }
    Ok((times, failed, bodies))
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, address, path, clients, count, payload] = args.as_slice() else {
        panic!("load ADDRESS PATH CLIENTS INVOCATIONS PAYLOAD");
    };
    let (clients, count): (usize, usize) = (clients.parse().unwrap(), count.parse().unwrap());
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=k/20261120/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{payload}",
        payload.len()
    );
    let started = Instant::now();
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let one = || scope.spawn(|| client(address, &request, count / clients).unwrap());
        let all: Vec<_> = (0..clients).map(|_| one()).collect();
        all.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let wall = started.elapsed().as_secs_f64();
    let mut times: Vec<f64> = seen.iter().flat_map(|(times, ..)| times.clone()).collect();
    times.sort_by(f64::total_cmp);
    let failed: usize = seen.iter().map(|(_, failed, _)| failed).sum();
    let mut bodies: Vec<&Vec<u8>> = seen.iter().flat_map(|(.., bodies)| bodies).collect();
    bodies.sort();
    bodies.dedup();
    println!(
        "{{\"rate\": {:.1}, \"median\": {:.4}, \"p99\": {:.4}, \"failed\": {failed}, \"answers\": {}, \
         \"different\": {}}}",
        times.len() as f64 / wall,
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times.len(),
        bodies.len()
    );
}
