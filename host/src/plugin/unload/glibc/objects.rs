//! What libraries have brought into this process, and whose it is.
//!
//! A library is all objects that its opening needs: itself, and those it is linked against that
//! the host did not have before any library came. One that several libraries need is counted for
//! each. Invariant: opens and closes run one at a time, so what is new after an open is its own.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::mapped;
use super::ranges::Ranges;
use crate::plugin::file_bytes::FileBytes;
use crate::plugin::inspect::Stays;
use crate::plugin::inspect::linkage::{Linkage, linkage};
use crate::plugin::unload::Owner;

/// One object and whose it is.
#[derive(Debug)]
struct Object {
    file: PathBuf,
    range: Range<usize>,
    linkage: Linkage,
    /// Where those begin that it is linked against.
    needs: Vec<usize>,
    fate: Fate,
    users: Vec<User>,
}

/// Whether the linker unmaps an object with the last that needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Goes,
    /// It cannot be unmapped, or something needs it that cannot, such as C++'s standard library.
    Stays,
}

/// An object that a library needs and that does not go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) ranges: Ranges,
    pub(crate) fate: Fate,
}

/// One library that needs an object.
#[derive(Debug)]
struct User {
    owner: Owner,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InUse,
    /// Nobody uses it any more.
    Leaving,
}

/// Objects that libraries have brought.
static OBJECTS: Mutex<Vec<Object>> = Mutex::new(Vec::new());
/// Held while a library is opened or closed.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What one library has brought, by the first address of each.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    owner: Owner,
    main: usize,
    objects: Vec<usize>,
}

/// The right to open or close a library.
#[derive(Debug)]
pub(crate) struct Turn {
    _turn: MutexGuard<'static, ()>,
}

/// Waits until nobody opens or closes a library, and keeps others from it.
pub(crate) fn turn() -> Turn {
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // The first time, no library has come yet.
    hosts_own();
    Turn { _turn: turn }
}

/// Where the objects begin that were there before the first library.
fn hosts_own() -> &'static HashSet<usize> {
    static OWN: OnceLock<HashSet<usize>> = OnceLock::new();
    OWN.get_or_init(|| mapped::objects().into_iter().map(|object| object.range.start).collect())
}

impl Turn {
    /// Records what the opening of a file has brought; `None` when the file is not mapped.
    pub(crate) fn adopt(&self, file: &Path, owner: Owner) -> Option<Brought> {
        let mapped = mapped::objects();
        let main = mapped.iter().find(|object| object.file == file)?.range.start;
        let mut objects = lock();
        let mut brought = Vec::new();
        let mut waiting = vec![main];
        while let Some(start) = waiting.pop() {
            if brought.contains(&start) || hosts_own().contains(&start) {
                continue;
            }
            let Some(found) = mapped.iter().find(|object| object.range.start == start) else {
                continue;
            };
            brought.push(start);
            let known = objects.iter().position(|object| object.range == found.range);
            let index = known.unwrap_or_else(|| {
                objects.push(Object::new(found));
                objects.len() - 1
            });
            let user = User { owner: owner.clone(), state: State::InUse };
            objects[index].users.push(user);
            let needed = objects[index].linkage.needed.clone();
            let needs = needed.iter().filter_map(|name| find(&mapped, &objects, name));
            objects[index].needs = needs.collect();
            waiting.extend(&objects[index].needs);
        }
        keep(&mut objects);
        Some(Brought { owner, main, objects: brought })
    }
}

/// What stays keeps all that it needs.
fn keep(objects: &mut [Object]) {
    let stays = |object: &Object| object.fate == Fate::Stays;
    loop {
        let kept: HashSet<usize> =
            objects.iter().filter(|one| stays(one)).flat_map(|one| one.needs.clone()).collect();
        let mut new = objects.iter_mut().filter(|one| kept.contains(&one.range.start));
        match new.find(|one| !stays(one)) {
            Some(object) => object.fate = Fate::Stays,
            None => return,
        }
    }
}

/// The mapped object that the linker takes for a name.
fn find(mapped: &[mapped::Object], objects: &[Object], name: &str) -> Option<usize> {
    let by_file = mapped.iter().find(|object| {
        object.file == Path::new(name) || object.file.file_name().is_some_and(|file| file == name)
    });
    let by_name = || objects.iter().find(|object| object.linkage.name.as_deref() == Some(name));
    by_file.map(|object| object.range.start).or_else(|| by_name().map(|object| object.range.start))
}

fn bytes(file: &Path) -> io::Result<FileBytes> {
    FileBytes::map(&File::open(file)?)
}

