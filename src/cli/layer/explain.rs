//! Why a file is where it is.

use crate::cli::split::Decided;
use crate::error::Error;
use crate::layer::{File, Layer, MOST, Stay};
use crate::message::bytes;
use crate::nearest::suggestion;
use crate::shell::Shell;
use crate::target::Arch;

/// Says who has a file, where it is, and why.
pub(super) fn file(decided: &Decided, asked: &str, shell: &Shell) -> Result<(), Error> {
    let asked = asked.trim_start_matches("/opt/");
    let is_it = |path: &&String| path.as_str() == asked || path.rsplit('/').next() == Some(asked);
    let mut lines = Vec::new();
    for member in &decided.members {
        let function = &member.part.function;
        let (name, arch) = (function.name.to_string(), function.compile.target.arch);
        for (path, file) in member.files.iter().filter(|(path, _)| is_it(path)) {
            let place = place(decided, (&name, arch), path, file);
            lines.push(format!(
                "{name} ({arch}): /opt/{path}, {}, sha256 {}: {place}",
                bytes(file.size),
                file.digest.hex().get(..12).unwrap_or_default(),
            ));
        }
    }
    if lines.is_empty() {
        let all = decided.members.iter().flat_map(|member| member.files.keys());
        let near = suggestion(asked, all.map(String::as_str));
        return Err(Error::Usage(format!(
            "no function has a file `{asked}` that could be in a layer; {near}"
        )));
    }
    for line in lines {
        shell.answer(line)?;
    }
    Ok(())
}

fn place(decided: &Decided, (name, arch): (&String, Arch), path: &str, file: &File) -> String {
    let all = decided.plan.layers.iter().zip(&decided.names);
    let has = |layer: &Layer| {
        layer.arch == arch && layer.users.contains(name) && layer.files.get(path) == Some(file)
    };
    if let Some((layer, called)) = all.into_iter().find(|(layer, _)| has(layer)) {
        let users = layer.users.len();
        let kinds: Vec<&str> = layer.kinds.iter().map(|kind| kind.word()).collect();
        let together = if layer.kinds.len() > 1 {
            " (kinds are together because a function has no room for more layers)"
        } else {
            ""
        };
        let why = if file.kind.needs_layer() {
            format!("{} is found below /opt only, and {}", file.kind, others(users))
        } else {
            format!(
                "{users} functions have the same {} files, which saves {}",
                kinds.join("+"),
                bytes(layer.saves())
            )
        };
        return format!("in {called}: {why}{together}");
    }
    let stays = decided.plan.stays.get(&(name.clone(), arch)).and_then(|stays| stays.get(path));
    match stays {
        Some(stay) => format!("stays in the function: {}", why(*stay, decided.min_saving)),
        None => "stays in the function".to_owned(),
    }
}

/// Who has it too, where so many have it.
fn others(users: usize) -> String {
    match users {
        0 | 1 => "no other function has it".to_owned(),
        2 => "1 other function has the same".to_owned(),
        _ => format!("{} other functions have the same", users - 1),
    }
}

/// Why a file stays; `least`: what a layer must save.
pub(super) fn why(stay: Stay, least: u64) -> String {
    match stay {
        Stay::Unasked => "its settings share nothing (`layers.share`)".to_owned(),
        Stay::Alone => "no other function has it".to_owned(),
        Stay::TooSmall { users, saves } => format!(
            "a layer of what these {users} functions share would save {}, less than `layers.min-saving` ({})",
            bytes(saves),
            bytes(least)
        ),
        Stay::NoSlot { users, saves } => format!(
            "a function takes {MOST} layers at most, and one with this for {users} functions would save no more than {}, less than others",
            bytes(saves)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_they_are() {
        assert_eq!(others(1), "no other function has it");
        assert_eq!(others(2), "1 other function has the same");
        assert_eq!(others(3), "2 other functions have the same");
        let why = why(Stay::TooSmall { users: 2, saves: 7 }, 1 << 20);
        assert!(why.contains("save 7 B, less than `layers.min-saving` (1.04 MB)"), "{why}");
    }
}
