//! What lies in the same slot.

use std::cell::Cell;

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisCluster};

use crate::connected;
use crate::routing::{asked, commands};

/// Looks at the cluster while it runs.
#[cache(key_prefix = "{{user_{id}}}:posts", tags = ["{{user_{id}}}:all"], cache = cache, skip(look))]
async fn posts(cache: &Cache, id: u64, look: impl Fn()) -> u64 {
    look();
    id
}

#[cache(
    key_prefix = "{{user_{id}}}:posts", method = "PUT", cache = cache,
    tags_to_invalidate = ["{{user_{id}}}:all"]
)]
async fn write_posts(cache: &Cache, id: u64, look: impl Fn()) {
    look();
}

#[tokio::test]
async fn what_the_author_of_a_template_puts_together_lies_together() {
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    for node in 0..3 {
        let id = cluster.number_at(node, |id| format!("user_{id}"));
        let key = format!("{{user_{id}}}:posts");
        let (lease, fence) = (
            format!("__cache:lease::{key}"),
            format!("__cache:fence::{key}"),
        );
        let tag = format!("__cache:tag::{{user_{id}}}:all");
        let tag_fence = format!("__cache:tag-fence::{{user_{id}}}:all");
        let of_this_user = || {
            let mut keys = cluster.node(node).keys();
            keys.retain(|key| key.contains(&format!("{{user_{id}}}")));
            keys
        };
        let look = || assert_eq!(of_this_user(), [lease.as_str(), &tag]);
        posts(&cache, id, look).await;
        assert_eq!(of_this_user(), [tag.as_str(), &key]);
        cluster.reset_commands();
        posts(&cache, id, || panic!("a hit")).await;
        assert_eq!(commands(&cluster), asked([(node, &[("mget", 1)])]));
        let fenced = [fence.as_str(), &tag_fence, &tag, &key];
        write_posts(&cache, id, || assert_eq!(of_this_user(), fenced)).await;
        assert_eq!(of_this_user(), [""; 0]);
    }
    assert_eq!(cache.stats().hits, 3);
}

#[tokio::test]
async fn odd_names_work_and_every_helper_lies_in_the_slot_of_its_key() {
    const OWN: &str = "__cache:";
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    let slots = || {
        let keys = cluster.keys().into_iter();
        keys.map(|key| (cluster.slot(&key), key))
            .collect::<Vec<_>>()
    };
    /// Declares a reader and a writer of one key, and looks at what is there while they run.
    macro_rules! check {
        ($template:literal, $name:ident = $value:expr) => {{
            #[cache($template, cache = cache, skip(look))]
            async fn load(cache: &Cache, $name: &str, look: impl Fn()) -> u8 {
                look();
                7
            }
            #[cache($template, method = "PUT", cache = cache)]
            async fn write(cache: &Cache, $name: &str, look: impl Fn()) {
                look();
            }
            let value: &str = $value;
            let lease = Cell::new(Vec::new());
            assert_eq!(load(&cache, value, || lease.set(slots())).await, 7);
            let [(slot, key)] = &slots()[..] else {
                panic!("{} of {value}: {:?}", $template, slots());
            };
            assert!(!key.starts_with(OWN), "{key}");
            let [(of_lease, lease)] = &lease.take()[..] else {
                panic!("{key}");
            };
            assert!(lease.starts_with(&format!("{OWN}lease:")), "{lease}");
            assert_eq!(of_lease, slot, "{lease}");
            assert_eq!(load(&cache, value, || panic!("a hit")).await, 7);
            let look = || {
                let fenced = slots();
                assert_eq!(fenced.len(), 2, "{fenced:?}");
                assert!(fenced.iter().all(|(other, _)| other == slot), "{fenced:?}");
            };
            write(&cache, value, look).await;
            assert_eq!(slots(), []);
        }};
    }
    let long = "x".repeat(10_000);
    for odd in ["*", ":", "{x}", "}", "{}", "{", "名前", "", " ", &long] {
        check!("odd:{name}", name = odd);
    }
    check!("{{}}x:{name}", name = "1");
    check!("{{{name}", name = "1");
    check!("}}{name}", name = "1");
    check!("a}}b:{name}", name = "1");
    check!("{{}}{{x}}{name}", name = "1");
    check!("{{a{name}}}b", name = "1");
    check!("{{a}}{name}", name = "}");
    for key in [
        "*", ":", "{x}", "x", "}", "{}", "{", "a}b", "{}{x}", "名前", "", &long,
    ] {
        cache.set(key, key, MINUTE).await.expect("set");
        let found = cache.get::<String>(key).await.expect("get");
        assert_eq!(found.as_deref(), Some(key));
        assert_eq!(cache.delete([key]).await.expect("deleted"), 1, "{key}");
    }
    let stats = cache.stats();
    assert_eq!(
        (stats.hits, stats.misses, stats.errors.total()),
        (17, 17, 0)
    );
}
