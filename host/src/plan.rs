//! What the host is to serve: names in service, and mounts that are made of names.
//!
//! A mount has an application and layers around it, each by its name. Mounts with equal members
//! share one stack, so that a swap costs by stacks and not by mounts. Invariant: where something
//! else stands at a name, new stacks are made of those that it is a member of, and all others stay.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::authority::HostPattern;
use crate::gate::Gate;
use crate::lease::{Lease, Stack};
use crate::site::{Index, MountError, Served, Site};
use crate::sync::Arc;
use crate::tenure::Tenure;

/// What stands at a name.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A generation in service.
    Serving(Arc<Tenure>),
    /// It is not in service, and why.
    Out(Arc<str>),
    /// Its requests wait: one version ends before the next one starts.
    Held(Arc<Gate>),
}

/// One mount by the names of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Any host, where none is named.
    pub(crate) host: Option<HostPattern>,
    /// Decoded, with or without a slash at its end.
    pub(crate) path: String,
    /// Outermost first.
    pub(crate) layers: Vec<String>,
    pub(crate) app: String,
}

/// As people write it, the root as `/`.
impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.trim_end_matches('/');
        match &self.host {
            Some(host) if path.is_empty() => write!(f, "{host}/"),
            Some(host) => write!(f, "{host}{path}"),
            None if path.is_empty() => f.write_str("/"),
            None => f.write_str(path),
        }
    }
}

/// Names and mounts.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    places: BTreeMap<String, Place>,
    rows: Vec<Row>,
    index: Arc<Index>,
}

/// A row of members that mounts share.
#[derive(Debug)]
struct Row {
    layers: Vec<String>,
    app: String,
    stands: Stands,
}

/// What stands at the mounts of a row.
#[derive(Clone, Debug)]
enum Stands {
    Stack(Arc<Stack>),
    Out(Arc<str>),
    Held(Arc<Gate>),
}

impl Plan {
    /// Lets something else stand at a name; what stood there is given up.
    pub(crate) fn replace(&mut self, name: &str, place: &Place) {
        let Some(stood) = self.places.get_mut(name) else { return };
        stood.clone_from(place);
        for row in self.rows.iter_mut().filter(|row| row.has(name)) {
            row.stands = stands(&self.places, &row.layers, &row.app);
        }
    }

    /// Other mounts, and what stands at names that are new or stand for something else. What
    /// stands at the other names stays, and so does each stack whose members do.
    pub(crate) fn rearrange(
        &mut self,
        mounts: Vec<Mount>,
        places: BTreeMap<String, Place>,
    ) -> Result<(), MountError> {
        let before = std::mem::take(&mut self.rows);
        let mut index = Index::default();
        let mut numbers = HashMap::new();
        let mut named = Vec::new();
        for Mount { host, path, layers, app } in mounts {
            let (path, next) = (path.trim_end_matches('/'), named.len());
            let number = *numbers.entry((layers, app)).or_insert_with_key(|members| {
                named.push(members.clone());
                next
            });
            if let Err(twice) = index.insert(host.as_ref(), path, number) {
                self.rows = before;
                return Err(twice);
            }
        }
        self.settle(&named, &places);
        let stood: HashMap<_, _> =
            before.iter().map(|row| ((&*row.layers, &*row.app), &row.stands)).collect();
        let rows = named.into_iter().map(|(layers, app)| {
            let moved = layers.iter().chain([&app]).any(|name| places.contains_key(name));
            let kept = stood.get(&(&*layers, &*app)).filter(|_| !moved);
            let stands = kept.map_or_else(
                || stands(&self.places, &layers, &app),
                |stands| Stands::clone(stands),
            );
            Row { layers, app, stands }
        });
        self.rows = rows.collect();
        self.index = Arc::new(index);
        Ok(())
    }

