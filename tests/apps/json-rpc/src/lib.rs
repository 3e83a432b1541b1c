//! The service of `jsonrpsee-server`, a published crate, unmodified: JSON-RPC over HTTP and over
//! WebSockets, with the procedures that the specification of JSON-RPC 2.0 calls in its examples.

use dsgi::tower::HttpService;
use jsonrpsee_server::{Methods, RpcModule, Server, ServerConfig, stop_channel};
use jsonrpsee_server::{SubscriptionMessage, types::ErrorObjectOwned, types::Params};
use tower::ServiceExt;

fn service() -> impl HttpService {
    let (stop, server) = stop_channel();
    let service = Server::builder().set_config(config()).to_service_builder();
    // Its sockets end when nobody holds the server's handle any more.
    service.build(methods(), stop).map_request(move |request| {
        let _server = &server;
        request
    })
}

dsgi::service!(service, name = "json-rpc");

/// How both servers are configured.
#[must_use]
pub fn config() -> ServerConfig {
    ServerConfig::builder().max_request_body_size(10_000).build()
}

/// What can be called.
///
/// # Panics
/// When two have the same name.
#[must_use]
pub fn methods() -> Methods {
    let mut module = RpcModule::new(());
    add(&mut module).expect("each has a name of its own");
    module.into()
}

fn add(module: &mut RpcModule<()>) -> Result<(), jsonrpsee_server::RegisterMethodError> {
    module.register_method("subtract", |params, _, _| subtract(&params))?;
    module.register_method("sum", |params, _, _| {
        params.parse::<Vec<i64>>().map(|terms| terms.iter().sum::<i64>())
    })?;
    module.register_method("get_data", |_, _, _| Ok::<_, ErrorObjectOwned>(("hello", 5)))?;
    for name in ["update", "notify_hello", "notify_sum"] {
        module.register_method(name, |_, _, _| ())?;
    }
    module.register_async_method("later", |params, _, _| async move {
        tokio::task::yield_now().await;
        params.one::<String>().map(|text| text.to_uppercase())
    })?;
    module.register_subscription("count", "counted", "stop", |_, pending, _, _| async move {
        let sink = pending.accept().await?;
        for number in 1..=3 {
            let message = SubscriptionMessage::new("counted", sink.subscription_id(), &number)?;
            sink.send(message).await?;
        }
        Ok(())
    })?;
    Ok(())
}

#[derive(Debug)]
struct Difference(i64, i64);

fn subtract(params: &Params<'_>) -> Result<i64, ErrorObjectOwned> {
    let of = match params.parse::<[i64; 2]>() {
        Ok([minuend, subtrahend]) => Difference(minuend, subtrahend),
        Err(_) => named(params)?,
    };
    Ok(of.0 - of.1)
}

fn named(params: &Params<'_>) -> Result<Difference, ErrorObjectOwned> {
    let named = params.parse::<std::collections::BTreeMap<String, i64>>()?;
    let of = |name: &str| {
        let missing = || ErrorObjectOwned::owned(-32_602, format!("no {name}"), None::<()>);
        named.get(name).copied().ok_or_else(missing)
    };
    Ok(Difference(of("minuend")?, of("subtrahend")?))
}