impl Object {
    fn new(mapped: &mapped::Object) -> Self {
        // A file that cannot be read any more says nothing; whether it goes is looked at anyway.
        let linkage = bytes(&mapped.file).ok().and_then(|bytes| linkage(&bytes).ok());
        let linkage = linkage.unwrap_or_default();
        let (file, range) = (mapped.file.clone(), mapped.range.clone());
        let fate = if linkage.never_unloads.is_empty() { Fate::Goes } else { Fate::Stays };
        Self { file, range, linkage, needs: Vec::new(), fate, users: Vec::new() }
    }

    /// Whether it goes, and no library that needs it is in use.
    fn is_leaving(&self) -> bool {
        self.fate == Fate::Goes && self.users.iter().all(|user| user.state == State::Leaving)
    }

    /// What a user calls it.
    fn name(&self) -> String {
        let name = self.file.file_name().unwrap_or(self.file.as_os_str());
        name.display().to_string()
    }
}

impl Brought {
    /// Why the linker never unmaps the library; empty when it does.
    pub(crate) fn stays(&self) -> Vec<Stays> {
        let objects = lock();
        let main = objects.iter().find(|object| object.range.start == self.main);
        main.map_or_else(Vec::new, |main| main.linkage.never_unloads.clone())
    }

    /// Everything it has brought, also what others need as well.
    pub(crate) fn all(&self) -> Ranges {
        self.ranges(|_| true)
    }

    /// Nobody uses it any more.
    pub(crate) fn leave(&self) {
        let mut objects = lock();
        let users = objects.iter_mut().flat_map(|object| &mut object.users);
        users.filter(|user| user.owner == self.owner).for_each(|user| user.state = State::Leaving);
    }

    /// What is in no use any more: what goes with it, or with the last of those that leave too.
    pub(crate) fn own(&self) -> Ranges {
        self.ranges(Object::is_leaving)
    }

    /// What nobody uses beside it: a thread that runs code of that is its own.
    pub(super) fn alone(&self) -> Ranges {
        let left = |user: &User| user.owner == self.owner || user.state == State::Leaving;
        self.ranges(|object| object.users.iter().all(left))
    }

    /// What it needs and does not take with it.
    pub(crate) fn shared(&self) -> Vec<Shared> {
        let objects = lock();
        let shared = self.of(&objects).filter(|object| !object.is_leaving());
        let shared = shared.map(|object| Shared {
            name: object.name(),
            ranges: Ranges::from_iter([object.range.clone()]),
            fate: object.fate,
        });
        shared.collect()
    }

    fn ranges(&self, which: impl Fn(&Object) -> bool) -> Ranges {
        let objects = lock();
        self.of(&objects).filter(|one| which(one)).map(|one| one.range.clone()).collect()
    }

    fn of<'a>(&self, objects: &'a [Object]) -> impl Iterator<Item = &'a Object> + use<'a, '_> {
        objects.iter().filter(|object| self.objects.contains(&object.range.start))
    }

    /// After the close: takes what is gone from the list, and tells the name of an object that
    /// should be gone and is not. What the linker keeps for good stays on the list.
    pub(crate) fn gone(&self, _: &Turn) -> Result<(), String> {
        let mapped = mapped::objects();
        let is_mapped = |object: &Object| {
            let same = |one: &mapped::Object| one.range == object.range && one.file == object.file;
            mapped.iter().any(same)
        };
        let mut objects = lock();
        let mut left = None;
        objects.retain_mut(|object| {
            if !self.objects.contains(&object.range.start) {
                return true;
            }
            let stays = is_mapped(object);
            let is_expected = object.users.len() == 1 && object.fate == Fate::Goes;
            if stays && is_expected {
                left = Some(object.name());
            } else if let Some(user) = object.users.iter().position(|user| user.owner == self.owner)
            {
                object.users.swap_remove(user);
            }
            stays
        });
        left.map_or(Ok(()), Err)
    }
}

/// Whose code lies at an address.
pub(crate) fn owner_of(address: usize) -> Option<Owner> {
    let objects = lock();
    let object = objects.iter().find(|object| object.range.contains(&address))?;
    object.users.first().map(|user| user.owner.clone())
}

/// Where everything lies that libraries have brought.
pub(crate) fn mapped() -> Vec<Range<usize>> {
    lock().iter().map(|object| object.range.clone()).collect()
}

/// How many objects libraries have brought that are still mapped.
#[cfg(test)]
pub(super) fn count() -> usize {
    lock().len()
}

fn lock() -> MutexGuard<'static, Vec<Object>> {
    OBJECTS.lock().unwrap_or_else(PoisonError::into_inner)
}
