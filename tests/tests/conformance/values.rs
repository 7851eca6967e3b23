//! How a value is stored, and which stored bytes are one.

use cache_runtime::{Cache, Cached, cache};
use cache_testkit::{RedisServer, Runs, on_every_store};

use crate::posts::read_post;

#[tokio::test]
async fn what_python_writes_is_a_hit_and_what_we_write_python_reads() {
    #[cache("user", cache = cache)]
    async fn user(cache: &Cache, user_id: i64) -> serde_json::Value {
        serde_json::json!({"name": "名前", "ids": [1, 2]})
    }
    let server = RedisServer::start();
    let cache = server.cache();
    // json.dumps({"name": "名前", "ids": [1, 2], "from": None})
    let () = server.run(&[
        "SET",
        "user:1",
        r#"{"name": "\u540d\u524d", "ids": [1, 2], "from": null}"#,
    ]);
    assert_eq!(user(&cache, 1).await["from"], serde_json::Value::Null);
    assert_eq!(cache.stats().hits, 1);
    user(&cache, 2).await;
    let stored: String = server.run(&["GET", "user:2"]);
    assert_eq!(stored, r#"{"ids":[1,2],"name":"名前"}"#);
}

#[tokio::test]
async fn what_does_not_decode_is_a_miss_and_is_repaired() {
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    let () = server.run(&["SET", "post:1", "not json"]);
    let () = server.run(&["RPUSH", "post:2", "a", "list"]);
    for id in [1, 2] {
        let answer = read_post(&cache, &runs, id).await;
        assert_eq!(
            answer,
            read_post(&cache, &runs, id).await,
            "the second is a hit"
        );
    }
    assert_eq!(
        (runs.get(), cache.stats().hits, cache.stats().errors.total()),
        (2, 2, 0)
    );
}

#[tokio::test]
async fn a_cached_answer_is_stored_as_its_value_and_is_a_miss_if_it_is_no_json() {
    #[cache("list", cache = cache, unless = Vec::is_empty, skip(runs))]
    async fn list(cache: &Cache, runs: &Runs, id: u64) -> Result<Cached<Vec<u64>>, u64> {
        let run = runs.count();
        match id {
            0 => Err(run),
            1 => Ok(Cached::new(Vec::new())),
            _ => Ok(vec![id, run].into()),
        }
    }
    #[cache("delegated", cache = cache, unless = Vec::is_empty, skip(runs))]
    async fn delegated(cache: &Cache, runs: &Runs, id: u64) -> Result<Cached<Vec<u64>>, u64> {
        list(cache, runs, id).await
    }
    on_every_store(async |cache| {
        let runs = Runs::default();
        let json = async |id| {
            let answer = list(&cache, &runs, id).await;
            answer.map(|answer| answer.into_json().expect("JSON"))
        };
        assert_eq!((json(0).await, json(0).await), (Err(1), Err(2)));
        assert_eq!(
            (json(1).await, json(1).await),
            (Ok("[]".into()), Ok("[]".into()))
        );
        assert_eq!(runs.get(), 4, "neither was stored");
        assert_eq!(
            (json(2).await, json(2).await),
            (Ok("[2,5]".into()), Ok("[2,5]".into()))
        );
        for broken in ["not json", "[2,5", "{\"a\":1", "", "\"", "nan"] {
            let run = runs.get();
            // As some other program may leave it there.
            if let Ok(mut connection) = cache.connection().await {
                let set = ["list:2", broken];
                let () = cache_runtime::redis::cmd("SET")
                    .arg(&set)
                    .query_async(&mut connection)
                    .await
                    .expect("set");
                assert_eq!(
                    json(2).await,
                    Ok(format!("[2,{}]", run + 1).into()),
                    "{broken}"
                );
                assert_eq!(
                    json(2).await,
                    Ok(format!("[2,{}]", run + 1).into()),
                    "{broken}"
                );
            }
        }
        let run = runs.get();
        for _ in 0..2 {
            let answer = delegated(&cache, &runs, 2).await.expect("a list");
            assert_eq!(answer.into_inner().expect("numbers")[0], 2);
        }
        assert_eq!(
            runs.get(),
            run,
            "what was a hit is stored under another key"
        );
        assert!(
            cache
                .get::<Vec<u64>>("delegated:2")
                .await
                .expect("read")
                .is_some()
        );
    })
    .await;
}

#[tokio::test]
async fn an_entry_from_before_its_type_changed_is_a_miss() {
    #[derive(serde::Deserialize, serde::Serialize, Debug, PartialEq)]
    struct Before {
        id: u64,
    }
    #[derive(serde::Deserialize, serde::Serialize, Debug, PartialEq)]
    struct After {
        id: u64,
        name: String,
    }
    #[cache("user", cache = cache)]
    async fn before(cache: &Cache, id: u64) -> Before {
        Before { id }
    }
    #[cache("user", cache = cache, skip(fails))]
    async fn after(cache: &Cache, id: u64, fails: bool) -> Result<After, ()> {
        let name = "John".to_owned();
        if fails {
            Err(())
        } else {
            Ok(After { id, name })
        }
    }
    on_every_store(async |cache| {
        let user = before(&cache, 1).await;
        assert_eq!(after(&cache, 1, true).await, Err(()));
        assert_eq!(
            cache.get("user:1").await.ok(),
            Some(Some(user)),
            "nothing better came"
        );
        assert!(after(&cache, 1, false).await.is_ok());
        assert!(after(&cache, 1, true).await.is_ok(), "a hit");
        assert_eq!(
            before(&cache, 1).await.id,
            1,
            "what it has too much is left out"
        );
        assert_eq!((cache.stats().hits, cache.stats().errors.total()), (2, 0));
    })
    .await;
}
