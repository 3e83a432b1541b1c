//! The tables, the committed schema and the page `docs/config.md` say the same; and defaults that
//! are said are the real ones.
//!
//! `DSGI_RENEW=1 cargo test -p dsgi-host --lib config::schema` writes both anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::cli::Serve;
use crate::config::tables::Tables;
use crate::config::tests::kinds;
use crate::config::{Config, DebugHeaders};
use crate::limits::Limits;
use crate::listener::Listen;
use crate::slot::Policy;

const RENEW: &str = "DSGI_RENEW=1 cargo test -p dsgi-host --lib config::schema";
const BEGIN: &str = "<!-- The tables below are made from the schema: see the test of it. -->\n";

#[test]
fn the_schema_is_as_committed() {
    let now = format!("{:#}\n", schema());
    let committed = project().join("host/src/config/schema.json");
    renew(&committed, &now);
    let is_current = fs::read_to_string(committed).unwrap() == now;
    assert!(is_current, "the schema has changed: {RENEW}");
}

/// Every key stands on the page, and no other.
#[test]
fn the_page_has_every_key() {
    let page = project().join("docs/config.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, _) = text.split_once(BEGIN).expect("the place of the tables");
    let now = format!("{before}{BEGIN}{}", tables(&schema()));
    renew(&page, &now);
    let is_current = fs::read_to_string(page).unwrap() == now;
    assert!(is_current, "the keys have changed: {RENEW}");
}

/// Each example with a mount is a whole config.
#[test]
fn the_examples_of_the_page_are_configs() {
    let page = fs::read_to_string(project().join("docs/config.md")).unwrap();
    let examples = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.toml");
    let mut whole = 0;
    for example in examples.filter(|example| example.contains("[[mount]]")) {
        fs::write(&file, example).unwrap();
        let config = Some(file.clone());
        let config = Config::resolve_with(Serve { config, ..Serve::default() }, &kinds());
        assert!(config.is_ok(), "{}\n{example}", config.unwrap_err());
        whole += 1;
    }
    assert_eq!(whole, 2);
}

/// A config that sets every default is one that sets none.
#[test]
fn defaults_are_the_real_ones() {
    let mut set = 0;
    let mut text =
        String::from("apps.a.path = \"a.so\"\nmount = [{ path = \"/\", app = \"a\" }]\n");
    for (place, table) in
        [("server", "Server"), ("server.limits", "LimitsTable"), ("apps.a.deploy", "Deploy")]
    {
        for (key, property) in keys(&schema()["$defs"][table]) {
            if let Some(default) = property.get("default") {
                set += 1;
                let _ = writeln!(text, "{place}.{key} = {default}");
            }
        }
    }
    assert_eq!(set, 5 + 16 + 4, "defaults were lost:\n{text}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("host.toml"), text).unwrap();
    let config = Some(folder.path().join("host.toml"));
    let config = Config::resolve(Serve { config, ..Serve::default() }).unwrap();
    assert_eq!(*config.limits, Limits::default());
    assert_eq!(config.debug_headers, DebugHeaders::Hidden);
    assert_eq!(Listen::usual().address.to_string(), "127.0.0.1:8080");
    let policy = &config.policies["a"];
    // As far as its author lets it, which no wish changes.
    assert!(policy.probe.is_none(), "{policy:?}");
    assert_eq!(*policy, Policy::default());
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn renew(file: &Path, text: &str) {
    if std::env::var_os("DSGI_RENEW").is_some_and(|value| value == "1") {
        fs::write(file, text).expect("a writable file");
    }
}

/// What schemars makes of the tables, in words of TOML: no null, and defaults as values.
fn schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/$defs".into();
    });
    let mut schema = settings.into_generator().into_root_schema_for::<Tables>().to_value();
    schema["title"] = Value::from("Config of a DSGI host");
    settle(&mut schema);
    schema
}

fn settle(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(settle),
        Value::Object(table) => {
            if table.contains_key("type") || table.contains_key("$ref") || is_choice(table) {
                settle_one(table);
            }
            table.values_mut().for_each(settle);
        }
        _ => {}
    }
}

fn is_choice(table: &Map<String, Value>) -> bool {
    table.contains_key("anyOf") || table.contains_key("allOf")
}

fn settle_one(table: &mut Map<String, Value>) {
    // What a table is without a key is of no use to anybody who writes one.
    table.remove("default");
    table.remove("format");
    if let Some(Value::Array(types)) = table.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = &mut types[..] {
            let only = only.take();
            table.insert(String::from("type"), only);
        }
    }
    if let Some(Value::Array(choices)) = table.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(only)] = &mut choices[..] {
            let only = std::mem::take(only);
            table.remove("anyOf");
            table.extend(only);
        }
    }
    let said = table.get("description").and_then(Value::as_str).map(|said| said.replace('\n', " "));
    let Some(said) = said else { return };
    let (said, default) = match said.split_once(" [default: ") {
        Some((said, default)) => (said.to_owned(), default.strip_suffix(']')),
        None => (said, None),
    };
    table.insert(String::from("description"), said.into());
    if let Some(default) = default {
        let default = serde_json::from_str(default).expect(default);
        table.insert(String::from("default"), default);
    }
}

fn keys(table: &Value) -> Vec<(String, Value)> {
    let properties = table["properties"].as_object().expect("a table");
    properties.iter().map(|(key, property)| (key.clone(), property.clone())).collect()
}

/// A table of Markdown for each table of TOML.
fn tables(schema: &Value) -> String {
    let mut page = String::new();
    let of = |name: &str| schema["$defs"][name].clone();
    for (title, table) in [
        ("The file itself", schema.clone()),
        ("[server]", of("Server")),
        ("[server.limits]", of("LimitsTable")),
        ("[[listen]]", of("Listen")),
        ("[apps.NAME]", of("App")),
        ("[layers.NAME]", of("Layer")),
        ("[apps.NAME.deploy], [layers.NAME.deploy]", of("Deploy")),
        ("[[mount]]", of("Mount")),
    ] {
        let title = if title.starts_with('[') { format!("`{title}`") } else { title.to_owned() };
        let _ =
            write!(page, "\n### {title}\n\n| key | value | default | what |\n|---|---|---|---|\n");
        let required = table["required"].as_array().cloned().unwrap_or_default();
        for (key, property) in keys(&table) {
            let default = match property.get("default") {
                Some(default) => format!("`{default}`"),
                None if required.contains(&Value::from(&*key)) => String::from("must be there"),
                None => String::new(),
            };
            let value = kind(schema, &property);
            let what = property["description"].as_str().expect("a description");
            let _ = writeln!(page, "| `{key}` | {value} | {default} | {what} |");
        }
    }
    page
}

/// What a value looks like, in a word or two.
fn kind(schema: &Value, property: &Value) -> String {
    if let Some(name) = property["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return match name {
            "Time" => String::from("time"),
            name => kind(schema, &schema["$defs"][name]),
        };
    }
    if let Some(choices) = property["allOf"].as_array().filter(|all| all.len() == 1) {
        return kind(schema, &choices[0]);
    }
    if let Some(choices) = property["oneOf"].as_array() {
        let words = choices.iter().filter_map(|choice| choice["const"].as_str());
        return words.map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ");
    }
    match property["type"].as_str() {
        Some("integer") => String::from("number"),
        Some("boolean") => String::from("`true`, `false`"),
        Some("object") => String::from("table"),
        Some("array") => format!("array of {}s", kind(schema, &property["items"])),
        Some(other) => other.to_owned(),
        None => panic!("{property:#}"),
    }
}
