//! Texts that cannot be read, and keys and values that there are not.

use super::{Broken, Made};
use std::fs;

use Made::{By, Bytes, Text};

/// The text itself.
pub(super) const READ: &[Broken] = &[
    (Text(""), "nothing to serve: `host.toml` has no [[mount]]", NO_MOUNT),
    (Text("# nothing\n"), "nothing to serve: `host.toml` has no [[mount]]", NO_MOUNT),
    (Text("x = = 1\n"), "`host.toml:1:5`: extra `=`, expected nothing", ""),
    (Text("hello world\n"), "`host.toml:1:7`: key with no value, expected `=`", ""),
    (Text("[server]\nstate = \"x\n"), "`host.toml:2:11`: invalid basic string, expected `\"`", ""),
    (Text("[server\n"), "`host.toml:1:8`: unclosed table, expected `]`", ""),
    (Text("[server]\n[server]\n"), "`host.toml:2:2`: `server` is defined twice", ""),
    (Text("enable = []\nenable = []\n"), "`host.toml:2:1`: `enable` is defined twice", ""),
    (
        Bytes(b"[server]\nstate = \"\x01\"\n"),
        "`host.toml:2:10`: invalid basic string, expected non-double-quote visible characters, \
         `\\`",
        "",
    ),
    (Bytes(b"# \xc3\xbc\nlisten = \"\xff\"\n"), "`host.toml:2:11`: the byte 0xff is not UTF-8", ""),
    (Bytes(b"\xff\xfe[\0a\0]\0"), "`host.toml:1:1`: the byte 0xff is not UTF-8", ""),
    (Bytes(b"\x7fELF\x02\x01\x01\0\0\0"), "`host.toml:1:11`: key with no value, expected `=`", ""),
    (
        Bytes(b"\xef\xbb\xbf[sever]\n"),
        "`host.toml:1:2`: unknown key `sever`",
        "did you mean `server`?",
    ),
    (
        By(|folder| {
            fs::write(folder.join("host.toml"), format!("a = {}", "[".repeat(9999))).unwrap()
        }),
        "`host.toml:1:85`: nested too deep",
        "",
    ),
    (
        By(|folder| {
            fs::write(folder.join("host.toml"), format!("{}a = 1", "a.".repeat(9999))).unwrap();
        }),
        "`host.toml:1:1`: nested too deep",
        "",
    ),
    (By(|_| ()), "cannot read the config `host.toml`: No such file or directory (os error 2)", ""),
    (
        By(|folder| fs::create_dir(folder.join("host.toml")).unwrap()),
        "cannot read the config `host.toml`: it is a folder",
        "",
    ),
    (
        By(|folder| fs::write(folder.join("host.toml"), " ".repeat(10_000_000)).unwrap()),
        "cannot read the config `host.toml`: a config has at most 8 MiB, all its files together",
        "",
    ),
];

const NO_MOUNT: &str = "[[mount]] with path = \"/\" and app = \"shop\", and [apps.shop]";

