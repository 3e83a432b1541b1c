//! Layers, threads, and the life of a library.

use super::Kept::{Held, Impossible};
use super::Shown::{Mistake, Type};
use super::rules;

rules! {
    Stacks;

    /// Who says that it never waits does not wait: a core serves many connections. The host names
    /// who holds one.
    NOT_WAITING = 64, "layer-not-waiting", Layer,
        Held("tests/watchdog.rs: who_holds_a_core_is_named");

    /// What is borrowed of an environ does not outlive it, and who keeps the environ keeps the
    /// request: nothing of it can be used after its end.
    NOTHING_LATER = 65, "layer-nothing-later", App, Impossible(Mistake("borrowed_environ"));

    /// Whoever made a thing frees it: everything that passes over the boundary brings the function
    /// that does.
    FREED_BY_MAKER = 67, "layer-freed-by-maker", App,
        Impossible(Type("what_is_owned_brings_its_release"));

    /// A request keeps every library it meets loaded, until nothing of it is left.
    KEPT_LOADED = 68, "layer-kept-loaded", Host,
        Held("tests/swap.rs: swaps_under_load_lose_cut_and_mix_nothing");

    /// The validator is a layer like others and changes nothing: status, fields, bytes and the
    /// moments at which they are sent stay what they are without it.
    TRANSPARENT = 70, "layer-validator-transparent", Layer,
        Held("tests/validator/transparent.rs: responses_are_the_same_with_and_without_it");

    /// A layer may pass exchange and answer on untouched, whatever the flavour of what is inside.
    UNTOUCHED = 102, "layer-untouched", Host,
        Held("plugin-api/tests/shape/layers.rs: a_layer_passes_exchange_and_reply_on_untouched");

    /// What a body keeps may go from thread to thread.
    SEND = 103, "layer-send", App, Impossible(Mistake("not_send"));

    /// An application is called by several threads at once.
    SYNC = 104, "layer-sync", App,
        Impossible(Type("an_application_is_shared_between_threads"));
}
