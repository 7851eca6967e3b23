//! Globs match in the process what they match on a server.

use cache_runtime::Cache;
use cache_testkit::{MINUTE, RedisServer};

#[tokio::test]
async fn the_globs_of_the_store_in_the_process_are_those_of_the_server() {
    let server = RedisServer::start();
    let keys = [
        "", "a", "b", "ab", "a*", "a]b", "[a]", "a-b", "^", "a\\b", "hello", "hallo", "hxllo", "h",
        "-", "a?",
    ];
    let globs = [
        "*",
        "a*",
        "*a",
        "?",
        "a?",
        "??",
        "h[ae]llo",
        "h[^e]llo",
        "h[a-x]llo",
        "h[x-a]llo",
        "[a",
        "[",
        "\\*",
        "a\\*",
        "a\\",
        "[]a]",
        "[a-",
        "[^]",
        "[\\]]",
        "a[]]b",
        "[a]*",
        "**l*o",
        "*[*",
        "[-]",
        "[^^]",
        "a\\?",
        "a[-]b",
        "h*l*o",
    ];
    for key in keys {
        let () = server.run(&["SET", key, "1"]);
    }
    for glob in globs {
        let memory = Cache::in_memory();
        for key in keys {
            memory.set(key, &1, MINUTE).await.expect("set");
        }
        let expected: Vec<String> = server.run(&["KEYS", glob]);
        memory.delete_pattern(glob).await.expect("deleted");
        for key in keys {
            let gone = memory.get::<u8>(key).await.expect("get").is_none();
            assert_eq!(
                gone,
                expected.iter().any(|found| found == key),
                "{glob:?} on {key:?}"
            );
        }
    }
}

#[test]
fn any_glob_matches_in_the_process_what_it_matches_on_the_server() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    const ALPHABET: [&str; 9] = ["*", "?", "[", "]", "^", "-", "\\", "a", "c"];
    let mut keys = vec![String::new()];
    for first in ALPHABET {
        keys.push(first.to_owned());
        keys.extend(ALPHABET.map(|second| format!("{first}{second}")));
    }
    let server = RedisServer::start();
    for key in &keys {
        let () = server.run(&["SET", key, "1"]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(1000)
    });
    let outcome = runner.run(&r"[*?\[\]^\-\\abc]{0,6}", |glob| {
        let found: Vec<String> = server.run(&["KEYS", &glob]);
        let memory = Cache::in_memory();
        runtime.block_on(async {
            for key in &keys {
                memory.set(key, &1, MINUTE).await.expect("set");
            }
            memory.delete_pattern(&glob).await.expect("deleted");
            for key in &keys {
                let gone = memory.get::<u8>(key).await.expect("get").is_none();
                prop_assert_eq!(gone, found.contains(key), "{:?} on {:?}", glob, key);
            }
            Ok(())
        })
    });
    outcome.expect("the same keys");
}
