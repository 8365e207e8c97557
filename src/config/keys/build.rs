//! What a handler is, how it is built, and what is packaged.

use super::Kind::{Boolean, Choice, Includes, Text, Texts};
use super::Scope::{Package, Workspace};
use super::forms::REPOSITORY;
use super::{Check, Key, key};
use crate::compile::LinkerRequest;

pub(super) static KEYS: &[Key] = &[
    key(
        "arch",
        Choice(&["x86_64", "arm64", "both"]),
        Workspace,
        "the host's",
        "The architecture; with both, a bundle for each.",
    ),
    key(
        "compression",
        Choice(&["fast", "best"]),
        Workspace,
        "best; fast in dev builds",
        "How hard the zip is compressed: `fast` is deflate level 6, `best` level 12.",
    ),
    key(
        "dlopen",
        Texts(64, Check::Any),
        Workspace,
        "nothing",
        "Libraries that the program opens by itself (`libfoo.so.1`): bundled as if it were linked with them.",
    ),
    key(
        "extension",
        Choice(&["external", "internal"]),
        Package,
        "external if the package has only lambda-extension, else none",
        "The handler is an extension, not a function.",
    ),
    key(
        "format",
        Choice(&["zip", "image"]),
        Workspace,
        "zip",
        "How the function is packaged: a zip, or a container image.",
    ),
    key(
        "handler",
        Boolean,
        Package,
        "by dependency",
        "Whether this is a handler at all, whatever it depends on.",
    ),
    key(
        "image.base",
        Text(Check::Any),
        Workspace,
        "Lambda's image of the runtime",
        "What an image is put on: `scratch`, a reference, `oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE`.",
    ),
    key(
        "image.certificates",
        Text(Check::Any),
        Workspace,
        "those of Mozilla",
        "A file of certificates for an image from scratch; an empty string puts none in. Relative to the workspace.",
    ),
    key(
        "image.media-types",
        Choice(&["oci", "docker"]),
        Workspace,
        "oci",
        "The media types of the manifest.",
    ),
    key(
        "image.name",
        Text(Check::FunctionName),
        Package,
        "the function's name",
        "The image's name; functions of one name share an image, each with its own entry point.",
    ),
    key(
        "image.repository",
        Text(Check::Form(&REPOSITORY)),
        Workspace,
        "none",
        "The repository that the image is pushed to when it is deployed; without a registry's host one of Amazon ECR, of the account and Region that are deployed to.",
    ),
    key("include", Includes, Workspace, "nothing", "Files that go into the bundle."),
    key(
        "libc",
        Choice(&["gnu", "musl"]),
        Workspace,
        "gnu",
        "The C library: the runtime's glibc, or musl, linked statically.",
    ),
    key(
        "library-paths",
        Texts(64, Check::Any),
        Workspace,
        "nothing",
        "Folders with shared libraries that may be bundled, searched before the system's; relative to the workspace.",
    ),
    key(
        "linker",
        Choice(&LinkerRequest::NAMES),
        Workspace,
        "auto",
        "What links: the host's C compiler, zig, a cross gcc, a gcc for musl, or the best that is there.",
    ),
    key(
        "name",
        Text(Check::FunctionName),
        Package,
        "{handler}",
        "The function's name; may hold {handler}, {package}, {env}, {branch} and {commit}.",
    ),
    key(
        "optimize",
        Choice(&["speed", "size"]),
        Workspace,
        "speed",
        "`size` sets opt-level `z` in release builds, unless a profile says otherwise.",
    ),
    key(
        "runtime",
        Choice(&["provided.al2023", "provided.al2"]),
        Workspace,
        "provided.al2023",
        "The AWS runtime.",
    ),
    key(
        "sysroot",
        Text(Check::Any),
        Workspace,
        "this machine's own folders",
        "The root of another system whose libraries may be bundled; relative to the workspace.",
    ),
    key(
        "target-cpu",
        Text(Check::Any),
        Workspace,
        "x86-64-v3 or neoverse-n1",
        "The processor that is compiled for, as rustc names it; `generic` for any.",
    ),
    key(
        "trust-system",
        Texts(64, Check::Trusted),
        Workspace,
        "nothing",
        "Libraries that AWS has today without a promise and that the audit accepts.",
    ),
];