    /// What stands at the names of mounts, and at no others.
    fn settle(&mut self, named: &[(Vec<String>, String)], places: &BTreeMap<String, Place>) {
        let mut before = std::mem::take(&mut self.places);
        for name in named.iter().flat_map(|(layers, app)| layers.iter().chain([app])) {
            if !self.places.contains_key(name) {
                let place = places.get(name).cloned().or_else(|| before.remove(name));
                let place = place.unwrap_or_else(|| Place::Out(Arc::from("it is not in service")));
                self.places.insert(name.clone(), place);
            }
        }
    }

    /// Everything that serves, once.
    pub(crate) fn tenures(&self) -> impl Iterator<Item = &Arc<Tenure>> {
        self.places.values().filter_map(|place| match place {
            Place::Serving(tenure) => Some(tenure),
            Place::Out(_) | Place::Held(_) => None,
        })
    }

    /// One core's copy. Mounts of one stack share one lease.
    pub(crate) fn for_core(&self, core: usize) -> Site {
        let served = self.rows.iter().map(|row| match &row.stands {
            Stands::Stack(stack) => Served::Stack(Lease::share(stack, core)),
            Stands::Out(why) => Served::Out(Arc::clone(why)),
            Stands::Held(gate) => Served::Held(Arc::clone(gate)),
        });
        Site::new(Arc::clone(&self.index), served.collect())
    }
}

impl Row {
    fn has(&self, name: &str) -> bool {
        self.app == name || self.layers.iter().any(|layer| layer == name)
    }
}

/// A stack, where all members serve; otherwise the outermost one that does not decides.
fn stands(places: &BTreeMap<String, Place>, layers: &[String], app: &str) -> Stands {
    let mut around = Vec::with_capacity(layers.len());
    for name in layers.iter().map(|layer| &**layer).chain([app]) {
        match places.get(name) {
            Some(Place::Serving(tenure)) => around.push(Arc::clone(tenure)),
            Some(Place::Out(why)) => return Stands::Out(Arc::clone(why)),
            Some(Place::Held(gate)) => return Stands::Held(Arc::clone(gate)),
            None => return Stands::Out(Arc::from("it is not in service")),
        }
    }
    match around.split_last() {
        Some((app, layers)) => Stands::Stack(Stack::new(app, layers)),
        None => Stands::Out(Arc::from("it is not in service")),
    }
}

#[cfg(all(test, not(dsgi_loom)))]
mod tests {
    use dsgi::export::link;
    use dsgi::{Environ, StartResponse};

    use super::*;
    use crate::plugin::generation::Generation;
    use crate::tenure::DebugHeaders;

    async fn answer(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 0]> {
        start_response("200 OK", &[])?;
        Ok([])
    }

    fn tenure() -> Arc<Tenure> {
        let generation = Generation::linked(&link(answer)).expect("it has its functions");
        let tenure = Tenure::open(Arc::new(generation), DebugHeaders::Hidden, &Arc::default());
        tenure.expect("it needs no threads")
    }

    fn serving(names: &[&str]) -> BTreeMap<String, Place> {
        let serving = |name: &&str| ((*name).to_owned(), Place::Serving(tenure()));
        names.iter().map(serving).collect()
    }

    /// A mount as `PATH LAYER... APP`.
    fn mount(text: &str) -> Mount {
        let mut words = text.split_whitespace().map(str::to_owned);
        let path = words.next().expect("a path");
        let (mut layers, host) = (words.collect::<Vec<_>>(), None);
        let app = layers.pop().expect("an application");
        Mount { host, path, layers, app }
    }

    /// The stacks of the rows, as addresses; what is no stack says why.
    fn stacks(plan: &Plan) -> Vec<String> {
        let text = |row: &Row| match &row.stands {
            Stands::Stack(stack) => format!("{:p}", Arc::as_ptr(stack)),
            Stands::Out(why) => why.to_string(),
            Stands::Held(_) => String::from("held"),
        };
        plan.rows.iter().map(text).collect()
    }

