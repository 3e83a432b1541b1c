//! The service in tonic's own words: what `protoc` would make of the text in src/lib.rs, on a
//! machine that has none.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let service = Service::builder()
        .name("Greeter")
        .package("greeter.v1")
        .comment("Who greets.")
        .method(method("say_hello", "SayHello", ["Hello", "Reply"]).build())
        .method(method("greet", "Greet", ["Hello", "Reply"]).server_streaming().build())
        .method(method("gather", "Gather", ["Hello", "Reply"]).client_streaming().build())
        .method(
            method("talk", "Talk", ["Hello", "Reply"])
                .client_streaming()
                .server_streaming()
                .build(),
        )
        .method(method("meet", "Meet", ["Hello", "Reply"]).build())
        .method(method("who", "Who", ["Nothing", "Guests"]).build())
        .method(method("change_hours", "ChangeHours", ["Hours", "Hours"]).build())
        .build();
    Builder::new().build_transport(false).compile(&[service]);
}

fn method(name: &str, route: &str, [input, output]: [&str; 2]) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(format!("crate::messages::{input}"))
        .output_type(format!("crate::messages::{output}"))
        .codec_path("tonic_prost::ProstCodec")
}
