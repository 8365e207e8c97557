//! Unpacks zips, which are hostile: nothing is written outside of their folder, links come last and
//! nothing is written through them.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path};

use crate::account::ApiError;
use crate::audit::UNPACKED_LIMIT;
use crate::bundle::{Member, ZipFile};

/// The bytes of its files, as its directory has them.
pub(super) fn claimed(zip: &[u8]) -> Result<u64, ApiError> {
    let unsound = || {
        ApiError::invalid(
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        )
    };
    let members =
        ZipFile::open(Cursor::new(zip)).and_then(|mut zip| zip.members()).map_err(|_| unsound())?;
    if members.is_empty() {
        return Err(ApiError::invalid("Uploaded file must be a non-empty zip"));
    }
    let claimed = members.iter().map(|member| member.claimed).fold(0, u64::saturating_add);
    if claimed > UNPACKED_LIMIT {
        return Err(ApiError::unzipped_too_large());
    }
    Ok(claimed)
}

/// Unpacks a zip into a folder, which may hold the files of others.
pub(super) fn unpack(zip: BufReader<File>, into: &Path) -> io::Result<()> {
    let mut zip = ZipFile::open(zip).map_err(io::Error::other)?;
    let members = zip.members().map_err(io::Error::other)?;
    let mut links = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let place = into.join(inside(&member.name)?);
        no_link_above(into, &place)?;
        if member.folder {
            fs::create_dir_all(&place)?;
        } else if member.symlink {
            let mut target = Vec::new();
            zip.extract(index, &mut target).map_err(io::Error::other)?;
            links.push((String::from_utf8(target).map_err(io::Error::other)?, place));
        } else {
            write(&mut zip, index, member, &place)?;
        }
    }
    for (target, place) in links {
        no_link_above(into, &place)?;
        make_room(&place)?;
        symlink(target, place)?;
    }
    Ok(())
}

fn write(
    zip: &mut ZipFile<BufReader<File>>,
    index: usize,
    member: &Member,
    place: &Path,
) -> io::Result<()> {
    make_room(place)?;
    let mut file = File::options().write(true).create_new(true).open(place)?;
    zip.extract(index, &mut file).map_err(io::Error::other)?;
    let mode = member.mode.map_or(0o644, |mode| mode & 0o777);
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Its folder is there, and nothing of an earlier layer is in its place.
fn make_room(place: &Path) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The path of a member, if it stays inside.
fn inside(name: &str) -> io::Result<&Path> {
    let path = Path::new(name);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if name.is_empty() || name.contains('\0') || !path.components().all(plain) {
        return Err(io::Error::other(format!("`{name}` leads out of its folder")));
    }
    Ok(path)
}

/// Nothing is written through a link, which could lead anywhere.
fn no_link_above(root: &Path, place: &Path) -> io::Result<()> {
    let between = place.ancestors().skip(1).take_while(|folder| *folder != root);
    let link = between.into_iter().find(|folder| folder.is_symlink());
    match link {
        Some(link) => Err(io::Error::other(format!("{} is a link", link.display()))),
        None => Ok(()),
    }
}
