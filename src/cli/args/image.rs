//! Flags of container images.

use clap::{Args, ValueEnum};

use crate::config::{Located, Node, Origin};

/// How functions are packaged, and what images are made of.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Images")]
pub(in crate::cli) struct Images {
    /// A zip for each function, container images, or a Dockerfile that makes such, in the workspace's
    /// folder or in `--out` [default: zip, or the setting `format`]
    #[arg(long, value_name = "FORMAT", value_parser = ["zip", "image", "dockerfile"])]
    pub(in crate::cli) format: Option<String>,
    /// Build the Dockerfile with docker, podman or buildah (the first that is there, or this one), and
    /// check the images
    #[arg(long = "build", value_name = "TOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "auto", value_enum)]
    pub(in crate::cli) build_with: Option<Builder>,
    /// What images are put on: `scratch`, a reference, `oci:DIR`, `oci-archive:FILE` or
    /// `docker-archive:FILE`
    #[arg(long, value_name = "IMAGE")]
    pub(in crate::cli) base: Option<String>,
    /// Take what references to bases stand for now, and write that to lambda-pack.lock
    #[arg(long)]
    pub(in crate::cli) update_base: bool,
    /// The media types of manifests [default: oci]
    #[arg(long, value_name = "TYPES", value_parser = ["oci", "docker"])]
    pub(in crate::cli) media_types: Option<String>,
    /// Write image.tar beside each layout: an archive of it, or one for `docker load`
    #[arg(long, value_name = "KIND")]
    pub(in crate::cli) archive: Option<Archive>,
}

/// An image as one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Archive {
    /// An archive of the OCI layout
    Oci,
    /// For `docker load` and `podman load`
    Docker,
}

/// What builds a Dockerfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Builder {
    /// The first that is there
    Auto,
    /// docker, with buildx
    Docker,
    /// podman
    Podman,
    /// buildah
    Buildah,
}

impl Images {
    /// Whether a Dockerfile is asked for.
    pub(in crate::cli) fn wants_dockerfile(&self) -> bool {
        self.format.as_deref() == Some("dockerfile")
    }

    /// A flag that means something for images alone, if one was given.
    pub(in crate::cli) fn of_images_alone(&self) -> Option<&'static str> {
        let all = [
            (self.base.is_some(), "--base"),
            (self.update_base, "--update-base"),
            (self.media_types.is_some(), "--media-types"),
            (self.archive.is_some(), "--archive"),
        ];
        all.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }

    /// What these flags say of settings.
    pub(in crate::cli) fn settings(&self) -> Vec<(&'static str, Located)> {
        // What it makes are images.
        let image = || Some("image".to_owned());
        let format = if self.wants_dockerfile() { image() } else { self.format.clone() };
        let texts = [
            ("format", "--format", &format),
            ("image.base", "--base", &self.base),
            ("image.media-types", "--media-types", &self.media_types),
        ];
        let located = |(key, flag, value): (&'static str, &'static str, &Option<String>)| {
            let node = Node::Text(value.clone()?);
            Some((key, Located { node, origin: Origin::Flag(flag) }))
        };
        texts.into_iter().filter_map(located).collect()
    }
}
