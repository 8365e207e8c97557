//! The walls as Linux builds them: mounts in a namespace of their own (`mount_namespaces(7)`,
//! `user_namespaces(7)`).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{Gid, Uid, chdir, getegid, geteuid, pivot_root, setgroups, setresgid, setresuid};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::files;
use super::walls::{Join, Room, Walls};

/// The user and the group that functions run as on Lambda (`sbx_user1051`).
const USER: u32 = 993;
const GROUP: u32 = 990;
/// How long another process may take to build its room.
const PATIENCE: Duration = Duration::from_secs(5);

impl Walls {
    pub(super) fn build(&self) -> io::Result<()> {
        match self {
            Self::Nothing => return Ok(()),
            Self::Built(room) => room.build()?,
            Self::Joined(join) => join.enter()?,
        }
        Ok(nix::sys::prctl::set_no_new_privs()?)
    }
}

/// This process dies with the one that started it.
pub(super) fn die_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

fn failed<'a>(what: &'a str, path: &'a Path) -> impl Fn(Errno) -> io::Error + 'a {
    move |error| io::Error::other(format!("{what} {}: {error}", path.display()))
}

impl Room {
    fn build(&self) -> io::Result<()> {
        let as_root = separate()?;
        let none = None::<&str>;
        let root = Path::new("/");
        mount(none, root, none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .map_err(failed("cannot make private", root))?;
        let place = self.place.as_path();
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        cover(place)?;
        match &self.root {
            Some(root) => files::image(place, root)?,
            None => files::system(place)?,
        }
        if let Some(names) = self.libraries.as_ref().filter(|_| self.root.is_none()) {
            files::libraries(place, names)?;
        }
        if let Some(task) = &self.task {
            for (name, from) in [("var/task", Some(task)), ("opt", self.opt.as_ref())] {
                let to = place.join(name);
                fs::create_dir_all(&to)?;
                if let Some(from) = from {
                    bind(from, &to)?;
                }
            }
            fs::create_dir_all(place.join("var/runtime"))?;
        }
        let tmp = place.join("tmp");
        fs::create_dir_all(&tmp)?;
        let size = format!("size={}m,mode=1777", self.tmp);
        // Under this name the processes of the room are known by their mounts.
        mount(Some(place), &tmp, Some("tmpfs"), flags, Some(size.as_str()))
            .map_err(failed("cannot mount", &tmp))?;
        move_in(place)?;
        enter(&self.folder)?;
        if as_root { become_nobody() } else { Ok(()) }
    }
}

impl Join {
    fn enter(&self) -> io::Result<()> {
        self.wait()?;
        let of = |name: &str| fs::File::open(format!("/proc/{}/ns/{name}", self.process));
        let here = |name: &str| fs::read_link(format!("/proc/self/ns/{name}"));
        let theirs = fs::read_link(format!("/proc/{}/ns/user", self.process))?;
        let as_root = theirs == here("user")?;
        let mounts = of("mnt")?;
        let name = Path::new("the namespace of a process");
        if !as_root {
            setns(of("user")?, CloneFlags::CLONE_NEWUSER).map_err(failed("cannot enter", name))?;
        }
        setns(mounts, CloneFlags::CLONE_NEWNS).map_err(failed("cannot enter", name))?;
        enter(&self.folder)?;
        if as_root { become_nobody() } else { Ok(()) }
    }
}

impl Join {
    /// Until the other process has become its program: before, its room is not whole.
    fn wait(&self) -> io::Result<()> {
        let program = |process: &str| {
            let it = fs::metadata(format!("/proc/{process}/exe"))?;
            Ok::<_, io::Error>((it.dev(), it.ino()))
        };
        let ours = program("self")?;
        let began = Instant::now();
        loop {
            match program(&self.process.to_string()) {
                Ok(theirs) if theirs != ours => return Ok(()),
                // While it changes who it is, nobody may look.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                // With it all of the room ends, this process too in a moment.
                Err(_) => sleep(PATIENCE),
            }
            if began.elapsed() >= PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(Duration::from_micros(500));
        }
    }
}

/// Leaves the mounts of everybody else. Whether this process is root there, and not only in a user
/// namespace of its own.
fn separate() -> io::Result<bool> {
    let spaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC;
    if geteuid().is_root() && unshare(spaces).is_ok() {
        return Ok(true);
    }
    let (user, group) = (geteuid(), getegid());
    unshare(spaces | CloneFlags::CLONE_NEWUSER)
        .map_err(|error| io::Error::other(format!("no namespace of its own: {error}")))?;
    #[expect(clippy::disallowed_methods, reason = "files of the kernel's, which take one write")]
    let write = |name: &str, text: String| fs::write(format!("/proc/self/{name}"), text);
    // user_namespaces(7): without this no group may be mapped.
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{USER} {user} 1"))?;
    write("gid_map", format!("{GROUP} {group} 1"))?;
    Ok(false)
}

/// What is at one path also at another, for reading only.
pub(super) fn bind(from: &Path, to: &Path) -> io::Result<()> {
    let none = None::<&str>;
    mount(Some(from), to, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
        .map_err(failed("cannot bind", from))?;
    // What whoever mounted it has forbidden stays so: else the kernel refuses.
    let kept = statvfs(to).map_or(FsFlags::empty(), |it| it.flags());
    let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    for (has, flag) in [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if kept.contains(has) {
            flags |= flag;
        }
    }
    mount(none, to, none, flags, none).map_err(failed("cannot make read-only", to))
}

/// An empty folder over another one.
pub(super) fn cover(folder: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), folder, Some("tmpfs"), flags, Some("size=1m,mode=755"))
        .map_err(failed("cannot cover", folder))
}

/// Nothing is written any more to a folder that was put over another one: in a user namespace the
/// function's user is the one that it belongs to.
pub(super) fn seal(folder: &Path) -> io::Result<()> {
    let none = None::<&str>;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(none, folder, none, flags, none).map_err(failed("cannot make read-only", folder))
}

/// Makes a folder the root of all, for reading only, and forgets what was the root.
fn move_in(place: &Path) -> io::Result<()> {
    chdir(place).map_err(failed("cannot enter", place))?;
    // pivot_root(2), "pivot_root(".", ".")": the old root lies over the new one until it is taken off.
    pivot_root(".", ".").map_err(failed("cannot move to", place))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(failed("cannot leave for", place))?;
    seal(Path::new("/"))
}

fn enter(folder: &Path) -> io::Result<()> {
    chdir(folder).map_err(failed("cannot enter", folder))
}

/// A user without any rights, for good.
fn become_nobody() -> io::Result<()> {
    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(GROUP));
    setgroups(&[])?;
    setresgid(group, group, group)?;
    setresuid(user, user, user)?;
    Ok(())
}
