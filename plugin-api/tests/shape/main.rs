//! The shape of the boundary, tried from both sides before it hardens: a host of a few hundred
//! lines drives applications and layers of every kind through the tables and nothing else.
//!
//! `host` is that host. It never frees a handle before the end, so that a second release, or a use
//! after the release, is counted instead of crashing; every test ends with that count.
#![allow(unsafe_code, reason = "both sides of the boundary are played here, with raw pointers")]

mod async_form;
mod async_middleware;
mod bodies;
mod c;
#[path = "../host/mod.rs"]
mod host;
mod layers;
mod middleware;
mod sizes;
mod sync_form;
mod tower_like;
mod values;
