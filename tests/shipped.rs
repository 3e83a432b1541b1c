//! The layers and applications that come with the host, as the libraries of `sample-plugins`: over
//! real sockets, byte for byte where it matters, and with curl as a second client.

mod files;

use std::net::SocketAddr;
use std::process::Command;

/// What curl makes of it: its standard output, of a transfer that must succeed.
fn curl(address: SocketAddr, path: &str, options: &[&str]) -> Vec<u8> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60"])
        .args(options)
        .arg(format!("http://{address}{path}"))
        .output()
        .expect("curl is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl {options:?} {path}: {said}");
    output.stdout
}

/// The same as text.
fn curl_text(address: SocketAddr, path: &str, options: &[&str]) -> String {
    String::from_utf8(curl(address, path, options)).expect("text")
}
