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
    // What somebody has taken away is sent again, and nothing else is done.
    let gone = Observed { pushed: false, ..observed };
    assert_eq!(operations(&desired, &gone), ["PutImage"]);
    // What is there is not pushed again, whoever pushed it.
    let pushed = Observed { pushed: true, ..Observed::default() };
    assert_eq!(operations(&desired, &pushed), ["CreateFunction"]);
}

#[test]
fn it_is_the_same_image_by_its_digest_and_its_repository() {
    let desired = image("aa", &[]);
    let mut observed = deployed(&desired);
    let function = observed.function.as_mut().unwrap();
    // By another name of the registry.
    let same = "123456789012.dkr-ecr.eu-west-1.on.aws/orders@sha256:aa";
    function.image = Some(same.to_owned());
    function.configuration.remove("CodeSha256");
    assert_eq!(operations(&desired, &observed), [""; 0]);
    // Elsewhere nobody keeps it for us.
    let mut elsewhere = Observed { pushed: false, ..observed.clone() };
    let other = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/other@sha256:aa";
    elsewhere.function.as_mut().unwrap().image = Some(other.to_owned());
    assert_eq!(operations(&desired, &elsewhere), ["PutImage", "UpdateFunctionCode"]);
    elsewhere.pushed = true;
    let next = one(&desired, &elsewhere);
    let [detail] = &crate::release::describe::details(&next.changes[0])[..] else { panic!() };
    let uri = &desired.code.image().unwrap().uri;
    assert_eq!((&*detail.name, &detail.old, &detail.new), ("ImageUri", &json!(other), &json!(uri)));
    // On this machine it is taken from wherever it lies.
    let mut local = desired.clone();
    let Source::Image(of_local) = &mut local.code.source else { panic!() };
    *of_local = Image { uri: "oci:x@sha256:aa".to_owned(), is_there: true, ..of_local.clone() };
    assert_eq!(operations(&local, &elsewhere), [""; 0]);
    let other = image("bb", &[]);
    let before = Observed { pushed: false, ..observed };
    assert_eq!(operations(&other, &before), ["PutImage", "UpdateFunctionCode"]);
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
