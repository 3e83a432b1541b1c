//! A server of gRPC, as it is: `greeter` is what any server of tonic has in a library of its own.
//!
//! `tonic::transport::Server` is not there: the host speaks HTTP/2, and asks the routes.

dsgi::service!(greeter::routes, name = "tonic-greeter");

#[cfg(test)]
mod tests {
    use dsgi::test::{App, Response};

    /// Calls with a message of one field, as it stands on the wire.
    fn say_hello(name: &str) -> Response {
        let app = App::service(greeter::routes, ()).unwrap();
        let length = u8::try_from(name.len()).unwrap();
        let mut message = vec![0, 0, 0, 0, length + 2, b'\n', length];
        message.extend_from_slice(name.as_bytes());
        let call = app.request("POST", "/greeter.v1.Greeter/SayHello");
        call.header("content-type", "application/grpc").body(message).send()
    }

    #[test]
    fn a_guest_is_greeted() {
        let reply = say_hello("ada");
        assert_eq!(reply.body(), b"\0\0\0\0\x13\n\x11good morning, ada");
        assert!(reply.trailers().any(|field| field == ("grpc-status", "0")));
    }

    #[test]
    fn a_guest_has_a_name() {
        let reply = say_hello("");
        assert_eq!((reply.status(), reply.header("grpc-status")), (200, Some("3")));
    }
}
