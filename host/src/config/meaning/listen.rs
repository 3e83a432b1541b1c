//! Where to listen, what is spoken there, and whom to believe about who is there.

use std::sync::Arc;

use toml::Spanned;

use super::Meaning;
use crate::config::tables;
use crate::forwarded::{Fields, NoPeer, Peer, Trusted};
use crate::listener::{Address, Listen, Preface, Protocol};

impl<'a> Meaning<'a> {
    pub(super) fn listen(&mut self) -> Vec<Listen> {
        let mut listen = Vec::new();
        for text in &self.tables.server.listen {
            listen.extend(self.bind(text, None));
        }
        for table in &self.tables.listen {
            if let Some(one) = self.bind(&table.bind, table.protocol.as_ref()) {
                listen.push(self.socket(one, table));
            }
        }
        listen
    }

    /// A protocol stands before the address, or in a key of its own.
    fn bind(
        &mut self,
        bind: &'a Spanned<String>,
        key: Option<&'a Spanned<String>>,
    ) -> Option<Listen> {
        let (text, said) = (bind.get_ref(), self.said(bind));
        let (before, address) = match text.split_once("://") {
            Some((protocol, address)) => (Some(protocol), address),
            None => (None, &**text),
        };
        let named = match (before, key) {
            (Some(name), _) => {
                Some((name, bind.span(), said.split_once("://").map_or(said, |(name, _)| name)))
            }
            (None, Some(key)) => Some((&**key.get_ref(), key.span(), self.said(key))),
            (None, None) => None,
        };
        let protocol = match named.map(|(name, at, said)| (name.parse(), at, said)) {
            None => Protocol::Http,
            Some((Ok(protocol), ..)) => protocol,
            Some((Err(_), at, said)) => {
                let what = format!("this host does not speak `{said}`");
                let all = Protocol::ALL.map(Protocol::name).join("\", \"");
                self.wrong_with(at, what, format!("protocol = one of \"{all}\""));
                return None;
            }
        };
        let Ok(address) = address.parse() else {
            let what = format!("`{said}` is not an address of the form ip:port or unix:/path");
            self.wrong_with(bind.span(), what, "\"127.0.0.1:8080\", or \"unix:/run/app.sock\"");
            return None;
        };
        Some(Listen::new(protocol, address))
    }

    /// What is said of a Unix socket.
    fn socket(&mut self, mut listen: Listen, table: &'a tables::Listen) -> Listen {
        let tables::Listen { mode, owner, .. } = table;
        if table.proxy_protocol {
            listen.preface = Preface::Proxy;
        }
        listen.trusted = self.trusted(table);
        let keys = [mode, owner].into_iter().flatten();
        if let Address::Tcp(_) = listen.address {
            for key in keys {
                let what = String::from("only a Unix socket has an owner and a mode");
                self.wrong_with(key.span(), what, "bind = \"unix:/run/app.sock\"");
            }
            return listen;
        }
        if let Some(mode) = mode {
            listen.mode = u32::from_str_radix(mode.get_ref(), 8).ok().filter(|it| *it <= 0o777);
            if listen.mode.is_none() {
                let what = format!("`{}` is not a mode of three octal digits", self.said(mode));
                self.wrong_with(mode.span(), what, "mode = \"660\"");
            }
        }
        listen.owner = owner.as_ref().map(|owner| owner.get_ref().clone());
        listen
    }

    /// Who is believed there about clients, and where they say it.
    fn trusted(&mut self, table: &'a tables::Listen) -> Option<Arc<Trusted>> {
        let mut peers = Vec::new();
        for text in &table.trusted {
            match text.get_ref().parse::<Peer>() {
                Ok(peer) => peers.push(peer),
                Err(NoPeer) => {
                    let said = self.said(text);
                    let what = format!("`{said}` is neither an address nor a network nor `unix`");
                    let help = "trusted = [\"127.0.0.1\", \"10.0.0.0/8\", \"unix\"]";
                    self.wrong_with(text.span(), what, help);
                }
            }
        }
        if let (Some(kind), true) = (&table.forwarded, table.trusted.is_empty()) {
            let what = String::from("nobody is trusted whose fields these would be");
            self.wrong_with(kind.span(), what, "trusted = [\"127.0.0.1\"]");
        }
        let fields = match table.forwarded.as_ref().map(Spanned::get_ref) {
            Some(tables::Forwarded::Forwarded) => Fields::Forwarded,
            Some(tables::Forwarded::XForwarded) | None => Fields::XForwarded,
        };
        (!peers.is_empty()).then(|| Arc::new(Trusted { peers, fields }))
    }
}
