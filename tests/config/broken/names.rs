//! Names that lead nowhere, places that are taken, and addresses that are none.

use super::{Broken, Made};

use Made::Text;

/// Names, places and addresses.
pub(super) const NAMES: &[Broken] = &[
    (
        app!("[apps.\"a b\"]\npath = \"b\"\n"),
        "`host.toml:6:7`: `a b`: the name of an application has letters, digits, `-` and `_`",
        "",
    ),
    (
        app!("[[mount]]\npath = \"/x\"\napp = \"shp\"\n"),
        "`host.toml:8:7`: no application is named `shp`",
        "did you mean `shop`?",
    ),
    (
        app!(
            "stack = [\"own\"]\n[[mount]]\npath = \"/x\"\napp = \"own\"\n\
             [layers.own]\npath = \"x\"\n"
        ),
        "`host.toml:9:7`: no application is named `own`",
        "a layer stands in `stack`, around an application",
    ),
    (
        app!("[apps.blog]\npath = \"b\"\n"),
        "`host.toml:6:7`: the application `blog` is mounted nowhere",
        "[[mount]] with path = \"/\" and app = \"blog\"",
    ),
    (
        app!("stack = [\"owns\"]\n[layers.own]\npath = \"x\"\n"),
        "`host.toml:6:10`: no layer is named `owns`",
        "did you mean `own`?",
    ),
    (
        app!("stack = [\"shop\"]\n"),
        "`host.toml:6:10`: no layer is named `shop`",
        "an application stands in `app`, within its layers",
    ),
    (
        Text("enable = [\"owns\"]\n[layers.own]\npath = \"x\"\n"),
        "`host.toml:1:11`: no layer is named `owns`",
        "did you mean `own`?",
    ),
    (
        app!("stack = [\"a\", \"b\", \"a\"]\n[layers]\na.path = \"x\"\nb.path = \"x\"\n"),
        "`host.toml:6:20`: `a` would stand around a mount twice",
        "",
    ),
    (
        Text(concat!(
            "enable = [\"own\"]\n[apps.a]\npath = \"a\"\n[layers.own]\npath = \"x\"\n",
            "[[mount]]\npath = \"/\"\napp = \"a\"\nstack = [\"own\"]\n"
        )),
        "`host.toml:9:10`: `own` would stand around a mount twice",
        "",
    ),
    (
        app!("[layers.own]\npath = \"x\"\n"),
        "`host.toml:6:9`: the layer `own` stands in no stack",
        "enable = [\"own\"], or stack = [\"own\"] in a mount",
    ),
    (
        app!("stack = [\"x\"]\n[layers.x]\npath = \"x\"\nkind = \"cors\"\n"),
        "`host.toml:9:8`: a layer has `path` or `kind`, not both",
        "",
    ),
    (
        app!("stack = [\"shop\"]\n[layers.shop]\npath = \"x\"\n"),
        "`host.toml:7:9`: `shop` is an application and a layer",
        "",
    ),
    (
        app!("[[mount]]\npath = \"/\"\napp = \"shop\"\n"),
        "`host.toml:7:8`: a second application is mounted at `/`",
        "",
    ),
    (
        app!("host = \"a.org\"\n[[mount]]\nhost = \"A.org\"\npath = \"/\"\napp = \"shop\"\n"),
        "`host.toml:9:8`: a second application is mounted at `A.org/`",
        "",
    ),
    (
        Text("[[mount]]\npath = \"a\"\napp = \"shop\"\n"),
        "`host.toml:2:8`: `a` is not a path to mount at",
        "path = \"/shop\"",
    ),
    (
        app!("host = \"a.org:80\"\n"),
        "`host.toml:6:8`: `a.org:80` is not a host to mount for",
        "a host has no port: host = \"example.org\"",
    ),
    (
        app!("host = \"*\"\n"),
        "`host.toml:6:8`: `*` is not a host to mount for",
        "without `host` a mount is for every host",
    ),
    (
        app!("host = \"\"\n"),
        "`host.toml:6:8`: `` is not a host to mount for",
        "without `host` a mount is for every host",
    ),
    (
        app!("host = \"a.*.org\"\n"),
        "`host.toml:6:8`: `a.*.org` is not a host to mount for",
        "host = \"example.org\", or \"*.example.org\" for all below it",
    ),
    (
        app!("host = \"http://a.org\"\n"),
        "`host.toml:6:8`: `http://a.org` is not a host to mount for",
        "a host alone: host = \"example.org\", and `path` for the rest",
    ),
    (
        app!("host = \"b\u{fc}cher.de\"\n"),
        "`host.toml:6:8`: `b\u{fc}cher.de` is not a host to mount for",
        "a name of other letters is written as xn--...",
    ),
    (
        app!("[server]\nlisten = [\"https://x:1\"]\n"),
        "`host.toml:7:11`: this host does not speak `https`",
        "protocol = one of \"http\", \"fastcgi\", \"scgi\", \"uwsgi\"",
    ),
    (
        app!("[server]\nlisten = [\"localhost\"]\n"),
        "`host.toml:7:11`: `localhost` is not an address of the form ip:port or unix:/path",
        "\"127.0.0.1:8080\", or \"unix:/run/app.sock\"",
    ),
    (
        app!("[[listen]]\nbind = \"unix:\"\n"),
        "`host.toml:7:8`: `unix:` is not an address of the form ip:port or unix:/path",
        "\"127.0.0.1:8080\", or \"unix:/run/app.sock\"",
    ),
    (
        app!("[[listen]]\nbind = \"a:1\"\nprotocol = \"ajp\"\n"),
        "`host.toml:8:12`: this host does not speak `ajp`",
        "protocol = one of \"http\", \"fastcgi\", \"scgi\", \"uwsgi\"",
    ),
    (
        app!("[[listen]]\nbind = \"a:1\"\nmode = \"600\"\n"),
        "`host.toml:8:8`: only a Unix socket has an owner and a mode",
        "bind = \"unix:/run/app.sock\"",
    ),
    (
        app!("[[listen]]\nbind = \"unix:/run/x\"\nmode = \"999\"\n"),
        "`host.toml:8:8`: `999` is not a mode of three octal digits",
        "mode = \"660\"",
    ),
    (
        app!("[[listen]]\nbind = \"a:1\"\ntrusted = [\"10.0.0.1/8\"]\n"),
        "`host.toml:8:12`: `10.0.0.1/8` is neither an address nor a network nor `unix`",
        "trusted = [\"127.0.0.1\", \"10.0.0.0/8\", \"unix\"]",
    ),
    (
        app!("[[listen]]\nbind = \"a:1\"\nforwarded = \"forwarded\"\n"),
        "`host.toml:8:13`: nobody is trusted whose fields these would be",
        "trusted = [\"127.0.0.1\"]",
    ),
    (
        app!("[[listen]]\nbind = \"a:1\"\nproxy_protocol = 2\n"),
        "`host.toml:8:18`: invalid type: integer `2`, expected a boolean",
        "",
    ),
];
