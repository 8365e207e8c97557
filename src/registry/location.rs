//! Where servers send one on to, by a redirect or by the location of an upload, and whether one goes
//! there. One rule for both: never to what is not encrypted, and from a registry of the world never into
//! the network that this machine stands in. The addresses behind names are seen in [`super::dial`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::header::LOCATION;
use hyper::{Method, Uri};

use super::error::Why;
use super::http::Answer;
use super::text::clean;
use crate::reference::is_loopback;

/// Where an answer says to go on, if it does.
pub(super) fn redirect<'a>(answer: &'a Answer, method: &Method) -> Option<&'a str> {
    let reads = method == Method::GET || method == Method::HEAD;
    // Of the others only those that keep method and body (RFC 9110, sections 15.4.8 and 15.4.9).
    let codes: &[u16] = if reads { &[301, 302, 303, 307, 308] } else { &[307, 308] };
    codes.contains(&answer.status.as_u16()).then(|| answer.header(LOCATION))?
}

/// The URL that an answer sends one on to. From TLS to plain HTTP only on this machine.
pub(super) fn follow(from: &Uri, location: &str) -> Result<Uri, Why> {
    let refused = |why: &str| {
        let to = clean(location.split('?').next().unwrap_or_default());
        Why::Redirect(format!("{} redirects to `{to}`: {why}", at(from)))
    };
    let next = resolve(from, location).ok_or_else(|| refused("that is no URL"))?;
    let here = |uri: &Uri| uri.host().is_some_and(is_loopback);
    match next.scheme_str() {
        Some("https") => Ok(next),
        Some("http") if here(&next) && here(from) => Ok(next),
        Some("http") => Err(refused("that is not encrypted")),
        _ => Err(refused("that is neither http:// nor https://")),
    }
}

/// A reference to a URL, read at another (RFC 3986, section 5.2). Dots stay for the server.
pub(super) fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.trim().split('#').next().unwrap_or_default();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let path = base.path();
    let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
    let before_path = location.split(['/', '?']).next().unwrap_or_default();
    let whole = if before_path.contains(':') {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.is_empty() || location.starts_with('?') {
        format!("{scheme}://{authority}{path}{location}")
    } else {
        format!("{scheme}://{authority}{folder}{location}")
    };
    let uri = whole.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some());
    uri.filter(|uri| uri.host().is_some_and(|host| !host.is_empty()))
}

/// Scheme, host and port.
pub(super) fn origin(uri: &Uri) -> (Option<&str>, Option<String>, Option<u16>) {
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host().map(str::to_ascii_lowercase);
    (uri.scheme_str(), host, uri.port_u16().or(Some(usual)))
}

/// Whether an address is of this machine or of the network it stands in (RFC 1918, RFC 3927, RFC 4193,
/// RFC 4291, RFC 6598), or of none (RFC 2544, RFC 1112: class E), where a server of the world has nothing
/// to send one to; also by an IPv6 address that stands for one (RFC 6052, RFC 3056).
pub(super) fn is_private(address: IpAddr) -> bool {
    let four = |it: Ipv4Addr| {
        let [first, second, ..] = it.octets();
        let shared = first == 100 && second & 0xc0 == 64;
        let measuring = first == 198 && second & 0xfe == 18;
        let named = it.is_private() || it.is_loopback() || it.is_link_local();
        named || shared || measuring || first == 0 || first >= 240
    };
    let inside = |it: Ipv6Addr| {
        let words = it.segments();
        let address = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
        match words {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                Some(address(high, low))
            }
            _ => it.to_ipv4_mapped(),
        }
    };
    let six = |it: Ipv6Addr| {
        it.is_loopback()
            || it.is_unspecified()
            || it.is_unique_local()
            || it.is_unicast_link_local()
            || inside(it).is_some_and(four)
    };
    match address {
        IpAddr::V4(address) => four(address),
        IpAddr::V6(address) => six(address),
    }
}

