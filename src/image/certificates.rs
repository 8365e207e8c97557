//! Certificate authorities for images from scratch.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Those that Mozilla trusts, as of the crate that this program was built with: the same on every
/// machine. A file of PEM certificates (RFC 7468).
#[must_use]
pub fn mozilla() -> String {
    let mut text = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(certificate.as_ref());
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}
