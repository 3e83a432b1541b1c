//! A value crosses to another library, so its fields are plain C.

dsgi::value! {
    /// Who is logged in.
    pub struct User {
        /// Its name.
        pub name: String,
    }
}

fn main() {}
