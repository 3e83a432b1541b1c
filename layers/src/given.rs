//! What layers of this crate tell whoever is further in, as typed values.
//!
//! An application needs no feature of this crate to read them, and none of its dependencies.

use dsgi::Text;

dsgi::value! {
    /// Who was let in by the layer `basic-auth`.
    ///
    /// ```
    /// use dsgi::{Environ, StartResponse};
    /// use dsgi_layers::given::User;
    ///
    /// fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    ///     let user = environ.value::<User>()?;
    ///     start_response("200 OK", &[])?;
    ///     Ok([format!("hello, {}\n", user.name)])
    /// }
    /// # dsgi::app!(app);
    /// # fn main() {}
    /// ```
    pub struct User {
        /// The name in the file of users, as `REMOTE_USER`.
        pub name: Text,
    }
}

dsgi::value! {
    /// What the layer `request-id` calls a request.
    ///
    /// ```
    /// use dsgi::{Environ, StartResponse};
    /// use dsgi_layers::given::RequestId;
    ///
    /// fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    ///     let request = &environ.value::<RequestId>()?.id;
    ///     writeln!(environ.errors(), "request {request}: it begins")?;
    ///     start_response("200 OK", &[])?;
    ///     Ok(["done\n"])
    /// }
    /// # use std::io::Write as _;
    /// # dsgi::app!(app);
    /// # fn main() {}
    /// ```
    pub struct RequestId {
        /// As in the header field of the response; at most 128 letters, digits and `-._~:/+=@`.
        pub id: Text,
    }
}
