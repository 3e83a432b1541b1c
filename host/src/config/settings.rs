//! What applications and layers are given at their start, by name.

use std::collections::BTreeMap;

use super::ConfigError;

/// Config of applications and layers by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings(BTreeMap<String, toml::Table>);

impl Settings {
    /// `APP.KEY=VALUE`; a key may have dots.
    pub(super) fn set(&mut self, text: &str) -> Result<(), ConfigError> {
        let wrong = || ConfigError::Set(text.to_owned());
        let (place, value) = text.split_once('=').ok_or_else(wrong)?;
        let (app, key) = place.split_once('.').ok_or_else(wrong)?;
        let mut keys: Vec<&str> = key.split('.').collect();
        let last = keys.pop().filter(|key| !key.is_empty()).ok_or_else(wrong)?;
        if app.is_empty() || keys.iter().any(|key| key.is_empty()) {
            return Err(wrong());
        }
        let mut table = self.0.entry(app.to_owned()).or_default();
        for key in keys {
            let inner = table.entry(key).or_insert_with(|| toml::Table::new().into());
            table = inner
                .as_table_mut()
                .ok_or_else(|| ConfigError::Key { text: text.to_owned(), key: key.to_owned() })?;
        }
        table.insert(last.to_owned(), value_of(value));
        Ok(())
    }

    /// Leaves what is given to these.
    pub(super) fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| stays(name));
    }

    /// An application's config as JSON, as it crosses the boundary.
    pub(crate) fn json(&self, app: &str) -> String {
        let table = self.0.get(app).and_then(|table| serde_json::to_string(table).ok());
        table.unwrap_or_else(|| String::from("{}"))
    }

    /// Refuses settings of an application that is not there.
    pub(crate) fn check_names(&self, apps: &[String]) -> Result<(), ConfigError> {
        match self.0.keys().find(|app| !apps.contains(app)) {
            Some(app) => Err(ConfigError::NoApp { app: app.clone(), apps: apps.to_vec() }),
            None => Ok(()),
        }
    }
}

impl From<BTreeMap<String, toml::Table>> for Settings {
    fn from(tables: BTreeMap<String, toml::Table>) -> Self {
        Self(tables)
    }
}

/// A value as TOML reads it, or the text as it stands: `3` is a number, `EUR` a text.
fn value_of(text: &str) -> toml::Value {
    let read = toml::from_str::<toml::Table>(&format!("value = {text}"));
    let value =
        read.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_toml_or_text() {
        let mut settings = Settings::default();
        for text in ["a.n=3", "a.t=EUR", "a.q=\"3\"", "a.in.ner=true", "a.list=[1, 2]", "a.e="] {
            settings.set(text).unwrap();
        }
        let json: serde_json::Value = serde_json::from_str(&settings.json("a")).unwrap();
        let expected = serde_json::json!({
            "n": 3, "t": "EUR", "q": "3", "in": {"ner": true}, "list": [1, 2], "e": ""
        });
        assert_eq!(json, expected);
        assert_eq!(settings.json("b"), "{}");
        for wrong in ["a", "a=1", ".k=1", "a.=1", "a.n.x=1"] {
            assert!(settings.set(wrong).is_err(), "{wrong} was taken");
        }
        assert!(settings.check_names(&[String::from("b")]).is_err());
    }
}
