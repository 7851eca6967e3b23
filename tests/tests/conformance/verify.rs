//! `verify`: for so many hits the function runs as well, and what it returns is compared with what was served.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use actix_web::HttpRequest;
use actix_web::rt::System;
use actix_web::test::TestRequest;
use cache_runtime::{Cache, FunctionStats, HttpStatus, cache};
use cache_testkit::{
    Gate, Log, MINUTE, RedisServer, Refused, Runs, SECOND, World, cache_builder, eventually,
    on_every_store,
};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::task::yield_now;

/// What the log says of an entry that was wrong.
const WRONG: &str = "an entry was wrong, and no write explains it";

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Post {
    title: String,
    author: Author,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Author {
    rating: u64,
}

/// A row, whose readers stop before they read it as well.
#[derive(Clone)]
struct Blog {
    id: u64,
    world: World,
    has_come: Gate,
    may_read: Gate,
}

impl Blog {
    /// In which nobody stops.
    fn open(cache: Cache) -> Self {
        let blog = Self::closed(cache, 1);
        blog.may_read.let_pass(1_000_000);
        blog
    }

    /// In which readers stop before they read. Writers stop too.
    fn closed(cache: Cache, id: u64) -> Self {
        let blog = Self {
            id,
            world: World::new(cache),
            has_come: Gate::default(),
            may_read: Gate::default(),
        };
        blog.world.may_return.let_pass(1_000_000);
        blog
    }

    /// Loads this entry.
    async fn fill(&self) {
        self.may_read.let_pass(1);
        read(self.clone(), self.id).await;
        self.has_come.pass().await;
    }

    async fn load(&self) -> Post {
        self.has_come.let_pass(1);
        self.may_read.pass().await;
        Post {
            title: "A title".to_owned(),
            author: Author {
                rating: self.world.load().await,
            },
        }
    }

    fn loads(&self) -> u64 {
        self.world.row.loads()
    }

    fn stats(&self) -> FunctionStats {
        stats_of(&self.world.cache, "read")
    }

    async fn rating(&self) -> u64 {
        read(self.clone(), self.id).await.author.rating
    }
}

fn stats_of(cache: &Cache, function: &str) -> FunctionStats {
    let path = format!("{}::{function}", module_path!());
    let stats = cache.stats_by_function();
    stats.get(path.as_str()).copied().unwrap_or_default()
}

#[cache("{id}_post", cache = blog.world.cache, skip(blog), verify = 1, tags = ["posts:{id}"])]
async fn read(blog: Blog, id: u64) -> Post {
    blog.load().await
}

#[cache("{id}_post", cache = blog.world.cache, method = "PUT")]
async fn write(blog: Blog, id: u64) -> Result<(), Refused> {
    blog.world.commit(false).await
}

#[cache(tags_to_invalidate = ["posts:{id}"], cache = blog.world.cache)]
async fn write_by_tag(blog: Blog, id: u64) -> Result<(), Refused> {
    blog.world.commit(false).await
}

#[cache(pattern_to_invalidate_extra = ["{id}_*"], cache = blog.world.cache)]
async fn write_by_pattern(blog: Blog, id: u64) -> Result<(), Refused> {
    blog.world.commit(false).await
}

#[cache(to_invalidate_extra = {"{result}_post": ""}, cache = blog.world.cache)]
async fn write_by_result(blog: Blog) -> Result<u64, Refused> {
    blog.world.commit(false).await.map(|()| blog.id)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Names {
    Key,
    Tag,
    Pattern,
    Result,
}

const ALL: [Names; 4] = [Names::Key, Names::Tag, Names::Pattern, Names::Result];

async fn write_as(names: Names, blog: Blog) -> Result<(), Refused> {
    let id = blog.id;
    match names {
        Names::Key => write(blog, id).await,
        Names::Tag => write_by_tag(blog, id).await,
        Names::Pattern => write_by_pattern(blog, id).await,
        Names::Result => write_by_result(blog).await.map(drop),
    }
}

/// One line of the log says of an entry that it was wrong, and contains all of this.
#[track_caller]
fn says_that_it_was_wrong(log: &Log, parts: &[&str]) {
    let mut lines = log.lines();
    lines.retain(|line| line.contains(WRONG));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in parts {
        assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
    }
}

/// One verification of an entry follows the other: when the next one has begun, all that began before are over.
async fn all_are_over(blog: &Blog) {
    blog.may_read.let_pass(1_000_000);
    blog.rating().await;
    let loads = blog.loads();
    eventually("the next one begins", async || {
        blog.rating().await;
        blog.loads() > loads
    })
    .await;
}

#[tokio::test]
async fn a_change_that_nobody_told_of_is_found_and_repaired() {
    on_every_store(async |cache| {
        let (log, blog) = (Log::start(), Blog::open(cache.clone()));
        assert_eq!(blog.rating().await, 0);
        blog.world.row.commit();
        for _ in 0..3 {
            assert_eq!(blog.rating().await, 0, "nobody waits for it");
        }
        eventually("it is found", async || blog.stats().differing == 1).await;
        assert_eq!((blog.stats().verified, blog.loads()), (1, 2));
        assert_eq!(cache.stats().differing, 1);
        assert_eq!(blog.rating().await, 1);
        let function = concat!("function=", module_path!(), "::read");
        says_that_it_was_wrong(&log, &["WARN", function, "field=.author.rating"]);
        eventually("it is right", async || blog.stats().verified == 2).await;
        assert_eq!((blog.stats().differing, blog.stats().misses), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_hit_that_is_right_changes_nothing() {
    on_every_store(async |cache| {
        let (log, blog) = (Log::start(), Blog::open(cache));
        for verified in 0..5 {
            blog.rating().await;
            eventually("it is verified", async || blog.stats().verified == verified).await;
        }
        let stats = blog.stats();
        assert_eq!((stats.differing, stats.fills, stats.loads), (0, 1, 1));
        assert_eq!((stats.misses, stats.hits, blog.loads()), (1, 4, 5));
        assert_eq!(log.count(WRONG), 0);
    })
    .await;
}

/// Does this for each way in which a write names what it removes, side by side, and nothing may be counted.
async fn whatever_it_names(test: impl AsyncFn(Blog, Names)) {
    let test = &test;
    on_every_store(move |cache| async move {
        let tests = ALL.map(|names| test(Blog::closed(cache.clone(), names as u64), names));
        join_all(tests).await;
        assert_eq!(stats_of(&cache, "read").differing, 0);
    })
    .await;
}

/// It has committed, and is still to remove what it names.
#[tokio::test]
async fn a_write_that_has_not_returned_explains_a_difference() {
    whatever_it_names(async |blog, names| {
        blog.may_read.let_pass(1_000_000);
        blog.rating().await;
        let writer = tokio::spawn(write_as(names, blog.clone()));
        blog.world.may_commit.let_pass(1);
        blog.world.has_committed.pass().await;
        assert_eq!(blog.rating().await, 0, "it is still there");
        // A fence of the key is seen at once, one of a tag when the function has run.
        if names != Names::Key {
            eventually("the function runs", async || blog.loads() == 2).await;
        }
        if names == Names::Tag {
            eventually("it runs again", async || {
                blog.rating().await;
                blog.loads() == 3
            })
            .await;
        }
        blog.world.may_finish.let_pass(1);
        writer.await.expect("no panic").expect("it is written");
        assert_eq!(blog.rating().await, 1);
        all_are_over(&blog).await;
    })
    .await;
}

#[tokio::test]
async fn a_write_that_came_and_went_while_the_function_ran_explains_a_difference() {
    whatever_it_names(async |blog, names| {
        blog.fill().await;
        assert_eq!(blog.rating().await, 0);
        blog.has_come.pass().await;
        blog.world.may_commit.let_pass(1);
        blog.world.may_finish.let_pass(1);
        write_as(names, blog.clone()).await.expect("it is written");
        // What it reads now was written, and what was served is older.
        all_are_over(&blog).await;
    })
    .await;
}

/// The write has returned, and another one has written back what was there before.
#[tokio::test]
async fn an_entry_that_was_away_meanwhile_is_not_taken_for_the_same() {
    on_every_store(async |cache| {
        #[cache("number", cache = blog.world.cache, skip(blog), verify = 1)]
        async fn number(blog: Blog) -> u64 {
            blog.has_come.let_pass(1);
            blog.may_read.pass().await;
            blog.world.row.load()
        }
        let blog = Blog::closed(cache.clone(), 1);
        blog.may_read.let_pass(1);
        assert_eq!(number(blog.clone()).await, 0);
        blog.has_come.pass().await;
        assert_eq!(number(blog.clone()).await, 0);
        blog.has_come.pass().await;
        blog.world.row.commit();
        cache.set("number", &0, MINUTE).await.expect("it is set");
        blog.may_read.let_pass(1);
        eventually("the function has run", async || blog.loads() == 2).await;
        eventually("it is over", async || {
            number(blog.clone()).await;
            blog.may_read.let_pass(1);
            blog.loads() > 2
        })
        .await;
        assert_eq!(stats_of(&cache, "number").differing, 0);
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_a_verification() {
    let server = RedisServer::start();
    let blog = Blog::closed(server.cache(), 1);
    blog.fill().await;
    blog.rating().await;
    blog.has_come.pass().await;
    // It is evicted while the function runs.
    server.run::<u64>(&["DEL", "1_post"]);
    blog.world.row.commit();
    let call = tokio::spawn(read(blog.clone(), 1));
    blog.has_come.pass().await;
    blog.may_read.let_pass(2);
    assert_eq!(call.await.expect("no panic").author.rating, 1);
    let stats = blog.stats();
    assert_eq!((stats.collapsed, stats.bypassed.total()), (0, 0));
    all_are_over(&blog).await;
    assert_eq!(blog.stats().differing, 0);
}

#[tokio::test]
async fn as_many_run_at_once_as_may_and_no_hit_waits() {
    on_every_store(async |cache| {
        let blog = Blog::closed(cache, 1);
        blog.may_read.let_pass(20);
        for _ in 0..2 {
            for id in 0..20 {
                read(blog.clone(), id).await;
            }
        }
        for _ in 0..36 {
            blog.has_come.pass().await;
        }
        assert_eq!((blog.stats().hits, blog.loads()), (20, 20));
        blog.may_read.let_pass(16);
        eventually("they are over", async || blog.stats().verified == 16).await;
        assert_eq!(blog.loads(), 36);
        blog.rating().await;
        blog.may_read.let_pass(1);
        eventually("there is room again", async || blog.stats().verified == 17).await;
    })
    .await;
}

#[cache("never", cache = cache, skip(runs), verify = 0.0)]
async fn never(cache: Cache, runs: Runs) -> u64 {
    runs.count()
}

#[cache("always", cache = cache, skip(runs), verify = ALWAYS)]
async fn always(cache: Cache, runs: Runs) -> u64 {
    runs.count();
    7
}

#[cache("unasked", cache = cache, skip(runs))]
async fn unasked(cache: Cache, runs: Runs) -> u64 {
    runs.count()
}

const ALWAYS: f64 = 1.0;

#[tokio::test]
async fn the_setting_says_the_rate_of_all_functions_that_are_verified() {
    async fn runs(cache: &Cache) -> [bool; 3] {
        let runs = [(); 3].map(|()| Runs::default());
        for _ in 0..10 {
            never(cache.clone(), runs[0].clone()).await;
            always(cache.clone(), runs[1].clone()).await;
            unasked(cache.clone(), runs[2].clone()).await;
            yield_now().await;
        }
        runs.map(|runs| runs.get() > 1)
    }
    let builder = || cache_builder().in_memory(1 << 20);
    let cache = builder().build().expect("right");
    assert_eq!(runs(&cache).await, [false, true, false]);
    let cache = builder().verify(0.0).build().expect("right");
    assert_eq!(runs(&cache).await, [false; 3]);
    let cache = builder().verify(1.0).build().expect("right");
    assert_eq!(runs(&cache).await, [true, true, false]);
}

/// Nine of ten calls are hits.
#[tokio::test]
async fn a_thousandth_of_the_hits_is_a_load_of_less_than_two_percent() {
    #[cache("item", cache = cache, skip(runs), verify = 0.001)]
    async fn item(cache: Cache, runs: Runs, id: u64) -> u64 {
        runs.count();
        id
    }
    fastrand::seed(3);
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    for id in 0..2_000 {
        for _ in 0..10 {
            item(cache.clone(), runs.clone(), id).await;
        }
        yield_now().await;
    }
    let stats = stats_of(&cache, "item");
    assert_eq!((stats.misses, stats.hits), (2_000, 18_000));
    assert_eq!(runs.get(), stats.misses + stats.verified);
    assert!((1..=40).contains(&stats.verified), "{}", stats.verified);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_behind() {
    let server = RedisServer::start();
    let blog = Blog::open(server.cache());
    blog.rating().await;
    for _ in 0..20 {
        let call = tokio::spawn(read(blog.clone(), 1));
        yield_now().await;
        call.abort();
    }
    let verified = blog.stats().verified;
    eventually("the next one is verified", async || {
        blog.rating().await;
        blog.stats().verified > verified
    })
    .await;
    assert_eq!(blog.stats().differing, 0);
}

#[tokio::test]
async fn a_panic_is_nobodys() {
    #[cache("panics", cache = cache, skip(runs), verify = 1)]
    async fn panics(cache: Cache, runs: Runs) -> u64 {
        yield_now().await;
        assert_ne!(runs.count(), 2, "the first one that is verified");
        7
    }
    on_every_store(async |cache| {
        let runs = Runs::default();
        eventually("another one is verified", async || {
            assert_eq!(panics(cache.clone(), runs.clone()).await, 7);
            stats_of(&cache, "panics").verified > 0
        })
        .await;
        assert_eq!(stats_of(&cache, "panics").misses, 1);
    })
    .await;
}

/// What the function below does: it finds the row, finds none, or fails.
type State = Arc<AtomicU8>;

#[derive(Debug, PartialEq)]
struct Status(u16);

impl HttpStatus for Status {
    fn http_status(&self) -> u16 {
        self.0
    }
}

#[cache("found", cache = cache, skip(state, runs), verify = 1)]
async fn found(cache: Cache, state: State, runs: Runs) -> Result<u64, Status> {
    runs.count();
    match state.load(Ordering::SeqCst) {
        0 => Ok(7),
        1 => Err(Status(404)),
        _ => Err(Status(503)),
    }
}

#[tokio::test]
async fn what_is_not_there_any_more_is_removed_and_a_failure_says_nothing() {
    on_every_store(async |cache| {
        let (log, state, runs) = (Log::start(), State::default(), Runs::default());
        let call = || found(cache.clone(), state.clone(), runs.clone());
        let counted = || stats_of(&cache, "found");
        assert_eq!(call().await, Ok(7));
        state.store(2, Ordering::SeqCst);
        for run in 1..5 {
            eventually("it is verified", async || {
                assert_eq!(call().await, Ok(7));
                runs.get() > run
            })
            .await;
        }
        let now = counted();
        assert_eq!((now.verified, now.errors_hidden), (0, 0));
        state.store(1, Ordering::SeqCst);
        eventually("it is found", async || {
            let _ = call().await;
            counted().differing == 1
        })
        .await;
        assert_eq!(call().await, Err(Status(404)));
        says_that_it_was_wrong(&log, &["::found", "field="]);
    })
    .await;
}

#[test]
fn a_handler_that_cannot_leave_its_thread_is_verified_there() {
    #[cache("local", cache = blog.world.cache, skip(request, blog), verify = 1)]
    async fn local(request: HttpRequest, blog: Blog) -> u64 {
        let not_to_be_sent = Rc::new(request);
        yield_now().await;
        drop(not_to_be_sent);
        blog.world.row.load()
    }
    System::new().block_on(on_every_store(async |cache| {
        let blog = Blog::open(cache);
        let call = || local(TestRequest::get().to_http_request(), blog.clone());
        call().await;
        call().await;
        let stats = || stats_of(&blog.world.cache, "local");
        eventually("it is verified", async || stats().verified == 1).await;
    }));
}

#[tokio::test]
async fn a_copy_in_memory_is_verified_and_repaired_too() {
    let server = RedisServer::start();
    let cache = server.cache_builder().near(SECOND / 100).build();
    let blog = Blog::open(cache.expect("right"));
    eventually("it is in memory", async || {
        // The lease of a verification is a change, with which a copy goes: the second call comes before it.
        blog.rating().await;
        blog.rating().await;
        blog.world.cache.stats().near.hits > 0
    })
    .await;
    blog.world.row.commit();
    eventually("it is found", async || {
        blog.rating().await;
        blog.stats().differing == 1
    })
    .await;
    eventually("it is repaired", async || blog.rating().await == 1).await;
    assert_eq!(blog.stats().misses, 1);
}
