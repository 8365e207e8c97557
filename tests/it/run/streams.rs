//! A compiled handler that streams, behind the URL of its settings: `orders-export` of `examples/orders`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Served;
use crate::local::server::{Reply, SIGNED};

#[test]
fn a_stream_comes_row_by_row() {
    let mut served = Served::example("orders", &["-p", "orders-export"]);
    let refused = served.call("POST", "/url/orders-export/", "");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET")), "{refused:?}");

    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    write!(
        stream,
        "GET /url/orders-export/today.csv HTTP/1.1\r\nHost: {}\r\nAuthorization: {SIGNED}\r\n\
         Connection: close\r\n\r\n",
        served.address
    )
    .unwrap();
    let rows = ["id,customer,", "ord-1001,", "ord-1002,", "ord-1003,"];
    let (mut bytes, mut came, mut buffer) = (Vec::new(), Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes);
        came.extend(
            rows[came.len()..].iter().filter(|row| text.contains(**row)).map(|_| Instant::now()),
        );
    }
    // The head is the function's, out of the prelude that stands before its rows.
    let reply = Reply::parse(&bytes).0;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/csv")));
    let disposition = "attachment; filename=\"orders.csv\"";
    assert_eq!(reply.header("content-disposition"), Some(disposition));
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    let expected = "id,customer,pieces,total\nord-1001,\"ada@example.com\",3,32.99\n\
                    ord-1002,\"grace@example.com\",5,4.95\nord-1003,\"alan@example.com\",1,129.00\n";
    assert_eq!(String::from_utf8_lossy(&reply.body), expected);
    // Each row is said 200 ms after the one before, and is there by then.
    assert_eq!(came.len(), rows.len());
    for pair in came.windows(2) {
        let apart = pair[1] - pair[0];
        assert!(apart >= Duration::from_millis(100), "{apart:?}");
    }
    assert_eq!(served.stop(), Some(0));
    served.soon("its end is in the log", || served.said().contains("exported"));
}
