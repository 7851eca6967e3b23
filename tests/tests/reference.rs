//! The reference: each public function of the runtime shows how it is called. That what it shows compiles is rustdoc's to
//! test.

use std::fs;
use std::path::Path;

/// The files with what applications call. All others have what the attribute calls, and the frameworks' own types.
const FILES: [&str; 20] = [
    "cache/mod.rs",
    "call/deferred.rs",
    "call/get_or_load.rs",
    "call/refreshing.rs",
    "call/scope.rs",
    "codec/cached.rs",
    "config/builder.rs",
    "error.rs",
    "map/findings.rs",
    "map/mod.rs",
    "map/print.rs",
    "map/registry.rs",
    "redis.rs",
    "stats.rs",
    "stats/by_function.rs",
    "store/redis/credentials.rs",
    "testing.rs",
    "web/admin/mod.rs",
    "web/admin/request.rs",
    "web/layer.rs",
];

/// What the attribute calls in one of them.
const OF_THE_ATTRIBUTE: &str = "pub fn codec(self)";

fn without_an_example(file: &str) -> (usize, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cache-runtime/src");
    let source =
        fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (mut functions, mut missing) = (0, Vec::new());
    // A function stands behind an empty line, with its documentation.
    for item in source.split("\n\n") {
        let lines = item.lines().map(str::trim_start);
        let is_function =
            |line: &&str| line.starts_with("pub fn ") || line.starts_with("pub async fn ");
        let Some(name) = lines.clone().find(is_function) else {
            continue;
        };
        if name.starts_with(OF_THE_ATTRIBUTE) || item.contains("#[doc(hidden)]") {
            continue;
        }
        functions += 1;
        let begins = |line: &str| line.trim_start_matches("/// ").starts_with("```");
        if !lines.into_iter().any(begins) {
            missing.push(format!("{file}: {name}"));
        }
    }
    (functions, missing)
}

#[test]
fn each_public_function_has_an_example() {
    let (mut functions, mut missing) = (0, Vec::new());
    for file in FILES {
        let (there, without) = without_an_example(file);
        assert!(there > 0, "{file} has no public function any more");
        functions += there;
        missing.extend(without);
    }
    assert_eq!(missing, [""; 0]);
    assert!(functions > 80, "{functions} are fewer than there are");
}

#[test]
fn the_front_page_names_each_feature_and_is_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| fs::read_to_string(root.join(file)).expect("it is there");
    let (readme, manifest) = (read("README.md"), read("cache-runtime/Cargo.toml"));
    assert!(readme.lines().count() < 200);
    let section = manifest.split("[features]\n").nth(1);
    let section = section.and_then(|rest| rest.split("\n[").next());
    let lines = section.expect("there are features").lines();
    let features = lines.filter_map(|line| line.split_once(" = [").map(|(name, _)| name));
    let features: Vec<&str> = features.filter(|name| *name != "default").collect();
    assert!(features.len() > 10, "{features:?}");
    let table: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let is_missing = |name: &&str| {
        let name = format!("`{name}`");
        !table.iter().any(|row| row.contains(&name))
    };
    let missing: Vec<&str> = features.into_iter().filter(is_missing).collect();
    assert_eq!(missing, [""; 0]);
}
