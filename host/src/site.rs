//! All mounts: which stack answers a path.
//!
//! A site is immutable and replaced whole. Which mount a path belongs to is the same for all cores
//! until the mounts change; what stands there is each core's own, with its own shares of the
//! stacks, so that dispatch writes to no memory of another core. A core takes a new site between
//! two requests, and whatever it had before is given up there and then.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use crate::authority::{self, HostPattern};
use crate::gate::{self, Gate};
use crate::invoke::exchange::Mounted;
use crate::lease::Lease;
use crate::path;
use crate::sync::{Arc, thread_local};

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// A stack that answers. Borrowed: the request's exchange takes its shares, nobody else.
    Mount(Mount<'a>),
    /// A mount whose application is not in service, and why.
    Unavailable(&'a str),
    /// A mount whose requests wait for its next version.
    Held(&'a Arc<Gate>),
    /// No mount.
    Nothing,
}

/// A mount in service, see [`Mounted`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mount<'a> {
    pub(crate) lease: &'a Lease,
    script_name: &'a Arc<str>,
    script_length: usize,
}

impl Mount<'_> {
    /// Shares of it that live as long as an exchange.
    #[inline]
    pub(crate) fn share(self) -> Mounted {
        let Self { lease, script_name, script_length } = self;
        Mounted { lease: lease.clone(), script_name: Arc::clone(script_name), script_length }
    }
}

/// Two mounts at one place.
#[derive(Debug, thiserror::Error)]
#[error("two applications are mounted at `{0}/`")]
pub struct MountError(String);

/// From a host and a path to the number of what stands there; the same for all cores.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// None where no mount names a host.
    hosts: Option<Box<Hosts>>,
    any: Paths,
}

/// Mounts by host.
#[derive(Debug, Default)]
struct Hosts {
    exact: HashMap<String, Paths>,
    /// Without the star and the dot.
    under: HashMap<String, Paths>,
}

/// Mounts by their decoded path without a trailing slash; the root is the empty path.
#[derive(Debug, Default)]
struct Paths {
    root: Option<usize>,
    mounts: HashMap<Arc<str>, usize>,
    depth_max: usize,
}

impl Index {
    /// Adds a mount; the host is any where none is named.
    pub(crate) fn insert(
        &mut self,
        host: Option<&HostPattern>,
        path: &str,
        number: usize,
    ) -> Result<(), MountError> {
        let paths = match host {
            None => &mut self.any,
            Some(HostPattern::Exact(name)) => self.hosts().exact.entry(name.clone()).or_default(),
            Some(HostPattern::Under(name)) => self.hosts().under.entry(name.clone()).or_default(),
        };
        let before = if path.is_empty() {
            paths.root.replace(number)
        } else {
            paths.depth_max = paths.depth_max.max(path.matches('/').count());
            paths.mounts.insert(path.into(), number)
        };
        let place = || host.map_or_else(|| path.to_owned(), |host| format!("{host}{path}"));
        before.map_or(Ok(()), |_| Err(MountError(place())))
    }

    fn hosts(&mut self) -> &mut Hosts {
        self.hosts.get_or_insert_default()
    }

    /// Looks a path up in the mounts of a host: its own, then those of all hosts under a name, the
    /// longest name first, then those of any host.
    #[inline]
    fn find<'h>(&self, host: impl FnOnce() -> Option<&'h str>, path: &str) -> Option<At<'_>> {
        let by_host = self.hosts.as_ref().and_then(|hosts| hosts.find(host()?, path));
        by_host.or_else(|| self.any.find(path))
    }
}

/// A mount that a path leads to.
struct At<'a> {
    number: usize,
    /// None for a root.
    script_name: Option<&'a Arc<str>>,
    script_length: usize,
}

