//! Who signed a request to a function URL. No signature is checked: any is taken, as long as it is one
//! of Signature Version 4 or 4a for Lambda, in the header or in the query ("Signing AWS API requests").

use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::percent;

/// What a request is signed with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// It is not signed.
    None,
    /// It is signed for another service.
    Other,
    /// It is signed for Lambda, with the key of this id.
    Of(String),
}

/// Finds the signature of a request. `query`: as it came.
pub(super) fn signature(headers: &HeaderMap, query: &str) -> Signature {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let found = header.and_then(of_header).or_else(|| of_query(query));
    match found {
        None => Signature::None,
        Some((key, service)) if service == "lambda" => Signature::Of(key),
        Some(_) => Signature::Other,
    }
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
fn of_header(header: &str) -> Option<(String, String)> {
    let (algorithm, fields) = header.split_once(' ')?;
    let field = |name: &str| {
        let mut fields = fields.split(',').filter_map(|field| field.trim().split_once('='));
        fields.find(|(found, _)| *found == name).map(|(_, value)| value)
    };
    field("SignedHeaders").and(field("Signature"))?;
    scope(algorithm, field("Credential")?)
}

/// `X-Amz-Algorithm`, `X-Amz-Credential` and `X-Amz-Signature`.
fn of_query(query: &str) -> Option<(String, String)> {
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(found, _)| *found == name).map(|(_, value)| percent::decoded(value))
    };
    parameter("X-Amz-Signature")?;
    scope(&parameter("X-Amz-Algorithm")?, &parameter("X-Amz-Credential")?)
}

/// The key's id and the service of `KEY/20261120/us-east-1/lambda/aws4_request`; 4a has no Region.
fn scope(algorithm: &str, credential: &str) -> Option<(String, String)> {
    let parts = match algorithm {
        "AWS4-HMAC-SHA256" => 5,
        "AWS4-ECDSA-P256-SHA256" => 4,
        _ => return None,
    };
    // A key may hold slashes.
    let scope: Vec<&str> = credential.rsplitn(parts, '/').collect();
    match scope.as_slice() {
        ["aws4_request", service, .., key] if scope.len() == parts && !key.is_empty() => {
            Some(((*key).to_owned(), (*service).to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str, query: &str) -> Signature {
        let mut headers = HeaderMap::new();
        if !header.is_empty() {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        signature(&headers, query)
    }

    #[test]
    fn every_form_of_a_signature_is_taken() {
        let rest = "SignedHeaders=host, Signature=0";
        let (four, four_a) = ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
        let key = || Signature::Of("AKID".to_owned());
        let scope = "AKID/20261120/eu-west-1/lambda/aws4_request";
        assert_eq!(of(&format!("{four} Credential={scope}, {rest}"), ""), key());
        assert_eq!(of(&format!("{four} Credential={scope},{}", rest.replace(' ', "")), ""), key());
        let without = "AKID/20261120/lambda/aws4_request";
        assert_eq!(of(&format!("{four_a} Credential={without}, {rest}"), ""), key());
        let query = format!(
            "a=1&X-Amz-Algorithm={four}&X-Amz-Credential={}&X-Amz-Date=20261120T093017Z&X-Amz-Signature=0",
            scope.replace('/', "%2F")
        );
        assert_eq!(of("", &query), key());
        assert_eq!(of("Bearer x", &query), key());
        let slash = format!("{four} Credential=A/B/{}, {rest}", &scope[5..]);
        assert_eq!(of(&slash, ""), Signature::Of("A/B".to_owned()));
    }

    #[test]
    fn others_are_none() {
        let scope = "AKID/20261120/eu-west-1/execute-api/aws4_request";
        let other = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        assert_eq!(of(&other, ""), Signature::Other);
        for header in [
            "",
            "Bearer x",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=AKID, SignedHeaders=host, Signature=0",
            "AWS4-HMAC-SHA256 Credential=/1/r/lambda/aws4_request, SignedHeaders=host, Signature=0",
            "AWS4-HMAC-SHA256 Credential=AKID/1/r/lambda/aws4_request",
            "AWS9 Credential=AKID/1/r/lambda/aws4_request, SignedHeaders=host, Signature=0",
        ] {
            assert_eq!(of(header, "X-Amz-Signature=0"), Signature::None, "{header}");
        }
        let half = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/1/r/lambda/aws4_request";
        assert_eq!(of("", half), Signature::None);
    }
}