/// Whether a host is in the network that somebody stands in by its very name, whoever looks that up: this
/// machine (RFC 6761, section 6.3), the metadata of Google's cloud, a private address; also what resolvers
/// take for an address in another form (`2130706433`, `0x7f.1`), which no name of the world ends in.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Some(address) = literal(&host) {
        return is_private(address);
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    number || last == "localhost" || host == "metadata.google.internal"
}

/// The address that a host is written as, if it is one.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// Host and port, without a name or password of anyone's.
pub(super) fn at(uri: &Uri) -> String {
    let host = clean(uri.host().unwrap_or_default());
    uri.port_u16().map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_at_the_url_that_gave_them() {
        let base: Uri = "https://a.example:1/v2/x/blobs/d?q=1".parse().unwrap();
        for (location, expected) in [
            ("https://b.example/x?y=z#f", Some("https://b.example/x?y=z")),
            ("//b.example/x", Some("https://b.example/x")),
            ("/y?a=/b:c", Some("https://a.example:1/y?a=/b:c")),
            ("y", Some("https://a.example:1/v2/x/blobs/y")),
            ("?z=1", Some("https://a.example:1/v2/x/blobs/d?z=1")),
            ("", Some("https://a.example:1/v2/x/blobs/d")),
            ("https://", None),
            ("https:///x", None),
            ("mailto:a", None),
            ("/a b", None),
        ] {
            let found = resolve(&base, location).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn redirects_to_plain_http_are_followed_on_this_machine_only() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        let (far, here) = (uri("https://a.example/x"), uri("http://127.0.0.1:1/x"));
        for (from, to, followed) in [
            (&far, "https://b.example/", true),
            (&far, "http://b.example/", false),
            (&far, "http://a.example/", false),
            (&far, "http://127.0.0.1/", false),
            (&here, "http://localhost:2/", true),
            (&here, "https://b.example/", true),
            (&here, "http://b.example/", false),
            (&here, "file:///etc/passwd", false),
            (&here, "ftp://127.0.0.1/x", false),
        ] {
            assert_eq!(follow(from, to).is_ok(), followed, "{from} {to}");
        }
    }

    #[test]
    fn private_addresses_are_known() {
        for (host, private) in [
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("192.168.0.1", true),
            ("169.254.169.254", true),
            ("127.8.8.8", true),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("8.8.8.8", false),
            ("[::1]", true),
            ("[::]", true),
            ("[fd00:ec2::254]", true),
            ("[fe80::1]", true),
            ("[::ffff:10.0.0.1]", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("198.18.0.1", true),
            ("198.20.0.1", false),
            ("240.0.0.1", true),
            ("[64:ff9b::a9fe:a9fe]", true),
            ("[64:ff9b::808:808]", false),
            ("[2002:a9fe:a9fe::1]", true),
            ("[2002:808:808::1]", false),
            ("[2600::1]", false),
        ] {
            assert_eq!(literal(host).map(is_private), Some(private), "{host}");
        }
        assert_eq!(literal("a.example"), None);
    }

    #[test]
    fn names_that_are_local_by_themselves_are_known() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "metadata.google.internal",
            "Metadata.Google.Internal.",
            "127.0.0.1.",
            "10.1",
            "2130706433",
            "0x7f000001",
            "127.0x1",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in ["localhost.example", "8.8.8.8", "s3.internal", "a.x1", "0xyz", "[2600::1]", ""]
        {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| {
            let (a, b): (Uri, Uri) = (a.parse().unwrap(), b.parse().unwrap());
            origin(&a) == origin(&b)
        };
        assert!(same("https://a.example/x", "https://A.example:443/y"));
        assert!(!same("https://a.example/", "https://a.example:444/"));
        assert!(!same("https://a.example/", "http://a.example:443/"));
        assert!(!same("https://a.example/", "https://b.example/"));
    }
}
