//! A type needs the trait.

struct Shop;

dsgi::app!(type Shop);

fn main() {}
