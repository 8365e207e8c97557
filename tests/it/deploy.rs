//! `plan` and `deploy`, the real binary, against the embedded Lambda with its faults, through a proxy
//! that counts and cuts, and against emulators that nobody here wrote.

mod buckets;
mod checks;
mod cuts;
pub(crate) mod emulators;
mod faults;
mod first;
mod hands;
mod images;
mod layer_commands;
mod layers;
mod mended;
mod moves;
mod policy;
mod promote;
pub(crate) mod proxy;
mod releases;
mod rivals;
mod roles;
mod rollback;
mod shift;
pub(crate) mod site;
mod terminal;
