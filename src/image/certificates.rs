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

/// Whether a file has a certificate in it (RFC 7468, "CERTIFICATE").
#[must_use]
pub fn is_pem(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let mut ended = blocks.filter_map(|block| block.split_once("-----END CERTIFICATE-----"));
    // DER: a sequence.
    ended.any(|(encoded, _)| {
        let encoded: String = encoded.split_whitespace().collect();
        STANDARD.decode(encoded).is_ok_and(|der| der.first() == Some(&0x30))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_file_of_certificates() {
        assert!(is_pem(mozilla().as_bytes()));
        let of = |text: &str| {
            format!("x\n-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        assert!(is_pem(of("MAA=").as_bytes()));
        for text in ["", "hello", &of("?"), &of(""), "-----BEGIN CERTIFICATE-----\nMAA=\n"] {
            assert!(!is_pem(text.as_bytes()), "{text}");
        }
    }
}
