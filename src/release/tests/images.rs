//! Functions that are container images.

use super::*;

fn image(digest: &str, entry_point: &[&str]) -> Desired {
    let repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/orders";
    let mut desired = desired();
    desired.code.sha256 = digest.to_owned();
    desired.code.source = Source::Image(Image {
        uri: format!("{repository}@sha256:{digest}"),
        entry_point: entry_point.iter().map(|word| (*word).to_owned()).collect(),
        is_there: false,
    });
    desired
}

#[test]
fn an_image_is_pushed_and_created_without_what_belongs_to_zips() {
    let desired = image("aa", &[]);
    assert_eq!(operations(&desired, &Observed::default()), ["PutImage", "CreateFunction"]);
    let observed = deployed(&desired);
    let configuration = observed.latest().unwrap();
    assert_eq!(configuration["PackageType"], "Image");
    for member in ["Runtime", "Handler", "ImageConfig", "Layers"] {
        assert!(!configuration.contains_key(member), "{member}");
    }
    // AWS answers the digest, and where it was found.
    assert_eq!(operations(&desired, &observed), [""; 0]);
    // What is there is not pushed again, whoever pushed it.
    let pushed = Observed { pushed: true, ..Observed::default() };
    assert_eq!(operations(&desired, &pushed), ["CreateFunction"]);
}

#[test]
fn it_is_the_same_image_by_its_digest_wherever_it_is() {
    let desired = image("aa", &[]);
    let mut observed = deployed(&desired);
    let function = observed.function.as_mut().unwrap();
    function.image = Some("localhost:5000/other@sha256:aa".to_owned());
    function.configuration.remove("CodeSha256");
    assert_eq!(operations(&desired, &observed), [""; 0]);
    observed.pushed = false;
    let other = image("bb", &[]);
    assert_eq!(operations(&other, &observed), ["PutImage", "UpdateFunctionCode"]);
}

#[test]
fn the_entry_point_is_the_images_unless_it_is_shared() {
    let shared = image("aa", &["/var/task/orders"]);
    let observed = deployed(&shared);
    let words = &content::current(observed.latest().unwrap(), "ImageConfig")["EntryPoint"];
    assert_eq!(*words, json!(["/var/task/orders"]));
    assert_eq!(operations(&shared, &observed), [""; 0]);
    // As AWS answers it, and with a command that somebody has set.
    let mut answered = observed;
    let configuration = latest(&mut answered);
    configuration.remove("ImageConfig");
    let config = json!({ "EntryPoint": ["/var/task/orders"], "WorkingDirectory": "/var/task" });
    configuration.insert("ImageConfigResponse".to_owned(), json!({ "ImageConfig": config }));
    assert_eq!(operations(&shared, &answered), [""; 0]);
    let alone = image("aa", &[]);
    let next = one(&alone, &answered);
    let [Change { action: Action::Configure { fields, .. }, .. }] = &next.changes[..] else {
        panic!("{next:?}")
    };
    let sent = json!({ "EntryPoint": [], "Command": [], "WorkingDirectory": "/var/task" });
    assert_eq!((fields[0].member, &fields[0].new), ("ImageConfig", &sent));
    assert_eq!(operations(&alone, &answered), ["UpdateFunctionConfiguration"]);
}

#[test]
fn zip_and_image_do_not_become_one_another() {
    for (before, after, there) in
        [(desired(), image("aa", &[]), "Zip"), (image("aa", &[]), desired(), "Image")]
    {
        let refused = one(&after, &deployed(&before)).refused;
        let [(_, Refusal::PackageType { there: found, .. })] = &refused[..] else {
            panic!("{refused:?}")
        };
        assert_eq!(found, there);
    }
}