    fn rearranged(mounts: &[&str], names: &[&str]) -> Plan {
        let mut plan = Plan::default();
        let mounts = mounts.iter().map(|text| mount(text)).collect();
        plan.rearrange(mounts, serving(names)).expect("one mount at each place");
        plan
    }

    #[test]
    fn mounts_of_equal_members_share_a_stack() {
        let mounts = ["/a log shop", "/b log shop", "/c shop", "/d log blog", "/e shop"];
        let plan = rearranged(&mounts, &["log", "shop", "blog"]);
        assert_eq!(stacks(&plan).len(), 3);
        let shares: Vec<String> = mounts
            .iter()
            .map(|mount| {
                let path = mount.split_whitespace().next().unwrap_or_default();
                format!("{:?}", plan.for_core(0).find(|| None, path))
            })
            .collect();
        assert!(shares.iter().all(|found| found.contains("Lease")), "{shares:?}");
    }

    #[test]
    fn a_swap_makes_new_stacks_where_it_is_a_member_and_leaves_the_others() {
        let mounts = ["/a log shop", "/c shop", "/d log blog"];
        let mut plan = rearranged(&mounts, &["log", "shop", "blog"]);
        let before = stacks(&plan);
        plan.replace("blog", &Place::Serving(tenure()));
        let after = stacks(&plan);
        assert_eq!(before[..2], after[..2]);
        assert_ne!(before[2], after[2]);
        // The outermost member that is not in service decides.
        plan.replace("blog", &Place::Out("no blog".into()));
        assert_eq!(stacks(&plan)[2], "no blog");
        plan.replace("log", &Place::Out("no log".into()));
        assert_eq!(stacks(&plan)[0], "no log");
        assert_eq!(stacks(&plan)[1], before[1]);
        assert_eq!(stacks(&plan)[2], "no log");
        plan.replace("nobody", &Place::Serving(tenure()));
        assert_eq!(plan.tenures().count(), 1);
    }

    #[test]
    fn other_mounts_leave_the_stacks_whose_members_stay() {
        let mut plan =
            rearranged(&["/a log shop", "/b blog", "/c zip blog"], &["log", "shop", "blog"]);
        let before = stacks(&plan);
        assert_eq!(before[2], "it is not in service");
        let mounts = ["/b blog", "/x log shop", "/a zip shop"].map(mount);
        plan.rearrange(mounts.into(), serving(&["zip"])).unwrap();
        let after = stacks(&plan);
        assert_eq!(after[..2], [before[1].clone(), before[0].clone()]);
        assert!(after[2].starts_with("0x"), "{after:?}");
        let twice = ["/b blog", "/b/ shop"].map(mount);
        assert!(plan.rearrange(twice.into(), BTreeMap::new()).is_err());
        assert_eq!(stacks(&plan), after, "a refused change has changed something");
        plan.rearrange(["/b blog"].map(mount).into(), BTreeMap::new()).unwrap();
        assert_eq!(plan.tenures().count(), 1, "what is no member any more is kept");
    }

    #[test]
    fn of_ten_thousand_mounts_a_change_touches_its_own() {
        let names: Vec<String> = (0..100).map(|number| format!("app-{number}")).collect();
        let mounts = |moved: usize| -> Vec<Mount> {
            let place = |number: usize| {
                let layer = if number == moved { "other" } else { "log" };
                mount(&format!("/{number}/x {layer} app-{}", number % 100))
            };
            (0..10_000).map(place).collect()
        };
        let mut places = serving(&["log", "other"]);
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        places.extend(serving(&names));
        let mut plan = Plan::default();
        plan.rearrange(mounts(usize::MAX), places).unwrap();
        let before = stacks(&plan);
        assert_eq!(before.len(), 100);
        plan.rearrange(mounts(7), serving(&["other"])).unwrap();
        let after = stacks(&plan);
        assert_eq!(after.len(), 101);
        assert!(before.iter().all(|stack| after.contains(stack)));
    }
}
