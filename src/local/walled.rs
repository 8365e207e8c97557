//! Whether functions can have a file system of their own on this machine.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use super::Server;
use super::launch::TASK;
use crate::sandbox::{self, Room, Walls};

/// A program that every Linux has, and that does nothing.
const NOTHING: &str = "/bin/true";

impl Server {
    /// Whether environments get walls: if they are wanted, and this machine lets us build them. That it
    /// does not is told once.
    pub(super) async fn walled(&self) -> bool {
        if !self.options.sandbox {
            return false;
        }
        let tried = self.walls.get_or_init(|| async {
            let place = self.store.temporary().join("walls");
            let refused = try_it(self.options.program.clone(), place).await.err();
            if let Some(why) = &refused {
                self.note(&format!(
                    "no sandbox on this machine, so functions see its files and may write them ({why}); \
                     /tmp is TMPDIR, and /var/task and /opt are the variables' folders"
                ));
            }
            refused.is_none()
        });
        *tried.await
    }
}

/// Builds walls around a program that ends at once.
async fn try_it(program: PathBuf, place: PathBuf) -> io::Result<()> {
    std::fs::create_dir_all(&place)?;
    let (task, folder) = (Some(place.clone()), TASK.into());
    let room = Room { task, place, opt: None, tmp: 1, libraries: None, root: None, folder };
    let walls = serde_json::to_string(&Walls::Built(room))?;
    let mut command = tokio::process::Command::new(program);
    command.args([sandbox::COMMAND, &std::process::id().to_string(), &walls, NOTHING]);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let mut lines = said.lines().map(|line| line.trim_start_matches("caused by: "));
    let why = lines.rfind(|line| !line.is_empty()).unwrap_or("it ended");
    Err(io::Error::other(why.to_owned()))
}
