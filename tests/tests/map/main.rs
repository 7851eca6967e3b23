//! The map of a program: what is on it, which write removes which read, and what is found to be a mistake. Nothing here
//! is ever called but the map.

mod blog;
mod mistakes;

use cache_runtime::{FindingKind, Map, MapEntry, MapEntryKind};

/// Every removal, as `writer < reader: template`, without the modules that all of them are in.
fn removals(map: &Map) -> Vec<String> {
    let name = |name: &str| name.trim_start_matches("map::blog::").to_owned();
    let removals = map.removals().map(|removal| {
        let (writer, reader) = (name(removal.writer().name()), name(removal.reader().name()));
        format!("{writer} < {reader}: {}", removal.template())
    });
    removals
        .filter(|removal| !removal.contains("mistakes"))
        .collect()
}

#[test]
fn each_write_removes_what_its_names_can_mean() {
    let mut expected = [
        // Shared templates, and other names for their placeholders.
        "update_post < post: {user.name}_post_cache:{post_id}",
        "delete_user < post: user:{user.name}",
        "delete_user < posts: {user.name}_posts:*",
        // A user called `latest`.
        "delete_user < latest_posts: {user.name}_posts:*",
        "create_post < latest_posts: latest_posts:global",
        "create_post < post: {username}_post_cache:{result.id}",
        // Ids: inferred, of a version, of an extractor.
        "update_price < price: price:{id}%v2",
        "update_number < number: number:{id}",
        "update_number < latest_number: number:{id}",
        // Methods and generics.
        "change < row: rows",
        "change < named: rows",
        "by_method < by_method: by_method:{id}",
        // By hand.
        "jobs::key! < search: search:{filter:hash}",
        "jobs::pattern! < session: session:*",
        "jobs::pattern! < current_session: session:*",
        "jobs::tag! < post: user:{username}",
    ];
    expected.sort_unstable();
    let mut found = removals(&cache_runtime::map());
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn an_entry_has_its_kind_its_place_and_its_templates_as_they_are_written() {
    let map = cache_runtime::map();
    let entry = |name: &str| {
        let mut entries = map.entries().iter();
        entries
            .find(|entry| entry.name() == name)
            .unwrap_or_else(|| panic!("{name} is not on the map"))
    };
    let post = entry("map::blog::post");
    assert_eq!(post.kind(), MapEntryKind::Reader);
    assert_eq!(
        post.keys().collect::<Vec<_>>(),
        ["{username}_post_cache:{id}"]
    );
    assert_eq!(post.tags().collect::<Vec<_>>(), ["user:{username}"]);
    let source = include_str!("blog.rs").lines();
    let line = 1 + source
        .take_while(|line| !line.contains("names::post_key!, tags"))
        .count();
    let place = post.place();
    assert!(
        place.ends_with(&format!("tests/map/blog.rs:{line}")),
        "{place}"
    );

    let delete_user = entry("map::blog::delete_user");
    assert_eq!(delete_user.kind(), MapEntryKind::Writer);
    assert_eq!(
        delete_user.patterns().collect::<Vec<_>>(),
        ["{user.name}_posts:*"]
    );
    assert_eq!(
        entry("map::blog::by_method").kind(),
        MapEntryKind::ReaderAndWriter
    );
    assert_eq!(entry("map::blog::jobs::key!").kind(), MapEntryKind::Key);
    assert_eq!(entry("map::blog::jobs::tag!").kind(), MapEntryKind::Tag);
    assert_eq!(
        entry("map::blog::jobs::pattern!").kind(),
        MapEntryKind::Pattern
    );
    assert!(
        map.entries()
            .iter()
            .all(|entry| !entry.name().ends_with("passes_by"))
    );
}

/// The kind of each finding, and what it says from this text on.
#[test]
fn each_mistake_is_found_once_and_nothing_else() {
    let map = cache_runtime::map();
    let place = |line: &str| {
        let source = include_str!("mistakes.rs").lines();
        let at = 1 + source.take_while(|text| !text.contains(line)).count();
        let file = map
            .entries()
            .iter()
            .map(MapEntry::place)
            .find(|place| place.contains("mistakes.rs"));
        let file = file.expect("there are some");
        let (file, _) = file.split_once(':').expect("a line behind it");
        format!("({file}:{at})")
    };
    let mut found: Vec<(FindingKind, String)> = map
        .findings()
        .iter()
        .map(|finding| (finding.kind(), finding.to_string()))
        .collect();
    found.sort_by_key(|(_, message)| message.clone());
    let typo = place("\"pst\"");
    let mut expected = vec![
        (
            FindingKind::NeverRemoved,
            format!(
                "no write removes `countries`, which `map::mistakes::countries` {} reads: a change is seen when it expires; name it in a write, or allow it with `allow_never_removed`",
                place("(\"countries\")"),
            ),
        ),
        (
            FindingKind::NeverRead,
            format!("`map::mistakes::update` {typo} removes the key `pst:{{id}}`"),
        ),
        (
            FindingKind::NeverRead,
            format!("`map::mistakes::update` {typo} removes the tag `usr:{{id}}`"),
        ),
        (
            FindingKind::NeverRead,
            format!("`map::mistakes::update` {typo} removes the pattern `articel:{{id}}:*`"),
        ),
        (
            FindingKind::NeverRead,
            format!(
                "`map::mistakes::tag!` {} removes the tag `artcle:{{id}}`",
                place("tag!(")
            ),
        ),
        (
            FindingKind::NeverRead,
            format!(
                "`map::mistakes::pattern!` {} removes the pattern `artcles:*`",
                place("pattern!(")
            ),
        ),
        (
            FindingKind::SharedKey,
            format!(
                "`map::mistakes::article` {} and `map::mistakes::newest_article` {} can both read a key such as `article:newest`: `article:{{slug}}` and `article:newest` have it in common;",
                place("article:{slug}"),
                place("(\"article:newest\""),
            ),
        ),
    ];
    expected.sort_by_key(|(_, message)| message.clone());
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            found.0 == expected.0 && found.1.starts_with(&expected.1),
            "{found:#?} {expected:#?}"
        );
    }
}

