//! What strings stand for, and what files include.

use super::{Broken, Made};
use std::fs;
use std::os::unix::fs::symlink;

use Made::{By, Files};

/// Variables and files.
pub(super) const FILES: &[Broken] = &[
    (
        app!("[apps.shop.config]\nkey = \"a ${env:DSGI_NONE}\"\n"),
        "`host.toml:7:10`: the environment has no variable `DSGI_NONE`",
        "set it where the host is started; `$${` stands for `${`",
    ),
    (
        app!("[server]\nlisten = [\"127.0.0.1:0\", \"${env:DSGI_NONE}\"]\n"),
        "`host.toml:7:27`: the environment has no variable `DSGI_NONE`",
        "set it where the host is started; `$${` stands for `${`",
    ),
    (
        app!("[apps.shop.config]\nkey = [{ deep = '${file:none/at all}' }]\n"),
        "`host.toml:7:18`: cannot read `none/at all`: No such file or directory (os error 2)",
        "the path is meant from the folder of this config",
    ),
    (
        app!("[apps.shop.config]\nkey = \"${HOME}\"\n"),
        "`host.toml:7:8`: `${HOME}` stands for nothing",
        "possible are `${env:NAME}`, `${file:PATH}`, and `$${` for `${`",
    ),
    (
        app!("[apps.shop.config]\nkey = \"${env:HOME\"\n"),
        "`host.toml:7:8`: `${` without its `}`",
        "`$${` stands for `${`",
    ),
    (
        Files(&[("host.toml", "include = [\"host.toml\"]\n")]),
        "`host.toml:1:12`: `host.toml` includes itself",
        "",
    ),
    (
        Files(&[
            ("host.toml", "include = [\"a/b.toml\"]\n"),
            ("a/b.toml", "\ninclude = [\"../c.toml\"]\n"),
            ("c.toml", "include = [\"a/*\"]\n"),
        ]),
        "`a/../c.toml:1:12`: `a/b.toml` includes `a/../c.toml` includes `a/b.toml`",
        "",
    ),
    (
        Files(&[("host.toml", "include = [\"a*\", \"a.toml\"]\n"), ("a.toml", "")]),
        "`host.toml:1:18`: `a.toml` is included twice",
        "",
    ),
    (
        Files(&[("host.toml", "include = [\"none.toml\"]\n")]),
        "`host.toml:1:12`: cannot read `none.toml`: No such file or directory (os error 2)",
        "",
    ),
    (
        Files(&[("host.toml", "include = [\"conf.d/*.toml\"]\n")]),
        "`host.toml:1:12`: there is no folder `conf.d`",
        "",
    ),
    (
        Files(&[("host.toml", "include = [\"conf.d/*.toml\"]\n"), ("conf.d", "")]),
        "`host.toml:1:12`: cannot read the folder `conf.d`: Not a directory (os error 20)",
        "",
    ),
    (
        Files(&[("host.toml", "include = [\"conf.d/*\"]\n"), ("conf.d/x.toml/y", "")]),
        "`host.toml:1:12`: cannot read `conf.d/x.toml`: it is a folder",
        "",
    ),
    (
        By(|folder| {
            fs::write(folder.join("host.toml"), "include = [\"*.conf\"]\n").unwrap();
            symlink("nowhere", folder.join("x.conf")).unwrap();
        }),
        "`host.toml:1:12`: cannot read `x.conf`: No such file or directory (os error 2)",
        "",
    ),
    (
        Files(&[("host.toml", "include = [\"*/x.toml\"]\n")]),
        "`host.toml:1:12`: `*/x.toml`: only the last part of a path may have a `*`",
        "",
    ),
    (
        Files(&[("host.toml", "include = [\"${env:DSGI_NONE}/*\"]\n")]),
        "`host.toml:1:13`: the environment has no variable `DSGI_NONE`",
        "set it where the host is started; `$${` stands for `${`",
    ),
    (
        Files(&[("host.toml", "include = 3\n")]),
        "`host.toml:1:11`: invalid type: integer `3`, expected an array",
        "",
    ),
    (
        Files(&[
            ("host.toml", "include = [\"a.toml\"]\nserver.state = \"x\"\n"),
            ("a.toml", "[server]\nstate = \"y\"\n"),
        ]),
        "`a.toml:2:1`: `state` is defined twice",
        "",
    ),
    (
        Files(&[
            ("host.toml", "include = [\"a.toml\"]\nenable = [\"gzip\"]\n"),
            ("a.toml", "enable = [\"cors\"]\n"),
        ]),
        "`a.toml:1:1`: `enable` is defined twice",
        "",
    ),
    (
        Files(&[
            ("host.toml", "include = [\"a.toml\"]\n"),
            ("a.toml", "\n[[mount]]\npath = \"/\"\nap = \"x\"\n"),
        ]),
        "`a.toml:4:1`: unknown key `ap`",
        "did you mean `app`?",
    ),
    (
        Files(&[("host.toml", "include = [\"a.toml\"]\n"), ("a.toml", "x = = 1\n")]),
        "`a.toml:1:5`: extra `=`, expected nothing",
        "",
    ),
    (
        By(|folder| {
            for number in 0..9 {
                let text = format!("include = [\"{}.toml\"]\n", number + 1);
                fs::write(folder.join(format!("{number}.toml")), text).unwrap();
            }
            fs::rename(folder.join("0.toml"), folder.join("host.toml")).unwrap();
        }),
        "`7.toml:1:12`: `8.toml` would be included 8 files deep",
        "include it from a file above",
    ),
    (
        By(|folder| {
            fs::write(folder.join("host.toml"), "include = [\"large/*\"]\n").unwrap();
            fs::create_dir(folder.join("large")).unwrap();
            for number in 0..2 {
                let file = folder.join(format!("large/{number}"));
                fs::write(file, " ".repeat(5 << 20)).unwrap();
            }
        }),
        "`host.toml:1:12`: cannot read `large/1`: a config has at most 8 MiB, all its files \
         together",
        "",
    ),
    (
        By(|folder| {
            fs::write(folder.join("host.toml"), "include = [\"many/*\"]\n").unwrap();
            fs::create_dir(folder.join("many")).unwrap();
            (0..1000).for_each(|one| fs::write(folder.join(format!("many/{one}")), "").unwrap());
        }),
        "`host.toml:1:12`: a config has at most 1000 files",
        "",
    ),
];
