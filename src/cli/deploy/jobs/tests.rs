use super::*;

/// Of functions and of layers.
#[test]
fn a_zip_goes_with_the_call_up_to_its_limit_and_by_a_bucket_where_one_is_named() {
    let source = |bucket: Option<&str>, size, local| {
        let s3_bucket = bucket.map(str::to_owned);
        let wanted = Wanted { s3_bucket, s3_prefix: Some("zips".to_owned()), ..Wanted::default() };
        zip_source("zip of the layer models", &wanted, ("ab+/=", size), local)
    };
    let refused = |local| source(None, 52_428_801, local).unwrap_err().to_string();
    for local in [false, true] {
        for size in [52_428_799, 52_428_800] {
            assert_eq!(source(None, size, local).unwrap(), Source::Call);
        }
        assert!(refused(local).contains("52428801 bytes, and a call takes 52428800"));
    }
    assert!(refused(false).contains("`s3-bucket`") && !refused(true).contains("`s3-bucket`"));
    let object = Object { bucket: "code".to_owned(), key: "zips/ab-_.zip".to_owned() };
    for size in [1, 52_428_801] {
        assert_eq!(source(Some("code"), size, false).unwrap(), Source::Bucket(object.clone()));
    }
    assert_eq!(source(Some("code"), 52_428_800, true).unwrap(), Source::Call);
}

#[test]
fn what_is_left_of_a_description_is_said() {
    let long = "x".repeat(230);
    let commit = "3f2a9c0d1e4b5a697887766554433221100ffeed";
    let cut = |text: &str, aliases: &[&str], commit| {
        let one = Desired {
            alias_text: text.to_owned(),
            version_description: described(text, commit, None),
            wanted: Wanted {
                aliases: aliases.iter().map(|name| (*name).to_owned()).collect(),
                ..Wanted::default()
            },
            ..Desired::default()
        };
        is_cut([&one].into_iter())
    };
    assert_eq!(cut("fix [one]", &["live"], Some(commit)), None);
    assert_eq!(cut(&long, &[], None), None);
    assert_eq!(cut("", &["live"], Some(commit)), None);
    assert_eq!(
        cut(&long, &["live"], Some(commit)).unwrap(),
        "--description has 230 characters: 95 of them stand on an alias, before its marker; 206 in a version, before its commit"
    );
    assert!(description_is(&"ü".repeat(256)).is_ok());
    let refused = description_is(&"x".repeat(257)).unwrap_err();
    assert_eq!(refused.to_string(), "--description has 257 characters; AWS takes 256");
    assert_eq!(refused.exit_code(), 2);
}
