//! The invariants of `ARCHITECTURE.md`: which room may name what.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `cache-runtime/src`, floor by floor: a room names its own floor's ground and what lies below, never
/// what lies above. Rooms on one floor do not name each other.
const FLOORS: &[&[&str]] = &[
    &["error", "log", "meter", "method", "nonce", "stats", "util"],
    &["codec", "key"],
    &["map", "store"],
    &["invalidation"],
    &["cache"],
    &["call"],
    &["config", "web"],
    &["redis", "testing"],
];

/// The ground floor's rooms may name each other.
const GROUND: usize = 0;

/// Inside of `store/redis`, in the same order.
const REDIS_FLOORS: &[&str] = &["node", "topology/discovery", "topology"];

struct Source {
    /// Relative to the crate's `src`, with `/`.
    path: String,
    /// Without comments.
    code: String,
}

fn sources(package: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(package)
        .join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 5, "{} has no sources", root.display());
    let source = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("a source file is text");
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let path = file.strip_prefix(&root).expect("it lies there");
        Source {
            path: path.to_string_lossy().replace('\\', "/"),
            code: lines.collect::<Vec<_>>().join("\n"),
        }
    };
    files.into_iter().map(source).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Where else than in these files or folders one of these texts stands.
fn elsewhere(package: &str, texts: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for Source { path, code } in sources(package) {
        let is_allowed = allowed.iter().any(|allowed| path.starts_with(allowed));
        for text in texts {
            if !is_allowed && code.contains(text) {
                found.push(format!("{path} names `{text}`"));
            }
        }
    }
    found
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn arrows_between_rooms_go_down() {
    let mut upwards = Vec::new();
    for Source { path, code } in sources("cache-runtime") {
        let room = path
            .split(['/', '.'])
            .next()
            .expect("a path has a beginning");
        let Some(floor) = floor_of(room) else {
            assert!(
                ["lib", "__private"].contains(&room),
                "`{room}` is on no floor"
            );
            continue;
        };
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let named = &rest[..end.unwrap_or(rest.len())];
            let Some(other) = floor_of(named) else {
                continue;
            };
            let is_down = other < floor || named == room || (floor, other) == (GROUND, GROUND);
            if !is_down {
                upwards.push(format!("{path} names `{named}`"));
            }
        }
    }
    assert_eq!(upwards, [""; 0]);
}

#[test]
fn arrows_inside_of_the_redis_store_go_down() {
    let mut upwards = Vec::new();
    for Source { path, code } in sources("cache-runtime") {
        let Some(inside) = path.strip_prefix("store/redis/") else {
            continue;
        };
        let is_in = |room: &&&str| inside.starts_with(&format!("{room}/"));
        let Some(floor) = REDIS_FLOORS.iter().position(|room| is_in(&room)) else {
            continue;
        };
        for above in &REDIS_FLOORS[floor + 1..] {
            let name = above.rsplit('/').next().expect("a name");
            let names = ["store::redis::", "super::", "super::super::"];
            for text in names.map(|path| format!("{path}{name}")) {
                if code.contains(&text) {
                    upwards.push(format!("{path} names `{text}`"));
                }
            }
        }
        if inside.starts_with("topology/discovery/") && code.contains("router") {
            upwards.push(format!("{path} names the router"));
        }
    }
    assert_eq!(upwards, [""; 0]);
}

#[test]
fn only_the_redis_rooms_name_redis_rs() {
    let allowed = ["store/redis/", "config/connect", "redis.rs"];
    let found = elsewhere("cache-runtime", &["deadpool_redis", "RedisError"], &allowed);
    assert_eq!(found, [""; 0]);
}

#[test]
fn only_one_file_knows_the_error_codes_of_servers() {
    let codes = [
        "\"MOVED",
        "\"ASK\"",
        "\"TRYAGAIN",
        "\"NOSCRIPT",
        "\"WRONGTYPE",
        "\"READONLY",
        "\"NOAUTH",
        "\"WRONGPASS",
        "\"NOPERM",
        "\"CLUSTERDOWN",
        "\"LOADING",
        "\"MASTERDOWN",
        "\"MISCONF",
        "\"NOREPLICAS",
        "\"BUSY",
        "ServerErrorKind",
    ];
    let found = elsewhere("cache-runtime", &codes, &["store/redis/reply_error.rs"]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn only_web_names_a_framework() {
    let frameworks = [
        "actix_web::",
        "axum::",
        "poem::",
        "rocket::",
        "salvo_core::",
        "tower_layer::",
        "tower_service::",
        "warp::",
    ];
    assert_eq!(
        elsewhere("cache-runtime", &frameworks, &["web/", "lib.rs"]),
        [""; 0]
    );
}

#[test]
fn only_one_room_tells_a_recorder() {
    let found = elsewhere(
        "cache-runtime",
        &["use metrics::", " metrics::"],
        &["meter/"],
    );
    assert_eq!(found, [""; 0]);
}

#[test]
fn only_one_file_writes_to_the_log() {
    let found = elsewhere("cache-runtime", &["tracing::"], &["log.rs"]);
    assert_eq!(found, [""; 0]);
}
