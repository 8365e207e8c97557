use super::*;

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[track_caller]
fn whole(text: &str, expected: &str) {
    let reference: Reference = text.parse().unwrap();
    assert_eq!(reference.to_string(), expected, "{text}");
    // What is written is what is read.
    assert_eq!(expected.parse::<Reference>().unwrap(), reference);
}

#[track_caller]
fn wrong(text: &str, expected: &str) {
    let error = text.parse::<Reference>().unwrap_err();
    assert_eq!(error.to_string(), format!("`{text}` names no image: {expected}"));
}

#[test]
fn what_is_left_out_is_filled_in_as_docker_does() {
    whole("ubuntu", "docker.io/library/ubuntu:latest");
    whole("index.docker.io/ubuntu:24.04", "docker.io/library/ubuntu:24.04");
    whole("someone/app", "docker.io/someone/app:latest");
    whole("public.ecr.aws/lambda/provided:al2023", "public.ecr.aws/lambda/provided:al2023");
    whole("localhost/app", "localhost/app:latest");
    whole("localhost:5000/app:1", "localhost:5000/app:1");
    whole("registry:5000/a/b/c", "registry:5000/a/b/c:latest");
    whole("[::1]:5000/app", "[::1]:5000/app:latest");
    whole("UPPER/app", "UPPER/app:latest");
    // The colon of a name without slashes is a tag's.
    whole("ubuntu:5000", "docker.io/library/ubuntu:5000");
    whole("a_b/c__d/e.f/g---h:_x", "docker.io/a_b/c__d/e.f/g---h:_x");
}

#[test]
fn a_digest_goes_with_a_tag_or_without() {
    whole(&format!("x.example/a@{DIGEST}"), &format!("x.example/a@{DIGEST}"));
    whole(&format!("x.example/a:1@{DIGEST}"), &format!("x.example/a:1@{DIGEST}"));
    let reference: Reference = format!("x.example:1/a/b:t@{DIGEST}").parse().unwrap();
    assert_eq!((reference.host(), reference.repository()), ("x.example:1", "a/b"));
    assert_eq!((reference.tag(), reference.digest()), (Some("t"), DIGEST.parse().ok()));
    assert_eq!(reference.name(), "x.example:1/a/b");
    let of_tag: Reference = "x.example:1/a/b:t".parse().unwrap();
    assert_eq!(of_tag.at(DIGEST.parse().unwrap()), reference);
}

#[test]
fn what_is_wrong_is_said() {
    wrong("", "there is no name in it");
    wrong("x.example/", "there is no name in it");
    wrong("https://x.example/a", "write it without `https://`");
    wrong("x.example/App", "a repository is written in lower case: `App`");
    wrong("App", "a repository is written in lower case: `App`");
    wrong("x_y.example/a", "`x_y.example` is no host, with or without `:port`");
    wrong("x.example:70000/a", "`x.example:70000` is no host, with or without `:port`");
    wrong("x.example:/a", "`x.example:` is no host, with or without `:port`");
    wrong("[::g]/a", "`[::g]` is no host, with or without `:port`");
    wrong("::1/a", "`::1` is no host, with or without `:port`");
    let login =
        "write it without what stands before the `@`: logins are docker's or podman's to keep";
    let long = format!("u:pa:ss@x.example/a@{DIGEST}");
    for text in ["u:pa:ss@x.example/a", "u:pa:s/s@x.example:5000/a:1", "u:pa:ss@a/b", &long] {
        let error = text.parse::<Reference>().unwrap_err().to_string();
        assert!(error.ends_with(login) && !error.contains("pa:s"), "{error}");
    }
    for text in ["https://u:pass@x.example/a", "u:pass@x.example"] {
        let error = text.parse::<Reference>().unwrap_err().to_string();
        assert!(error.starts_with("`…@x.example") && !error.contains("pass"), "{error}");
    }
    let tag = "is no tag: letters, digits, `_`, `.`, `-`, 128 at most, neither `.` nor `-` first";
    for bad in ["", ".a", "-a", "a/b:c:d", "ü"] {
        let text = format!("x.example/a:{bad}");
        if !bad.contains('/') {
            wrong(&text, &format!("`{bad}` {tag}"));
        }
    }
    wrong("a:b:c", &format!("`b:c` {tag}"));
    let part = "is no part of a repository's name: lower-case letters and digits, between them `.`, \
                `_`, `__` or hyphens";
    for bad in ["a..b", "a___b", "-a", "a-", ".", "..", "a b", "a%2fb", "ü", "a._b", "a\nb", "a?b"]
    {
        wrong(&format!("x.example/{bad}"), &format!("`{bad}` {part}"));
    }
    wrong("x.example//a", &format!("`` {part}"));
    wrong("x.example/a/", &format!("`` {part}"));
}

#[test]
fn digests_are_of_sha256_in_lower_case() {
    let why = "64 hexadecimal digits in lower case";
    for bad in ["", "sha256:ab", &DIGEST.to_uppercase(), &DIGEST.replace("ba", "BA"), "sha512:ab"] {
        let error = format!("x.example/a@{bad}").parse::<Reference>().unwrap_err();
        assert!(error.to_string().ends_with(why), "{error}");
    }
}

#[test]
fn limits_are_those_of_the_specification() {
    let name = |length: usize| format!("x.example/{}", "a".repeat(length - 10));
    whole(&name(255), &format!("{}:latest", name(255)));
    wrong(&name(256), "host and repository are 256 characters long, 255 is the most");
    whole(&format!("x.example/a:{}", "t".repeat(128)), &format!("x.example/a:{}", "t".repeat(128)));
    assert!(format!("x.example/a:{}", "t".repeat(129)).parse::<Reference>().is_err());
}

#[test]
fn this_machine_is_told_from_others() {
    for host in ["localhost", "localhost:1", "127.0.0.1", "127.9.9.9:5000", "[::1]", "[::1]:5000"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in
        ["localhost.example", "128.0.0.1", "127.0.0.1.example", "[::2]:1", "x:127", "10.0.0.1"]
    {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn a_host_may_be_left_out_where_it_is_known() {
    for text in ["orders", "team/orders:1", "x.example/a:1", "localhost/a"] {
        look_at(text).unwrap();
    }
    for (text, says) in [
        ("", "`` names no image: there is no name in it"),
        ("/a", "`/a` names no image: `` is no part"),
        ("Orders", "`Orders` names no image: a repository is written in lower case"),
        ("orders:a b", "`orders:a b` names no image: `a b` is no tag"),
        ("x.example/", "`x.example/` names no image: there is no name in it"),
        ("127.0.0.1:5100", "`127.0.0.1:5100` names no image: there is no name in it"),
        ("localhost:5000", "`localhost:5000` names no image: there is no name in it"),
    ] {
        let error = look_at(text).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
}
