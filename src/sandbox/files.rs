//! What of the machine's own system there is in a room.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::mount::{MsFlags, mount};

use super::linux::{bind, cover, seal};

/// Programs and libraries: folders, or links into `/usr`.
const PROGRAMS: [&str; 8] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec"];
/// What programs read of `/etc`, as far as it is there. No secrets are among it.
const SETTINGS: [&str; 12] = [
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "gai.conf",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "pki",
    "resolv.conf",
    "ssl",
];
/// What glibc loads by itself.
const WITH_LIBC: [&str; 4] =
    ["gconv", "libnss_compat.so.2", "libnss_dns.so.2", "libnss_files.so.2"];
/// Devices that are as good as any.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Files that say who and where the program is, as on Lambda.
const OWN: [(&str, &str); 4] = [
    (
        "passwd",
        "root:x:0:0:root:/root:/bin/bash\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n",
    ),
    ("group", "root:x:0:\nsbx_user1051:x:990:\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    // Extensions listen under this name (AWS: "Telemetry API").
    ("hosts", "127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n"),
];

/// Puts the system into an empty room.
pub(super) fn system(place: &Path) -> io::Result<()> {
    for name in PROGRAMS {
        same(&Path::new("/").join(name), &place.join(name))?;
    }
    let etc = place.join("etc");
    fs::create_dir_all(&etc)?;
    for name in SETTINGS {
        same(&Path::new("/etc").join(name), &etc.join(name))?;
    }
    for (name, text) in OWN {
        #[expect(clippy::disallowed_methods, reason = "nobody sees it half written")]
        fs::write(etc.join(name), text)?;
    }
    kernel(place)
}

/// What the kernel gives.
fn kernel(place: &Path) -> io::Result<()> {
    devices(&place.join("dev"))?;
    let proc = place.join("proc");
    fs::create_dir_all(&proc)?;
    let none = None::<&str>;
    // In a user namespace nothing else is allowed, since parts of it may be covered.
    mount(Some("/proc"), &proc, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
    Ok(())
}

/// Puts the files of an image into an empty room. It has the places that are mounted on; names are those
/// of this machine.
pub(super) fn image(place: &Path, root: &Path) -> io::Result<()> {
    for item in fs::read_dir(root)? {
        let name = item?.file_name();
        let (from, to) = (root.join(&name), place.join(&name));
        if ["dev", "proc", "sys", "tmp"].iter().any(|own| name == *own) {
            continue;
        }
        let kind = fs::symlink_metadata(&from)?;
        if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
            continue;
        }
        if kind.is_dir() {
            fs::create_dir(&to)?;
        } else {
            fs::File::create(&to)?;
        }
        bind(&from, &to)?;
    }
    let names = Path::new("/etc/resolv.conf");
    let own = place.join("etc/resolv.conf");
    if names.exists() && fs::symlink_metadata(&own).is_ok_and(|it| it.is_file()) {
        bind(&fs::canonicalize(names)?, &own)?;
    }
    kernel(place)
}

/// Leaves of the libraries of this machine those of these names, as far as it has them: what Lambda lacks
/// is not found here either. Where all libraries lie among other things nothing is left out.
pub(super) fn libraries(place: &Path, names: &[String]) -> io::Result<()> {
    let debian = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = [debian.as_str(), "/usr/lib64"].map(Path::new);
    let Some(folder) = folders.into_iter().find(|it| it.join("libc.so.6").exists()) else {
        return Ok(());
    };
    let over = |folder: &Path| place.join(folder.strip_prefix("/").unwrap_or(folder));
    cover(&over(folder))?;
    let kept = names.iter().map(String::as_str).chain(WITH_LIBC);
    for name in kept.filter(|name| folder.join(name).exists()) {
        let (from, to) = (fs::canonicalize(folder.join(name))?, over(folder).join(name));
        if to.exists() {
            continue;
        }
        if from.is_dir() {
            fs::create_dir_all(&to)?;
        } else {
            fs::File::create(&to)?;
        }
        bind(&from, &to)?;
    }
    seal(&over(folder))?;
    let local = over(Path::new("/usr/local/lib"));
    if local.is_dir() {
        cover(&local)?;
        seal(&local)?;
    }
    Ok(())
}

/// The same folder, file or link as there, if there is one.
fn same(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(kind) = fs::symlink_metadata(from) else { return Ok(()) };
    if kind.is_symlink() {
        let target = fs::read_link(from)?;
        // A link within `/usr` leads to the same there; any other might lead out of the room.
        let relative = from.parent().unwrap_or(from).join(&target);
        if relative.starts_with("/usr")
            || PROGRAMS.iter().any(|it| relative.starts_with(Path::new("/").join(it)))
        {
            return symlink(target, to);
        }
    }
    let Ok(kind) = fs::metadata(from) else { return Ok(()) };
    if kind.is_dir() {
        fs::create_dir_all(to)?;
    } else {
        fs::File::create(to)?;
    }
    bind(&fs::canonicalize(from)?, to)
}

fn devices(place: &Path) -> io::Result<()> {
    fs::create_dir_all(place)?;
    let none = None::<&str>;
    for name in DEVICES {
        let to = place.join(name);
        fs::File::create(&to)?;
        mount(Some(&Path::new("/dev").join(name)), &to, none, MsFlags::MS_BIND, none)?;
    }
    for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        symlink(format!("/proc/self/fd{target}"), place.join(name))?;
    }
    Ok(())
}
