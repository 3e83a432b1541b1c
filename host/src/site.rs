//! All mounts: which stack answers a path.
//!
//! A site is immutable and replaced whole. Each core has its own copy with its own shares of the
//! stacks, so that dispatch writes to no memory of another core; a core takes a new one between two
//! requests, and whatever it had before is given up there and then.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use crate::gate::{self, Gate};
use crate::invoke::exchange::Mounted;
use crate::lease::{Lease, Stack};
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

/// What stands at a mount.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A stack in service.
    Serving(Arc<Stack>),
    /// An application that is not in service, and why.
    Out(Arc<str>),
    /// Its requests wait: one version ends before the next one starts.
    Held(Arc<Gate>),
}

/// Mounts by their decoded path without a trailing slash; the root is the empty path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    mounts: Vec<Planned>,
}

#[derive(Clone, Debug)]
struct Planned {
    path: Arc<str>,
    app: Arc<str>,
    place: Place,
}

/// Two mounts on one path.
#[derive(Debug, thiserror::Error)]
#[error("two applications are mounted at `{0}/`")]
pub struct MountError(String);

impl Plan {
    /// Adds a mount of an application.
    pub(crate) fn mount(&mut self, path: &str, app: &str, place: Place) -> Result<(), MountError> {
        let path = path.trim_end_matches('/');
        if self.mounts.iter().any(|taken| *taken.path == *path) {
            return Err(MountError(path.to_owned()));
        }
        self.mounts.push(Planned { path: path.into(), app: app.into(), place });
        Ok(())
    }

    /// Puts something else at every mount of an application. What stood there is given up.
    pub(crate) fn replace(&mut self, app: &str, place: &Place) {
        for mount in self.mounts.iter_mut().filter(|mount| *mount.app == *app) {
            mount.place.clone_from(place);
        }
    }

    /// What stands at the mounts of an application.
    pub(crate) fn place(&self, app: &str) -> Option<&Place> {
        self.mounts.iter().find(|mount| *mount.app == *app).map(|mount| &mount.place)
    }

    /// Every stack once.
    pub(crate) fn stacks(&self) -> Vec<&Arc<Stack>> {
        let mut stacks: Vec<&Arc<Stack>> = Vec::new();
        for mount in &self.mounts {
            if let Place::Serving(stack) = &mount.place
                && !stacks.iter().any(|known| Arc::ptr_eq(known, stack))
            {
                stacks.push(stack);
            }
        }
        stacks
    }

    /// One core's copy. Mounts of one stack share one lease.
    pub(crate) fn for_core(&self, core: usize) -> Site {
        let mut root = None;
        let mut mounts = HashMap::new();
        let mut depth_max = 0;
        for Planned { path, place, .. } in &self.mounts {
            let place = match place {
                Place::Serving(stack) => Served::Stack(Lease::share(stack, core)),
                Place::Out(why) => Served::Out(Arc::clone(why)),
                Place::Held(gate) => Served::Held(Arc::clone(gate)),
            };
            if path.is_empty() {
                root = Some(place);
            } else {
                depth_max = depth_max.max(path.matches('/').count());
                mounts.insert(Arc::clone(path), place);
            }
        }
        Site { root, mounts, depth_max, empty: Arc::from("") }
    }
}

thread_local! {
    /// Of the core that this thread is.
    static CURRENT: RefCell<Site> = RefCell::new(Plan::default().for_core(0));
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
    root: Option<Served>,
    mounts: HashMap<Arc<str>, Served>,
    depth_max: usize,
    empty: Arc<str>,
}

#[derive(Debug)]
enum Served {
    Stack(Lease),
    Out(Arc<str>),
    Held(Arc<Gate>),
}

impl Site {
    /// What a checked path leads to: the mount with the longest path.
    #[inline]
    pub(crate) fn find(&self, path: &str) -> Found<'_> {
        if !self.mounts.is_empty()
            && let Some((mount, served)) = self.longest(path)
            && let Some(length) = path::mount_length(path, mount)
        {
            return served.found(mount, length);
        }
        self.root.as_ref().map_or(Found::Nothing, |served| served.found(&self.empty, 0))
    }

    /// Looks the path up with one segment less each time, so that ten thousand mounts cost as much
    /// as one.
    fn longest(&self, path: &str) -> Option<(&Arc<str>, &Served)> {
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
        ends.iter().rev().find_map(|end| self.mounts.get_key_value(&decoded[..*end]))
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
        f.debug_map().entries(&self.mounts).finish()
    }
}

#[cfg(all(test, not(dsgi_loom)))]
mod tests {
    use super::*;

    fn names(found: Found<'_>) -> String {
        match found {
            Found::Mount(mounted) => format!("{}:{}", mounted.script_name, mounted.script_length),
            Found::Unavailable(why) => why.to_owned(),
            Found::Held(gate) => format!("{gate:?}"),
            Found::Nothing => String::from("nothing"),
        }
    }

    #[test]
    fn the_longest_mount_answers() {
        let mut plan = Plan::default();
        for path in ["/shop", "/shop/admin", "/a b"] {
            plan.mount(path, path, Place::Out(path.into())).unwrap();
        }
        assert!(plan.mount("/shop/", "twice", Place::Out("twice".into())).is_err());
        let site = plan.for_core(0);
        for (path, mount) in [
            ("/shop", "/shop"),
            ("/shop/", "/shop"),
            ("/shop/admin/users", "/shop/admin"),
            ("/shop/administrator", "/shop"),
            ("/sh%6Fp/x", "/shop"),
            ("/a%20b/c", "/a b"),
            ("/shop%2Fadmin", "nothing"),
            ("/shopping", "nothing"),
            ("/", "nothing"),
        ] {
            assert_eq!(names(site.find(path)), mount, "{path}");
        }
        plan.mount("/", "root", Place::Out("root".into())).unwrap();
        assert_eq!(names(plan.for_core(0).find("/elsewhere")), "root");
    }
}
