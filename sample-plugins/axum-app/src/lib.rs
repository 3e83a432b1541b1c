//! A guest list, written with axum.
//!
//! `app` is what any axum application has; one line makes a library of it. Extractors, state,
//! timers and streams are the framework's own, and work as under `axum::serve`.

mod app;

dsgi::service!(app::router, name = "axum-app");

#[cfg(test)]
mod tests {
    use dsgi::test::App;
    use serde_json::{Value, json};

    use super::app::router;

    #[test]
    fn guests_are_listed_and_found() {
        let app = App::service(router, ()).unwrap();
        let form = app.request("POST", "/guests").form(&[("name", "ada"), ("table", "1")]);
        assert_eq!(form.send().status(), 201);
        let guest = json!({ "name": "grace", "table": 2 });
        assert_eq!(app.request("PUT", "/guests").json(&guest).send().status(), 201);
        assert_eq!(app.get("/guests?table=2").json::<Value>(), json!([guest]));
        assert_eq!(app.get("/guests/ada").json::<Value>()["table"], 1);
        assert_eq!(app.get("/guests/nobody").status(), 404);
    }

    #[test]
    fn timers_and_tasks_run() {
        assert_eq!(App::service(router, ()).unwrap().get("/later").text(), "later\n");
    }

    #[test]
    fn the_clock_ticks_until_the_client_leaves() {
        let app = App::service(router, ()).unwrap();
        let mut response = app.request("GET", "/clock").start();
        assert_eq!(response.header("content-type"), Some("text/event-stream"));
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            assert_eq!(response.next_block().unwrap().unwrap(), event.as_bytes());
        }
        response.leave();
    }
}
