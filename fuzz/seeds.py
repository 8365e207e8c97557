#!/usr/bin/env python3
"""Makes the hand-made seeds of `fuzz/corpus/` again; what fuzzing added stays.

Needs gcc and binutils for x86-64 (with `-m32`), and Info-ZIP's `zip`. The ELF files differ from one
linker to the next, which is no harm: any corpus will do, this is where this one came from.
"""

import io
import json
import os
import struct
import subprocess
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path
from zlib import crc32

CORPUS = Path(__file__).resolve().parent / "corpus"


def save(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


# ---------------------------------------------------------------------------------------------- elf

SMALL = """-s -O1 -nostartfiles -fno-asynchronous-unwind-tables
    -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,max-page-size=512 -Wl,-z,norelro
    -Wl,--no-dynamic-linker""".split()
INTERPRETER = ["-Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2"]

PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
void _start(void) { puts(getenv("HOME")); exit(0); }
"""
STATIC = "void _start(void) { for (;;) {} }"
COPY = "extern char **environ; int _start(void) { return environ != 0; }"
LIBRARY = """
extern int puts(const char *);
__asm__(".symver old, twice@ONE_1.0");
__asm__(".symver new, twice@@ONE_2.0");
int old(int n) { return n + n; }
int new(int n) { puts("new"); return 2 * n; }
"""
VERSIONS = "ONE_1.0 { global: twice; local: *; }; ONE_2.0 { global: twice; } ONE_1.0;"


def elf_seeds():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in {
            "program.c": PROGRAM,
            "static.c": STATIC,
            "copy.c": COPY,
            "library.c": LIBRARY,
            "versions.map": VERSIONS,
        }.items():
            Path(name).write_text(text)

        def gcc(name, *flags):
            plain = SMALL if "-c" not in flags else ["-O1"]
            subprocess.run(["gcc", *plain, *flags, "-o", "out"], check=True)
            data = Path("out").read_bytes()
            save("elf", name, data)
            return data

        shared = ["-shared", "-fPIC", "library.c"]
        versioned = "-Wl,--version-script=versions.map"
        pie = gcc("pie", "-pie", "-fPIE", "program.c", *INTERPRETER)
        gcc("exec", "-no-pie", "program.c", *INTERPRETER)
        gcc("exec-copy-reloc", "-no-pie", "-fno-pie", "copy.c", *INTERPRETER)
        gcc("pie-sysv-hash", "-pie", "-fPIE", "program.c", "-Wl,--hash-style=sysv", *INTERPRETER)
        gcc("pie-relr", "-pie", "-fPIE", "program.c", "-Wl,-z,pack-relative-relocs", *INTERPRETER)
        static = gcc("static", "-static", "-nostdlib", "static.c")
        gcc("static-pie", "-static-pie", "-nostdlib", "static.c")
        library = gcc("verdef.so", *shared, versioned, "-Wl,-soname,libone.so.1")
        gcc("plain.so", "-shared", "-fPIC", "-nostdlib", "static.c")
        gcc("gnu-hash.so", *shared, versioned, "-Wl,--hash-style=gnu")
        paths = "-Wl,-rpath,$ORIGIN/lib::/opt/lib"
        gcc("rpath.so", *shared, versioned, paths, "-Wl,--disable-new-dtags")
        gcc("runpath.so", *shared, versioned, paths, "-Wl,--enable-new-dtags")
        gcc("object.o", "-c", "static.c")
        gcc("elf32", "-m32", "-static", "-nostdlib", "static.c")

    save("elf", "no-sections", patched(pie, (40, "<Q", 0), (60, "<H", 0), (62, "<H", 0)))
    save("elf", "arm64", patched(static, (18, "<H", 183)))
    save("elf", "core", patched(static, (16, "<H", 4)))
    save("elf", "cut-header", pie[:40])
    save("elf", "cut-half", pie[: len(pie) // 2])
    save("elf", "weak-need", patched(pie, (version_need(pie) + 16 + 4, "<H", 2)))
    save("elf", "endless-need", patched(pie, (version_need(pie) + 16 + 12, "<I", 0xFFFFFFF0)))
    save("elf", "wrong-hash.so", patched(library, (version_need(library) + 16, "<I", 1)))
    big = b"\x7fELF\x02\x02\x01" + bytes(9) + struct.pack(">HHI", 2, 22, 1) + bytes(40)
    save("elf", "big-endian", big)
    save("elf", "script", b"#!/bin/sh\nexit 0\n")


def patched(data, *patches):
    data = bytearray(data)
    for at, form, value in patches:
        struct.pack_into(form, data, at, value)
    return bytes(data)


def version_need(data):
    """The offset of the first Elf64_Verneed, by the section headers."""
    start, size, count = *struct.unpack_from("<Q", data, 40), *struct.unpack_from("<HH", data, 58)
    for at in range(start, start + size * count, size):
        if struct.unpack_from("<I", data, at + 4)[0] == 0x6FFFFFFE:
            return struct.unpack_from("<Q", data, at + 24)[0]
    raise ValueError("no version needs")


# ---------------------------------------------------------------------------------------------- zip


def member(name, data=b"", method=0, flags=0, mode=0o100644):
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = method
    info.external_attr = mode << 16
    info.create_system = 3
    return info, data


def archive(*members, comment=b""):
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as zip_file:
        warnings.simplefilter("ignore")
        for info, data in members:
            zip_file.writestr(info, data)
        zip_file.comment = comment
    return out.getvalue()


def local(name, data, crc, length, method=0, flags=0, extra=b""):
    sizes = (crc, len(data), length, len(name), len(extra))
    return (
        struct.pack("<IHHHIIIIHH", 0x04034B50, 20, flags, method, 0x210000, *sizes)
        + name
        + extra
        + data
    )


def central(name, crc, packed, length, offset, method=0, flags=0, extra=b"", mode=0o100644):
    head = struct.pack("<IHHHHI", 0x02014B50, 3 << 8 | 20, 20, flags, method, 0x210000)
    sizes = struct.pack("<IIIHH", crc, packed, length, len(name), len(extra))
    return head + sizes + struct.pack("<HHHII", 0, 0, 0, mode << 16, offset) + name + extra


def end(count, size, offset, comment=b""):
    return (
        struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, offset, len(comment))
        + comment
    )


def deflated(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zip_seeds():
    deflate = zipfile.ZIP_DEFLATED
    text = b"hello hello hello hello\n" * 20
    save("zip", "empty", archive())
    save("zip", "stored", archive(member("bootstrap", b"#!/bin/sh\n", mode=0o100755)))
    save("zip", "deflated", archive(member("bootstrap", text, deflate, mode=0o100755)))
    save(
        "zip",
        "folders",
        archive(
            member("a/", mode=0o40755), member("a/b.txt", b"b"), member("a/c/d", text, deflate)
        ),
    )
    save("zip", "utf8-name", archive(member("größe/✓", b"1")))
    save(
        "zip",
        "comment",
        archive(member("a", b"a"), comment=b"a comment with PK\5\6 in it" + bytes(30)),
    )
    save("zip", "duplicate", archive(member("a", b"1"), member("a", b"2")))
    save(
        "zip",
        "traversal",
        archive(
            member("../../etc/passwd", b"x"), member("/absolute", b"x"), member("a\\..\\b", b"x")
        ),
    )
    save("zip", "symlink", archive(member("link", b"/etc/passwd", mode=0o120777)))
    save("zip", "bzip2", archive(member("a", text, zipfile.ZIP_BZIP2)))
    save("zip", "lzma", archive(member("a", text, zipfile.ZIP_LZMA)))
    save("zip", "empty-members", archive(*(member(f"{n}") for n in range(8))))
    save("zip", "bomb", archive(member("zeros", bytes(1 << 20), deflate)))
    save("zip", "junk-before", b"#!/bin/sh\n" + archive(member("a", text, deflate)))
    save("zip", "junk-after", archive(member("a", text, deflate)) + bytes(40))
    save("zip", "cut", archive(member("a", text, deflate))[:-30])

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zip_file, zip_file.open(
        member("a")[0], "w", force_zip64=True
    ) as one:
        one.write(text)
    save("zip", "zip64-extra", out.getvalue())

    class Pipe(io.RawIOBase):
        """Cannot seek, so that zipfile writes data descriptors."""

        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as zip_file:
        zip_file.writestr(*member("a", text, deflate))
        zip_file.writestr(*member("b", b"stored"))
    save("zip", "descriptors", pipe.data)

    one = local(b"a", b"data", crc32(b"data"), 4)
    at = len(one)
    listed = central(b"a", crc32(b"data"), 4, 4, 0)
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 1, 1, len(listed), at)
    locator = struct.pack("<IIQI", 0x07064B50, 0, at + len(listed), 1)
    save("zip", "zip64-end", one + listed + end64 + locator + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))
    # Sizes that only the zip64 field tells, and that no file has.
    extra = struct.pack("<HHQQ", 1, 16, 1 << 62, 1 << 62)
    huge = central(b"a", crc32(b"data"), 0xFFFFFFFF, 0xFFFFFFFF, 0, extra=extra)
    save("zip", "zip64-huge", one + huge + end(1, len(huge), at))
    liar = lambda length: central(b"a", crc32(b"data"), 4, length, 0)
    for name, length in (("claims-more", 9), ("claims-less", 2)):
        lie = local(b"a", b"data", crc32(b"data"), length)
        save("zip", name, lie + liar(length) + end(1, len(liar(length)), at))
    save("zip", "headers-disagree", one + liar(9) + end(1, len(listed), at))
    save(
        "zip",
        "wrong-crc",
        local(b"a", b"data", 7, 4) + central(b"a", 7, 4, 4, 0) + end(1, len(listed), at),
    )
    save(
        "zip",
        "encrypted-flag",
        local(b"a", b"data" * 4, 1, 4, flags=1)
        + central(b"a", 1, 16, 4, 0, flags=1)
        + end(1, len(listed), at + 12),
    )
    save("zip", "unlisted", one + local(b"b", b"", 0, 0) + listed + end(1, len(listed), at + 31))
    save("zip", "too-many", one + listed + end(9999, len(listed), at))
    # Every end record leads through all zip64 ones behind it, each of which has long contents.
    ends64 = 100
    behind = 16 + 12 * ends64 + 56
    ends = b"PK\3\4" + bytes(12)
    for _ in range(ends64):
        ends += struct.pack("<IQ", 0x06064B50, behind - len(ends) - 13)
    ends += bytes(behind - len(ends))
    ends += (struct.pack("<IIQI", 0x07064B50, 0, 16, 1) + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)) * 25
    save("zip", "many-ends", ends)
    save("zip", "backslash-folder", archive(member("a\\", b"1")))
    # Info-ZIP Unicode Path: another name for the same member.
    path = struct.pack("<HHBI", 0x7075, 6, 1, crc32(b"a")) + b"b"
    both = local(b"a", b"", 0, 0, extra=path), central(b"a", 0, 0, 0, 0, extra=path)
    save("zip", "unicode-path", both[0] + both[1] + end(1, len(both[1]), len(both[0])))

    zeros = bytes(100_000)
    packed, sum_ = deflated(zeros), crc32(zeros)
    # One local header that every member shares, as the smallest of zip bombs do.
    kernel = local(b"a", packed, sum_, len(zeros), method=8)
    names = [f"{n}".encode() for n in range(20)]
    shared = b"".join(central(name, sum_, len(packed), len(zeros), 0, method=8) for name in names)
    save("zip", "overlap-shared", kernel + shared + end(len(names), len(shared), len(kernel)))
    # Local headers quoted by stored blocks of the member before (Fifield, "A better zip bomb").
    body, listed, data = b"", [], packed
    for name in reversed(names[:5]):
        length = len(zeros) + sum(len(local(n, b"", 0, 0)) for n, *_ in listed)
        header = local(name, data, sum_, length, method=8)
        listed.append((name, len(data), length, len(header)))
        quoted = header[: 30 + len(name)]
        data = struct.pack("<BHH", 0, len(quoted), len(quoted) ^ 0xFFFF) + header
        body = header
    directory = b"".join(
        central(name, sum_, size, length, len(body) - whole, method=8)
        for name, size, length, whole in reversed(listed)
    )
    save("zip", "overlap-quoted", body + directory + end(len(listed), len(directory), len(body)))

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("bootstrap").write_bytes(text)
        os.chmod("bootstrap", 0o755)
        Path("lib").mkdir()
        Path("lib/liba.so").write_bytes(b"\x7fELF")
        os.symlink("liba.so", "lib/link.so")
        for path in ("bootstrap", "lib/liba.so", "lib"):
            os.utime(path, (315532800, 315532800))

        def info_zip(name, *flags):
            subprocess.run(["zip", "-q", "-r", *flags, "out.zip", "bootstrap", "lib"], check=True)
            save("zip", name, Path("out.zip").read_bytes())
            Path("out.zip").unlink()

        info_zip("info-zip")
        info_zip("info-zip-symlink", "-y")
        info_zip("info-zip-encrypted", "-P", "secret")
        info_zip("info-zip-zip64", "-fz")
        info_zip("info-zip-descriptors", "-fd")


# --------------------------------------------------------------------------------------------- tree


def tree_seeds():
    save("tree", "empty", b"")
    save("tree", "function", b"bootstrap\t#!/bin/sh\nlib/liba.so\t\x7fELF\nlib/sub/b.txt\n")
    save("tree", "lone-program", b"bootstrap\t#!/bin/sh\n" + b"echo abc, abd; " * 40)
    save(
        "tree",
        "refused",
        b"\n/absolute\n../up\na/../b\na//b\na/\n./a\na\\b\nb\x07ell\n\xc2\x85\n\xff\xfe\n"
        + b"n" * 256,
    )
    save(
        "tree", "nearly-refused", b"...\n..a\n.a\na b\n~\n" + b"n" * 255 + b"\n" + b"\xc3\xa4" * 127
    )
    save("tree", "file-then-folder", b"a\t1\na/b\t2\na/b/c\t3\n")
    save("tree", "folder-then-file", b"a/b/c\t1\na/b\t2\na\t3\n")
    save("tree", "around-slash", b"a-b\na/b\na.b\na0\na\na!/c\na/\n")
    save("tree", "same-twice", b"a\tone\na\tone\na\ttwo\n")
    save("tree", "deep", b"/".join([b"d"] * 300))
    longest = b"/".join([b"n" * 255] * 15)
    save("tree", "path-max", longest + b"/" + b"x" * 245 + b"\n" + longest + b"/" + b"x" * 246)
    save(
        "tree", "compressible", b"zeros\t" + b"0" * 3000 + b"\nmixed\t" + b"abc, abd, " * 40 + b"\n"
    )
    save(
        "tree",
        "quotes-zip",
        b"a\tPK\3\4 PK\1\2 PK\5\6" + bytes(18) + b"\nPK\5\6" + b"\nb\tPK\7\x08\n",
    )
    save("tree", "utf8", "größe\t1\ngro\u0308ße\t2\n✓/𐍈\t3\n\u202etxt\n".encode())
    save("tree", "many", b"".join(b"%d/%d\t%d\n" % (n % 5, n, n) for n in range(40)))


# ---------------------------------------------------------------------------------------------- tar


def tar_seeds():
    def made(form, *members):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as tar:
            for name, kind, data in members:
                info = tarfile.TarInfo(name)
                info.type, info.mode = kind, 0o755
                if kind == tarfile.REGTYPE:
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
                else:
                    info.linkname = data
                    tar.addfile(info)
        return out.getvalue()

    file, folder, link, hard = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    long = "/".join(["d" * 90] * 3)
    some = (
        ("usr", folder, ""),
        ("lib", link, "usr"),
        ("lib/f", file, b"text"),
        ("usr/g", hard, "lib/f"),
        ("usr/.wh.f", file, b""),
        ("usr/.wh..wh..opq", file, b""),
        ("a/b/c", file, b""),
        ("up", link, "../../.."),
        ("up/x", file, b"x" * 600),
    )
    for name, form in (("ustar", 0), ("gnu", 1), ("pax", 2)):
        save("tar", name, made(form, *some))
    for name, form in (("gnu", 1), ("pax", 2)):
        save("tar", f"long-{name}", made(form, (long, file, b"1"), ("l", link, long)))
    save("tar", "utf8", made(2, ("größe/✓", file, b"1")))
    save("tar", "circle", made(0, ("a", link, "b"), ("b", link, "a"), ("a/c", file, b"")))
    save("tar", "out", made(0, ("../a", file, b""), ("/b", file, b""), ("c", hard, "../d")))
    save("tar", "special", made(0, ("p", tarfile.FIFOTYPE, ""), ("n", tarfile.CHRTYPE, "")))
    save("tar", "cut", made(0, ("a", file, b"1" * 2000))[:1200])
    save("tar", "empty", bytes(1024))


# ------------------------------------------------------------------------------------------- papers


def papers_seeds():
    digest = "sha256:" + "0" * 64
    at = {"mediaType": "application/x", "digest": digest, "size": 1}
    platform = {"os": "linux", "architecture": "amd64"}
    manifest = {"schemaVersion": 2, "config": at, "layers": [at, at]}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "author": "a",
        "config": {
            "Entrypoint": ["/a"],
            "Cmd": ["b"],
            "Env": ["A=1", "A=2", "PATH=/x:y", "AWS_REGION=z", "none"],
            "WorkingDir": "/a",
            "User": "u",
            "Volumes": {"/v": {}},
            "Labels": {"l": "n"},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest]},
        "history": [{"empty_layer": True}, {}],
    }
    odd = {"config": [], "rootfs": 1, "history": {}, "architecture": 2}
    for name, value in (
        ("manifest", manifest),
        ("index", {"schemaVersion": 2, "manifests": [dict(at, platform=platform)]}),
        ("config", config),
        ("odd", odd),
        ("list", []),
        ("deep", [[[[[[]]]]]]),
    ):
        save("papers", name, json.dumps(value).encode())
    save("papers", "no-json", b"{")


elf_seeds()
zip_seeds()
tree_seeds()
tar_seeds()
papers_seeds()
