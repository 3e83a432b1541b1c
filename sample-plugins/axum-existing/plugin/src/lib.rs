//! An application that knows nothing of any of this, as a library.

dsgi::service!(axum_existing::router);

#[cfg(test)]
mod tests {
    use dsgi::test::App;

    #[test]
    fn snippets_are_kept_found_and_forgotten() {
        let app = App::service(axum_existing::router, ()).unwrap();
        let kept = app.request("POST", "/snippets").body("a line of text").send();
        assert_eq!((kept.status(), kept.header("location")), (201, Some("snippets/1")));
        assert_eq!(app.get("/snippets/1").text(), "a line of text");
        assert_eq!(app.get("/snippets?with=line").text(), "[1]");
        assert_eq!(app.get("/snippets?with=lines").text(), "[]");
        assert_eq!(app.request("DELETE", "/snippets/1").send().status(), 204);
        assert_eq!(app.get("/snippets/1").status(), 404);
        let large = "x".repeat(64 * 1024 + 1);
        assert_eq!(app.request("POST", "/snippets").body(large).send().status(), 413);
        assert_eq!(app.get("/elsewhere").text(), "no such page\n");
    }
}