impl Hosts {
    fn find(&self, authority: &str, path: &str) -> Option<At<'_>> {
        let host = authority::host(authority);
        let exact = self.exact.get(&*host).and_then(|paths| paths.find(path));
        exact.or_else(|| {
            let mut names = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
            names.find_map(|name| self.under.get(name)?.find(path))
        })
    }
}

impl Paths {
    #[inline]
    fn find(&self, path: &str) -> Option<At<'_>> {
        if !self.mounts.is_empty()
            && let Some((mount, number)) = self.longest(path)
            && let Some(script_length) = path::mount_length(path, mount)
        {
            return Some(At { number, script_name: Some(mount), script_length });
        }
        self.root.map(|number| At { number, script_name: None, script_length: 0 })
    }

    /// Looks the path up with one segment less each time, so that ten thousand mounts cost as much
    /// as one.
    fn longest(&self, path: &str) -> Option<(&Arc<str>, usize)> {
        let segments = path.split('/').skip(1).take(self.depth_max);
        let mut decoded = String::with_capacity(path.len());
        let mut ends = Vec::with_capacity(self.depth_max);
        for segment in segments {
            let segment = path::decode(segment);
            // An encoded slash cannot be part of a mount's segment.
            let segment = std::str::from_utf8(&segment).ok().filter(|text| !text.contains('/'));
            let Some(segment) = segment else { break };
            decoded.push('/');
            decoded.push_str(segment);
            ends.push(decoded.len());
        }
        let found = ends.iter().rev().find_map(|end| self.mounts.get_key_value(&decoded[..*end]));
        found.map(|(mount, number)| (mount, *number))
    }
}

thread_local! {
    /// Of the core that this thread is.
    static CURRENT: RefCell<Site> = RefCell::new(Site::nothing());
}

/// Looks something up in this core's site, which stays as it is meanwhile.
#[inline]
pub(crate) fn current<T>(look: impl FnOnce(&Site) -> T) -> T {
    CURRENT.with(|site| look(&site.borrow()))
}

/// Gives this core another site, and calls those who wait for it; the one before is given up.
pub(crate) fn install(site: Site) {
    // Not in the borrow: leases are dropped here.
    drop(CURRENT.with(|current| current.replace(site)));
    gate::call();
}

/// One core's mounts.
pub(crate) struct Site {
    index: Arc<Index>,
    /// What every path of every host leads to, where the only mount is a root.
    only: Option<usize>,
    /// By number.
    served: Vec<Served>,
    /// The path of a root, counted on this core.
    empty: Arc<str>,
}

/// What stands at a number, for one core.
#[derive(Debug)]
pub(crate) enum Served {
    Stack(Lease),
    Out(Arc<str>),
    Held(Arc<Gate>),
}

impl Site {
    pub(crate) fn new(index: Arc<Index>, served: Vec<Served>) -> Self {
        let only = index.any.root.filter(|_| index.hosts.is_none() && index.any.mounts.is_empty());
        Self { index, only, served, empty: Arc::from("") }
    }

    /// No mounts.
    pub(crate) fn nothing() -> Self {
        Self::new(Arc::default(), Vec::new())
    }

    /// What a checked path leads to: the mount with the longest path. The host is asked for only
    /// where mounts name some.
    #[inline]
    pub(crate) fn find<'h>(&self, host: impl FnOnce() -> Option<&'h str>, path: &str) -> Found<'_> {
        if let Some(number) = self.only {
            return self.served[number].found(&self.empty, 0);
        }
        let Some(At { number, script_name, script_length }) = self.index.find(host, path) else {
            return Found::Nothing;
        };
        self.served[number].found(script_name.unwrap_or(&self.empty), script_length)
    }
}

impl Served {
    #[inline]
    fn found<'a>(&'a self, script_name: &'a Arc<str>, script_length: usize) -> Found<'a> {
        match self {
            Self::Stack(lease) => Found::Mount(Mount { lease, script_name, script_length }),
            Self::Out(why) => Found::Unavailable(why),
            Self::Held(gate) => Found::Held(gate),
        }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.served).finish()
    }
}

