//! Index, manifest and configuration.

use std::collections::BTreeSet;

use super::Lint;
use crate::audit::{Code, Level};
use crate::image::config::{Config, RESERVED, go_name, shown};
use crate::image::manifest::{Manifest, MediaTypes};

/// What Lambda answers (`CreateFunction`, `InvalidParameterValueException`).
const NOT_SUPPORTED: &str = "Lambda answers `The image manifest, config or layer media type for the \
    source image is not supported`";

/// Folders that Lambda names itself (AWS: "Defined runtime environment variables"), as AWS's own images do.
const FOLDERS: [(&str, &str); 2] =
    [("LAMBDA_TASK_ROOT", "/var/task"), ("LAMBDA_RUNTIME_DIR", "/var/runtime")];

impl Lint<'_> {
    /// More than one image, or one wrapped as if there were more.
    pub(super) fn index(&mut self) {
        let Some((media_type, choices)) = &self.seen.index else { return };
        let attested = choices.iter().any(|choice| choice.platform == "unknown/unknown");
        let what = match choices.len() {
            1 => "one manifest".to_owned(),
            count => format!("{count} manifests"),
        };
        let because = if attested { ", attestations (`--provenance`) among them" } else { "" };
        let looked = match &self.seen.config {
            Ok(config) if choices.len() > 1 => {
                let (os, arch) = (config.text("os"), config.text("architecture"));
                format!(" (looked at: that for {os}/{arch})")
            }
            _ => String::new(),
        };
        self.add(
            Code::ImageIndex,
            None,
            format!("it is an index ({media_type}) of {what}{because}{looked}; {NOT_SUPPORTED}"),
            "build for one platform with `--provenance=false --sbom=false`, or take the manifest out with \
             `check --fix OUT`",
        );
    }

    pub(super) fn manifest(&mut self) {
        let seen = self.seen;
        if let Some((said, is)) = seen.sizes {
            let message = format!("its index says {said} bytes of its manifest, which has {is}");
            self.add_as(Level::Warning, Code::ImageManifest, None, message, "copy the image whole");
        }
        let (said, manifest) = match &seen.manifest {
            None => return,
            Some(Err(why)) => {
                let message = format!("its manifest cannot be understood: {why}; {NOT_SUPPORTED}");
                return self.add(Code::ImageManifest, None, message, "build the image again");
            }
            Some(Ok((said, manifest))) => (said, manifest),
        };
        if !manifest.media_type.is_empty() && manifest.media_type != *said {
            let message =
                format!("its manifest says `{}` and is stored as `{said}`", manifest.media_type);
            self.add(Code::ImageMediaType, None, message, "push it again with a current tool");
        }
        let Some(types) = MediaTypes::of_manifest(said) else {
            let message = format!("its manifest is of the media type `{said}`; {NOT_SUPPORTED}");
            return self.add(
                Code::ImageMediaType,
                None,
                message,
                "push it as an OCI image or as docker's schema 2",
            );
        };
        self.media_types(types, manifest);
    }

    fn media_types(&mut self, types: MediaTypes, manifest: &Manifest) {
        let other = match types {
            MediaTypes::Oci => MediaTypes::Docker,
            MediaTypes::Docker => MediaTypes::Oci,
        };
        let config = &manifest.config.media_type;
        let layers: BTreeSet<&str> =
            manifest.layers.iter().map(|layer| layer.media_type.as_str()).collect();
        let mixed = *config == other.config() || layers.contains(other.layer().as_str());
        if mixed {
            self.add_as(
                Level::Warning,
                Code::ImageMediaType,
                None,
                "OCI's and docker's media types are mixed in its manifest, which some registries refuse",
                "write it anew with `check --fix OUT`",
            );
        }
        if ![types.config(), other.config()].contains(config) {
            let message =
                format!("its configuration is of the media type `{config}`; {NOT_SUPPORTED}");
            self.add(Code::ImageMediaType, None, message, "this is no image that can be run");
        }
        for layer in layers {
            if ![types.layer(), other.layer()].iter().any(|known| known == layer) {
                let message = format!("a layer is of the media type `{layer}`; {NOT_SUPPORTED}");
                self.add(
                    Code::ImageMediaType,
                    None,
                    message,
                    "compress layers with gzip, or let `check --fix OUT` do it",
                );
            }
        }
    }

    pub(super) fn config(&mut self, config: &Config) {
        let arch = shown(config.member("architecture"));
        if config.text("os") != "linux" {
            let os = shown(config.member("os"));
            let message = format!("its operating system is `{os}`; Lambda runs linux");
            self.add(Code::ImageConfig, None, message, "build it for linux");
        }
        match (config.arch(), self.seen.arch) {
            (None, _) => {
                let message = format!("its architecture is `{arch}`; Lambda has amd64 and arm64");
                self.add(Code::WrongArchitecture, None, message, "build it for one of these");
            }
            (Some(is), Some(wanted)) if is != wanted => {
                let message = format!("built for {arch}; this is for {}", go_name(wanted));
                self.add(
                    Code::WrongArchitecture,
                    None,
                    message,
                    "build it for that, or deploy it so",
                );
            }
            _ => {}
        }
        if config.member("rootfs")["type"] != "layers" {
            let message = "its `rootfs.type` is not `layers`";
            self.add(Code::ImageConfig, None, message, "build the image again");
        }
        let (ids, layers) = (config.diff_ids().len(), self.seen.layers.len());
        if ids != layers {
            let message = format!("its configuration names {ids} layers and the manifest {layers}");
            self.add(Code::ImageConfig, None, message, "build the image again");
        }
        match config.layers_told() {
            Some(told) if told != layers => {
                let message = format!("its history tells of {told} layers, and there are {layers}");
                self.add(Code::ImageHistory, None, message, "write it anew with `check --fix OUT`");
            }
            _ => {}
        }
        for (member, wanted) in config.mistyped() {
            let message = format!("its `{member}` is not {wanted}");
            self.add(Code::ImageConfig, None, message, "build the image again");
        }
        self.variables(config);
    }

    fn variables(&mut self, config: &Config) {
        let mut seen = BTreeSet::new();
        for pair in config.words("Env") {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name.is_empty() || !pair.contains('=') {
                let message = format!("`{pair}` in its `Env` is no NAME=VALUE");
                self.add(Code::ImageVariable, None, message, "give it a name and a value");
            } else if RESERVED.contains(&name) {
                let message = format!("sets {name}, which Lambda sets itself");
                self.add(Code::ImageVariable, None, message, "leave it out of the image");
            } else if !seen.insert(name.to_owned()) {
                let message = format!("sets {name} twice; the last one counts");
                self.add(Code::ImageVariable, None, message, "set it once");
            } else if let Some((_, own)) = FOLDERS.iter().find(|(folder, _)| *folder == name)
                && value.trim_end_matches('/') != *own
            {
                let message = format!("sets {name} to {value}, and Lambda sets it to {own}");
                self.add(Code::ImageVariable, None, message, "leave it out of the image");
            } else if matches!(name, "TMPDIR" | "HOME" | "XDG_CACHE_HOME")
                && !(value == "/tmp" || value.starts_with("/tmp/"))
                && (name != "HOME" || value != "/root")
            {
                let message = format!("{name} is {value}, and only /tmp can be written on Lambda");
                self.add_as(
                    Level::Note,
                    Code::ImageReadOnly,
                    None,
                    message,
                    "set it to a folder below /tmp, if anything is written there",
                );
            }
        }
    }
}
