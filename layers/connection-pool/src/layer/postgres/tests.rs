//! Connections to a server of the test's own.

use super::*;

#[path = "../../../../../tests/harness"]
mod harness {
    #![allow(dead_code, reason = "shared with tests that use all of it")]
    pub(crate) mod postgres;
    pub(crate) mod service;
    pub(crate) mod skip;
    pub(crate) mod user;
}

use harness::postgres::Postgres as Server;
use harness::skip::skip;

const WAIT: Duration = Duration::from_secs(60);

/// All of them on one server, which takes a while to make.
#[test]
fn connections() {
    let Some(mut server) = Server::start() else {
        return skip("layer::postgres::tests::connections", "postgresql is not installed");
    };
    let config: Config = server.address().parse().unwrap();
    let mut connection = open(&config, WAIT).unwrap();
    each_kind_of_cell_is_kept(connection.as_mut());
    what_has_no_cell_is_refused_with_a_way_out(connection.as_mut());
    nothing_of_a_request_outlives_it(connection.as_mut());
    assert!(connection.is_alive());

    server.stop();
    assert!(!connection.is_alive());
    let lost = connection.query("SELECT 1", &[]);
    assert!(matches!(lost, Err(StatementError::Broken(_))), "{lost:?}");
    assert!(connection.reset().is_err());
    assert!(open(&config, WAIT).is_err());
    server.start_again();
    open(&config, WAIT).unwrap();

    a_connection_that_the_server_ends_is_lost(&config, &server);
    drop(connection);
}

fn each_kind_of_cell_is_kept(connection: &mut dyn Connection) {
    let with = [
        Cell::Null,
        Cell::Boolean(true),
        Cell::Integer(-1),
        Cell::Integer(i64::MAX),
        Cell::Real(0.5),
        Cell::Text("'; DROP TABLE a; \u{e9}".to_owned()),
        Cell::Blob(vec![0, 255]),
    ];
    let text = "SELECT $1::text AS a, $2::bool AS b, $3::smallint AS c, $4::bigint AS d, \
                $5::double precision AS e, $6::varchar AS f, $7::bytea AS g";
    let rows = connection.query(text, &with).unwrap();
    assert_eq!(rows.columns, ["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!(rows.rows, [with]);
    let text = "SELECT 1::real, '{\"a\": 1}'::json, 'a'::name, count(*) FROM pg_class WHERE false";
    let kept = [Cell::Real(1.0), "{\"a\": 1}".into(), "a".into(), 0.into()];
    assert_eq!(connection.query(text, &[]).unwrap().rows, [kept]);
}

fn what_has_no_cell_is_refused_with_a_way_out(connection: &mut dyn Connection) {
    let refused = connection.query("SELECT now()", &[]);
    let is_told = |why: &String| why.contains("timestamptz") && why.contains("select it as text");
    assert!(matches!(&refused, Err(StatementError::Refused(why)) if is_told(why)), "{refused:?}");
    let refused = connection.query("SELECT nothing", &[]);
    let named = "column \"nothing\" does not exist";
    assert_eq!(refused, Err(StatementError::Refused(named.to_owned())));
    assert_eq!(connection.query("SELECT now()::text", &[]).unwrap().rows.len(), 1);
}

fn nothing_of_a_request_outlives_it(connection: &mut dyn Connection) {
    connection.execute("CREATE TABLE a (b INTEGER)", &[]).unwrap();
    connection.execute("BEGIN", &[]).unwrap();
    assert_eq!(connection.execute("INSERT INTO a VALUES ($1)", &[1.into()]), Ok(1));
    // A transaction that has failed refuses everything until it ends.
    assert!(connection.query("SELECT nothing", &[]).is_err());
    connection.reset().unwrap();
    assert_eq!(connection.query("SELECT b FROM a", &[]).unwrap().rows, Vec::<Vec<Cell>>::new());
    connection.execute("SET search_path TO nowhere", &[]).unwrap();
    assert!(connection.query("SELECT b FROM a", &[]).is_err());
    connection.reset().unwrap();
    connection.query("SELECT b FROM a", &[]).unwrap();
}

fn a_connection_that_the_server_ends_is_lost(config: &Config, server: &Server) {
    let mut connection = open(config, WAIT).unwrap();
    let number = connection.query("SELECT pg_backend_pid()", &[]).unwrap().rows[0][0].clone();
    let number = number.as_integer().unwrap();
    assert_eq!(server.ask(&format!("SELECT pg_terminate_backend({number})")), ["t"]);
    let lost = connection.query("SELECT 1", &[]);
    assert!(matches!(lost, Err(StatementError::Broken(_))), "{lost:?}");
}
