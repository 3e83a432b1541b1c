//! One burst of wrk: closed loop, 64 keep-alive connections, one thread on the loading core.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cores::Cores;
use crate::process::{output, pinned};
use crate::tools::WRK;

/// What one burst did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Burst {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Loads a server for one second.
pub(crate) fn burst(address: SocketAddr, cores: Cores) -> Result<Burst> {
    burst_of(address, "/", &[], cores)
}

/// The same for another path, with these headers; `host` is its own.
pub(crate) fn burst_of(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    cores: Cores,
) -> Result<Burst> {
    let mut command = pinned(cores.load, WRK.find()?)?;
    command.args(["-t1", "-c64", "-d1s", "--latency"]);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    command.arg(format!("http://{address}{path}"));
    read(&output(command, DEADLINE)?)
}

fn read(text: &str) -> Result<Burst> {
    // These lines are printed only when there is something to complain of.
    if let Some(line) = text
        .lines()
        .find(|line| line.contains("Socket errors:") || line.contains("Non-2xx or 3xx responses:"))
    {
        bail!("requests failed: {}", line.trim());
    }
    let first = |line: &str| line.split_ascii_whitespace().next().unwrap_or_default().to_owned();
    let after = |mark: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(mark));
        line.map(first).with_context(|| format!("wrk printed no `{mark}`"))
    };
    let requests = text.lines().find(|line| line.contains(" requests in ")).map(first);
    let requests: f64 = requests.context("wrk printed no sum of requests")?.parse()?;
    if requests < 1.0 {
        bail!("no request was answered");
    }
    Ok(Burst {
        requests,
        per_second: after("Requests/sec:")?.parse()?,
        p50_ms: ms(&after("50%")?)?,
        p99_ms: ms(&after("99%")?)?,
    })
}

fn ms(text: &str) -> Result<f64> {
    let units = [("us", 1000.0), ("ms", 1.0), ("s", 0.001)];
    let found = units.iter().find_map(|(unit, per_ms)| Some((text.strip_suffix(unit)?, per_ms)));
    let (number, per_ms) = found.with_context(|| format!("`{text}` is no time"))?;
    Ok(number.parse::<f64>()? / per_ms)
}

const DEADLINE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Running 1s test @ http://127.0.0.1:40001/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.02ms  500.00us  12.00ms   90.00%
    Req/Sec    62.00k     2.00k   66.00k    80.00%
  Latency Distribution
     50%  940.00us
     75%    1.10ms
     90%    1.50ms
     99%    7.70ms
  61950 requests in 1.00s, 8.30MB read
Requests/sec:  61901.25
Transfer/sec:      8.29MB
";

    #[test]
    fn the_figures_are_read() {
        let burst = Burst { requests: 61950.0, per_second: 61901.25, p50_ms: 0.94, p99_ms: 7.7 };
        assert_eq!(read(TEXT).unwrap(), burst);
    }

    #[test]
    fn a_burst_with_failures_is_no_figure() {
        let bad = format!("{TEXT}  Non-2xx or 3xx responses: 3\n");
        assert!(read(&bad).unwrap_err().to_string().contains("Non-2xx"));
        let cut = format!("{TEXT}  Socket errors: connect 0, read 2, write 0, timeout 0\n");
        assert!(read(&cut).is_err());
        assert!(read(&TEXT.replace("61950 requests", "0 requests")).is_err());
        assert!(read(&TEXT.replace("50%", "")).is_err());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(ms("1.50s").unwrap(), 1500.0);
        assert!(ms("1.50m").is_err());
    }
}
