//! The same procedures behind the crate's own server. It says where it listens.
#![allow(clippy::print_stdout, reason = "whoever started it waits for the line")]

use std::error::Error;

use jsonrpsee_server::Server;

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let server = Server::builder().set_config(app_json_rpc::config());
        let server = server.build("127.0.0.1:0").await?;
        let address = server.local_addr()?;
        let handle = server.start(app_json_rpc::methods());
        println!("listening on http://{address}");
        handle.stopped().await;
        Ok(())
    })
}
