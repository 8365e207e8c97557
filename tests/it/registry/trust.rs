//! Whom this machine trusts, and what is said where it does not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use lambda_pack::registry::{Client, Distrust, Logins, Why};

use super::real::{Registry, proxy};
use super::{again, manifest};
use crate::support::{have, run};

/// A registry with a certificate of its own making.
fn registry(more: &[&str]) -> Option<Registry> {
    Registry::start(|folder: &Path| {
        let mut openssl = Command::new("openssl");
        openssl.current_dir(folder).args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"]);
        openssl.args(["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=registry.test"]);
        run(openssl.args(["-days", "2"]).args(more)).code(0);
        if more.is_empty() {
            expire(folder);
        }
        let at = |name: &str| folder.join(name).display().to_string();
        format!("  tls: {{certificate: {}, key: {}}}\n", at("cert.pem"), at("key.pem"))
    })
}

/// Signs it for a time that is over, for which `openssl req` has no option everywhere.
fn expire(folder: &Path) {
    let settings = "[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=index.txt\nserial=serial\ndefault_md=sha256\n\
                    policy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\n\
                    subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
    std::fs::write(folder.join("ca.cnf"), settings).unwrap();
    std::fs::write(folder.join("index.txt"), "").unwrap();
    std::fs::write(folder.join("serial"), "01\n").unwrap();
    let openssl = |args: &str| {
        run(Command::new("openssl").current_dir(folder).args(args.split(' '))).code(0);
    };
    openssl("req -new -key key.pem -subj /CN=registry.test -out request.pem");
    openssl(
        "ca -batch -selfsign -config ca.cnf -keyfile key.pem -in request.pem -out cert.pem -notext \
         -startdate 20200101000000Z -enddate 20200201000000Z",
    );
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_in_words() {
    let test = "registry::trust::what_is_wrong_with_a_certificate_is_said_in_words";
    if let Ok(host) = std::env::var("THE_REGISTRY") {
        assert!(again(test, &[]));
        let error = manifest(Logins::none(), &format!("{host}/some/app:1")).unwrap_err();
        let Why::Certificate { why, .. } = &error.why else { panic!("{error}") };
        let (says, hint) = match why {
            Distrust::Authority => ("an authority's own (CA:TRUE)", "CA:FALSE"),
            Distrust::Expired => ("has expired", "new certificate"),
            Distrust::Name(names) => {
                assert_eq!(*names, ["other.test"]);
                ("its certificate is of another name: other.test", "the name that the registry")
            }
            Distrust::Unknown => ("an authority that this machine does not know", "SSL_CERT_FILE"),
            other => panic!("{other:?}"),
        };
        let wanted = std::env::var("WRONG").unwrap();
        assert!(format!("{why:?}").starts_with(&wanted), "{why:?}");
        let said = error.to_string();
        assert!(said.contains("cannot trust 127.0.0.1:") && said.contains(says), "{said}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
        return;
    }
    if !have("openssl") {
        return;
    }
    let (ours, other) = ("subjectAltName=IP:127.0.0.1", "subjectAltName=DNS:other.test");
    let leaf = "basicConstraints=critical,CA:FALSE";
    for (wrong, args, trusted) in [
        ("Authority", &["-addext", ours][..], true),
        ("Expired", &[], true),
        ("Name", &["-addext", other, "-addext", leaf], true),
        ("Unknown", &["-addext", ours, "-addext", leaf], false),
    ] {
        let Some(registry) = registry(args) else { return };
        let certificate = registry.folder().join("cert.pem").display().to_string();
        let mut variables = vec![("THE_REGISTRY", &*registry.host), ("WRONG", wrong)];
        if trusted {
            variables.push(("SSL_CERT_FILE", &certificate));
        }
        assert!(!again(test, &variables));
    }
}

#[test]
fn a_file_of_certificates_that_is_none_is_named() {
    let test = "registry::trust::a_file_of_certificates_that_is_none_is_named";
    if let Ok(says) = std::env::var("SAYS") {
        assert!(again(test, &[]));
        let error = Client::new(Logins::none()).unwrap_err();
        assert!(error.to_string().ends_with(&says), "{error}");
        assert!(error.hint().unwrap().starts_with("SSL_CERT_FILE is to name a file"));
        assert_eq!(lambda_pack::Error::from(error).exit_code(), 2);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (none, empty) = (folder.path().join("none.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "nothing\n").unwrap();
    for (path, says) in [
        (&none, format!("cannot read {}: No such file or directory (os error 2)", none.display())),
        (&empty, format!("{} has no certificate in it (PEM)", empty.display())),
    ] {
        let says = format!("cannot start: SSL_CERT_FILE: {says}");
        let path = path.display().to_string();
        assert!(!again(test, &[("SAYS", &*says), ("SSL_CERT_FILE", &*path)]));
    }
}

#[test]
fn plain_http_elsewhere_is_named_as_such() {
    let test = "registry::trust::plain_http_elsewhere_is_named_as_such";
    if std::env::var_os("HTTPS_PROXY").is_some() {
        assert!(again(test, &[]));
        let name = "registry.test:5000/some/app:1";
        let error = manifest(Logins::none(), name).unwrap_err();
        assert!(matches!(error.why, Why::Plain { .. }), "{error:?}");
        let says = "registry.test:5000 speaks plain HTTP, and without TLS only registries of this machine \
                    are talked to";
        assert!(error.to_string().ends_with(says), "{error}");
        assert!(error.hint().unwrap().contains("localhost:5000"));
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    // The name is of another machine, and the proxy leads here.
    assert!(!again(test, &[("HTTPS_PROXY", &proxy(address)), ("NO_PROXY", "")]));
}