fn with_all_allowed() -> Map {
    cache_runtime::map()
        .allow_never_removed("mistakes::countries")
        .allow_never_read("pst:{id}")
        .allow_never_read("usr:{id}")
        .allow_never_read("articel:{id}:*")
        .allow_never_read("artcle:{id}")
        .allow_never_read("artcles:*")
        .allow_shared_key("newest_article", "article")
}

#[test]
fn what_is_allowed_is_no_mistake() {
    with_all_allowed().assert_coherent();
}

#[test]
fn what_is_allowed_in_vain_is_one() {
    let map = with_all_allowed()
        .allow_never_removed("tries")
        .allow_never_read("post:{id}")
        .allow_shared_key("article", "countries");
    let findings: Vec<String> = map.findings().iter().map(ToString::to_string).collect();
    assert_eq!(
        findings,
        [
            "`allow_never_removed(\"tries\")` allows what is not found: leave it out",
            "`allow_never_read(\"post:{id}\")` allows what is not found: leave it out",
            "`allow_shared_key(\"article\", \"countries\")` allows what is not found: leave it out",
        ]
    );
    assert!(
        map.findings()
            .iter()
            .all(|finding| finding.kind() == FindingKind::AllowedInVain)
    );
}

#[test]
#[should_panic(
    expected = "the map of this program's cached functions has mistakes:\n- no write removes `countries`"
)]
fn an_assertion_fails_with_all_findings() {
    cache_runtime::map().assert_coherent();
}

#[test]
fn the_table_has_a_row_for_each_pair_and_for_what_is_in_none() {
    let table = cache_runtime::map().to_table();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows[0], ["", "reads", "key", "removed by", "through", ""]);
    for expected in [
        [
            "map::blog::posts",
            "`{username}_posts:page_{page}:{username}`",
            "map::blog::delete_user",
            "pattern `{user.name}_posts:*`",
        ],
        [
            "map::mistakes::countries",
            "`countries`",
            "its expiration alone",
            "",
        ],
        [
            "none",
            "",
            "map::blog::remove_by_hand",
            "key `by_hand:{id}`",
        ],
    ] {
        assert_eq!(
            rows.iter().filter(|row| row[1..5] == expected).count(),
            1,
            "{table}"
        );
    }
    let width = table.lines().next().expect("a header").chars().count();
    assert!(
        table.lines().all(|line| line.chars().count() == width),
        "{table}"
    );
}

#[test]
fn the_graph_has_an_arrow_for_each_pair() {
    let map = cache_runtime::map();
    let graph = map.to_mermaid();
    let mut lines = graph.lines();
    assert_eq!(lines.next(), Some("flowchart LR"));
    let node = |name: &str| {
        let line = graph
            .lines()
            .find(|line| line.contains(&format!("\"{name}")))
            .unwrap_or_else(|| panic!("{name}: {graph}"));
        line.trim()
            .split(['(', '['])
            .next()
            .expect("an identifier")
            .to_owned()
    };
    let (writer, reader) = (
        node("map::blog::create_post"),
        node("map::blog::latest_posts<br/>latest_posts:global"),
    );
    let arrow = format!("    {writer} -->|\"key latest_posts:global\"| {reader}\n");
    assert!(graph.contains(&arrow), "{arrow} {graph}");
    let mut pairs: Vec<_> = map
        .removals()
        .map(|removal| (removal.writer().to_string(), removal.reader().to_string()))
        .collect();
    pairs.sort();
    pairs.dedup();
    assert_eq!(graph.matches("-->").count(), pairs.len(), "{graph}");
}