#[cfg(all(test, not(dsgi_loom)))]
mod tests {
    use super::*;

    /// A site whose mounts say their own names; a host stands before the path.
    fn site(mounts: &[&str]) -> Site {
        let mut index = Index::default();
        for (number, mount) in mounts.iter().enumerate() {
            let (host, path) = mount.split_at(mount.find('/').expect("a path"));
            let host = (!host.is_empty()).then(|| host.parse().expect("a pattern"));
            index.insert(host.as_ref(), path.trim_end_matches('/'), number).expect("one mount");
        }
        let served = mounts.iter().map(|mount| Served::Out(Arc::from(*mount)));
        Site::new(index.into(), served.collect())
    }

    fn name(found: Found<'_>) -> String {
        match found {
            Found::Unavailable(why) => why.to_owned(),
            Found::Nothing => String::from("nothing"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_longest_mount_answers() {
        let expected = [
            ("/shop", "/shop"),
            ("/shop/", "/shop"),
            ("/shop/admin/users", "/shop/admin"),
            ("/shop/administrator", "/shop"),
            ("/sh%6Fp/x", "/shop"),
            ("/a%20b/c", "/a b"),
            ("/shop%2Fadmin", "nothing"),
            ("/shopping", "nothing"),
            ("/", "nothing"),
        ];
        let found = site(&["/shop", "/shop/admin", "/a b"]);
        for (path, mount) in expected {
            assert_eq!(name(found.find(|| panic!("no mount names a host"), path)), mount, "{path}");
        }
        let found = site(&["/shop", "/"]);
        assert_eq!(name(found.find(|| None, "/elsewhere")), "/");
    }

    #[test]
    fn a_host_has_its_mounts_before_those_of_any() {
        let mounts = [
            "/",
            "/any",
            "example.org/",
            "example.org/shop",
            "*.example.org/",
            "*.b.example.org/shop",
            "[::1]/",
        ];
        let found = site(&mounts);
        for (host, path, mount) in [
            (Some("example.org"), "/", "example.org/"),
            (Some("Example.ORG.:8080"), "/shop/x", "example.org/shop"),
            (Some("a.example.org"), "/shop", "*.example.org/"),
            (Some("a.b.example.org"), "/shop", "*.b.example.org/shop"),
            // The longer name has no such path.
            (Some("a.b.example.org"), "/x", "*.example.org/"),
            (Some("b.example.org"), "/shop", "*.example.org/"),
            (Some("badexample.org"), "/", "/"),
            (Some("org"), "/any/x", "/any"),
            (Some("[::1]:80"), "/", "[::1]/"),
            (None, "/any", "/any"),
            (Some(""), "/", "/"),
        ] {
            assert_eq!(name(found.find(|| host, path)), mount, "{host:?} {path}");
        }
        let found = site(&["example.org/shop", "/"]);
        assert_eq!(name(found.find(|| Some("example.org"), "/x")), "/");
        let found = site(&["example.org/shop"]);
        assert_eq!(name(found.find(|| Some("example.org"), "/x")), "nothing");
        assert_eq!(name(found.find(|| None, "/shop")), "nothing");
    }

    #[test]
    fn one_place_has_one_mount() {
        let host: HostPattern = "example.org".parse().unwrap();
        let under: HostPattern = "*.example.org".parse().unwrap();
        let mut index = Index::default();
        for host in [None, Some(&host), Some(&under)] {
            index.insert(host, "/shop", 0).unwrap();
            index.insert(host, "", 1).unwrap();
        }
        let mut twice = |host, path| index.insert(host, path, 2).unwrap_err().to_string();
        assert_eq!(twice(None, "/shop"), "two applications are mounted at `/shop/`");
        assert_eq!(twice(Some(&under), ""), "two applications are mounted at `*.example.org/`");
    }
}
