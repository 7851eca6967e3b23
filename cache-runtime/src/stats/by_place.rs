//! What is counted for loads that are no functions of their own: by the place in the source, or by a name.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::LazyLock;

use parking_lot::RwLock;

use super::Function;

/// As many as the program has such places.
static PLACES: LazyLock<RwLock<HashMap<Place, &'static Function>>> = LazyLock::new(RwLock::default);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    At(&'static Location<'static>),
    Named(&'static str),
}

impl Function {
    /// That of a load at this place: `src/tokens.rs:42`.
    pub(crate) fn at(location: &'static Location<'static>) -> &'static Self {
        of_place(Place::At(location), || {
            format!("{}:{}", location.file(), location.line())
        })
    }

    /// That of loads with this name.
    pub(crate) fn named(name: &'static str) -> &'static Self {
        of_place(Place::Named(name), || name.to_owned())
    }
}

fn of_place(place: Place, name: impl FnOnce() -> String) -> &'static Function {
    if let Some(function) = PLACES.read().get(&place) {
        return function;
    }
    // Each is made once, and lives as long as the program.
    let make = || &*Box::leak(Box::new(Function::by_hand(name().leak())));
    PLACES.write().entry(place).or_insert_with(make)
}
