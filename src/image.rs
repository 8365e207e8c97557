//! Container images (OCI image specification 1.1): their files, their papers, and whether Lambda takes
//! them. Pure: what an image is was read before (`blobs`), and what is made of it is written there.

pub mod certificates;
pub mod config;
pub mod link;
pub mod lint;
pub mod manifest;
pub mod place;
pub mod plan;
pub mod record;
pub mod root;