/// Keys and values.
pub(super) const KEYS: &[Broken] = &[
    (app!("[layer.x]\n"), "`host.toml:6:2`: unknown key `layer`", "did you mean `layers`?"),
    (
        app!("[favourites]\n"),
        "`host.toml:6:2`: unknown key `favourites`",
        "possible here: include, enable, server, listen, apps, layers, mount",
    ),
    (app!("[server]\nlisen = []\n"), "`host.toml:7:1`: unknown key `lisen`", MEANT_LISTEN),
    (
        app!("[server]\nlimts = 1\n"),
        "`host.toml:7:1`: unknown key `limts`",
        "did you mean `limits`?",
    ),
    (
        app!("[server.limits]\nbody_byte = 1\n"),
        "`host.toml:7:1`: unknown key `body_byte`",
        "did you mean `body_bytes`?",
    ),
    (
        app!("[[listen]]\nbind = \"a:1\"\nprotocl = \"http\"\n"),
        "`host.toml:8:1`: unknown key `protocl`",
        "did you mean `protocol`?",
    ),
    (
        app!("[apps.blog]\npth = \"blog.so\"\n"),
        "`host.toml:7:1`: unknown key `pth`",
        "did you mean `path`?",
    ),
    (
        app!("[apps.shop.deploy]\npanic = 1\n"),
        "`host.toml:7:1`: unknown key `panic`",
        "did you mean `panics`?",
    ),
    (
        app!("[layers.a]\nkin = \"cors\"\n"),
        "`host.toml:7:1`: unknown key `kin`",
        "did you mean `kind`?",
    ),
    (
        app!("[layers]\na = { path = \"a\", deploy = { windw = 1 } }\n"),
        "`host.toml:7:30`: unknown key `windw`",
        "did you mean `window`?",
    ),
    (app!("ap = 1\n"), "`host.toml:6:1`: unknown key `ap`", "did you mean `app`?"),
    (
        app!("[server]\nlisten = 3\n"),
        "`host.toml:7:10`: invalid type: integer `3`, expected an array",
        "",
    ),
    (
        app!("[server]\nlisten = [3]\n"),
        "`host.toml:7:11`: invalid type: integer `3`, expected a string",
        "",
    ),
    (
        app!("[server]\ndrain_timeout = \"5x\"\n"),
        "`host.toml:7:17`: `5x` is not a time such as 250ms, 30s or 5m",
        "",
    ),
    (
        app!("[server]\ndrain_timeout = true\n"),
        "`host.toml:7:17`: invalid type: boolean `true`, expected a time such as \"30s\"",
        "",
    ),
    (
        app!("[server]\ndrain_timeout = -1\n"),
        "`host.toml:7:17`: `-1` is not a time such as 250ms, 30s or 5m",
        "",
    ),
    (
        app!("[server.limits]\nstreams = -1\n"),
        "`host.toml:7:11`: invalid value: integer `-1`, expected a number from 0 to 4294967295",
        "",
    ),
    (
        app!("[server.limits]\nstreams = 99999999999\n"),
        "`host.toml:7:11`: invalid value: integer `99999999999`, expected a number from 0 to \
         4294967295",
        "",
    ),
    (
        app!("[server.limits]\nstreams = \"many\"\n"),
        "`host.toml:7:11`: invalid type: string \"many\", expected a number from 0 to 4294967295",
        "",
    ),
    (
        app!("[server]\ndebug_headers = \"yes\"\n"),
        "`host.toml:7:17`: invalid type: string \"yes\", expected a boolean",
        "",
    ),
    (
        app!("[apps.shop.config.x]\n[apps.blog]\npath = 3\n"),
        "`host.toml:8:8`: invalid type: integer `3`, expected a string",
        "",
    ),
    (
        app!("[apps.blog]\npath = \"b\"\nconfig = 1\n"),
        "`host.toml:8:10`: invalid type: integer `1`, expected a table",
        "",
    ),
    (Text("mount = 1\n"), "`host.toml:1:9`: invalid type: integer `1`, expected an array", ""),
    (Text("apps = []\n"), "`host.toml:1:8`: invalid type: sequence, expected a table", ""),
    (
        app!("[apps.shop.deploy]\nkeep_previous = \"fil\"\n"),
        "`host.toml:7:17`: unknown value `fil`",
        "did you mean `file`?",
    ),
    (
        app!("[apps.shop.deploy]\nprobe = \"deep\"\n"),
        "`host.toml:7:9`: unknown value `deep`",
        "possible here: open, layout, init, request",
    ),
    (app!("[apps.blog]\nconfig = {}\n"), "`host.toml:6:1`: the key `path` is missing", ""),
    (app!("[[listen]]\n"), "`host.toml:6:1`: the key `bind` is missing", ""),
    (app!("[[mount]]\napp = \"shop\"\n"), "`host.toml:6:1`: the key `path` is missing", ""),
    (
        app!("[[mount]]\npath = \"/x\"\n"),
        "`host.toml:7:8`: this mount has neither `app` nor `static`",
        "",
    ),
    (
        app!("[[mount]]\npath = \"/x\"\napp = \"shop\"\nstatic = \".\"\n"),
        "`host.toml:9:10`: a mount has `app` or `static`, not both",
        "",
    ),
];

const MEANT_LISTEN: &str = "did you mean `listen`?";
