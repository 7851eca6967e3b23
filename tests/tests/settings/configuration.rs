//! The guide's table of settings.

use std::collections::BTreeSet;

use cache_runtime::Settings;
use serde_json::{Value, json};

/// Variables and their defaults, as the table has them.
fn table() -> Vec<(String, String)> {
    let rows = include_str!("../../../docs/configuration.md").lines();
    let rows = rows.filter(|row| row.starts_with("| `REDIS_CACHE_"));
    let mut table = Vec::new();
    for row in rows {
        let mut cells = row.split('|').map(str::trim);
        let [_, variables, defaults] = [(); 3].map(|()| cells.next().expect("a cell"));
        let variables: Vec<_> = variables.split(", ").collect();
        let mut defaults: Vec<_> = defaults.split(", ").collect();
        if defaults.len() == 1 {
            defaults = vec![defaults[0]; variables.len()];
        }
        assert_eq!(variables.len(), defaults.len(), "{row}");
        let unquoted = |text: &str| text.trim_matches('`').to_owned();
        let variables = variables.into_iter().map(unquoted);
        table.extend(variables.zip(defaults.into_iter().map(unquoted)));
    }
    table
}

/// Serde lists the names that it would have known.
fn variables() -> BTreeSet<String> {
    let error = serde_json::from_value::<Settings>(json!({"nothing": 0}));
    let error = error.expect_err("no setting").to_string();
    let names = error
        .split('`')
        .filter(|name| name.starts_with("REDIS_CACHE_"));
    names.map(str::to_owned).collect()
}

#[test]
fn the_guide_lists_every_variable_once_and_no_other() {
    let listed = table().into_iter().map(|(variable, _)| variable);
    let listed: Vec<_> = listed.collect();
    let once: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "{listed:?}");
    assert_eq!(once, variables());
}

#[test]
fn the_guide_tells_the_defaults() {
    let defaults = format!("{:?}", Settings::default());
    for (variable, default) in table() {
        let value = match default.as_str() {
            "none" | "the system's" => Value::from(""),
            text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        };
        let settings: Settings =
            serde_json::from_value(json!({ &variable: value })).expect("right");
        assert_eq!(format!("{settings:?}"), defaults, "{variable}");
    }
}
