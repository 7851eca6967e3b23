//! The database that both applications rely on.

use posts_core::{Db, Error, NewPost, PageQuery, PostUpdate, SearchQuery};

const FIRST_PAGE: PageQuery = PageQuery {
    page: 1,
    items_per_page: 10,
};

async fn in_memory() -> Db {
    Db::open("sqlite::memory:")
        .await
        .expect("a database in memory can always be opened")
}

fn draft(title: &str) -> NewPost {
    NewPost {
        title: title.to_owned(),
        text: "…".to_owned(),
    }
}

#[tokio::test]
async fn the_seed_data_has_the_documented_ids() {
    let db = in_memory().await;
    let authors = [
        ("johndoe", 1, 25),
        ("janedoe", 26, 28),
        ("x", 29, 29),
        ("x_posts:page_1", 30, 30),
        ("*", 31, 31),
        ("{x}", 32, 32),
        ("名前", 33, 33),
    ];
    for (author, first, last) in authors {
        for id in first..=last {
            let post = db
                .read_post(author, id)
                .await
                .expect("the post belongs to its author");
            assert_eq!((post.id, post.username.as_str()), (id, author));
            assert_eq!(post.created_at, format!("2025-01-01T00:{:02}:00Z", id - 1));
        }
        let page = db
            .list_posts(author, FIRST_PAGE)
            .await
            .expect("the author is known");
        assert_eq!(page.total_count, last - first + 1);
        assert_eq!(page.has_more, page.total_count > 10);
    }
    assert_eq!(
        db.employees(7, 42)
            .await
            .expect("the department exists")
            .len(),
        2
    );
    assert_eq!(
        db.employees(7, 43)
            .await
            .expect("the department exists")
            .len(),
        2
    );
}

#[tokio::test]
async fn one_user_cannot_change_the_post_of_another() {
    let db = in_memory().await;
    let update = PostUpdate {
        title: Some("mine now".to_owned()),
        text: None,
    };
    assert!(matches!(
        db.update_post("janedoe", 1, &update).await,
        Err(Error::NotFound("post"))
    ));
    assert!(matches!(
        db.delete_post("janedoe", 1).await,
        Err(Error::NotFound("post"))
    ));
    let post = db.read_post("johndoe", 1).await.expect("it is still there");
    assert_eq!(post.title, "On caching, part 1");
}

#[tokio::test]
async fn the_id_of_a_deleted_post_is_not_used_again() {
    let db = in_memory().await;
    let first = db
        .create_post("x", &draft("first"))
        .await
        .expect("x is known");
    db.delete_post("x", first.id)
        .await
        .expect("the post exists");
    let second = db
        .create_post("x", &draft("second"))
        .await
        .expect("x is known");
    assert_eq!((first.id, second.id), (34, 35));
}

#[tokio::test]
async fn a_search_takes_wildcards_literally_and_ignores_case() {
    let db = in_memory().await;
    let found = async |query: &str| {
        let search = SearchQuery {
            query: query.to_owned(),
            page: 1,
        };
        db.search_posts(&search)
            .await
            .expect("a search succeeds")
            .total_count
    };
    assert_eq!(found("REDIS").await, 6);
    assert_eq!(found("%").await, 0);
    db.create_post("x", &draft("100% sure"))
        .await
        .expect("x is known");
    assert_eq!(found("%").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_memory_is_the_same_for_concurrent_callers() {
    let db = in_memory().await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let db = db.clone();
            tokio::spawn(async move {
                db.create_post("x", &draft(&format!("number {number}")))
                    .await?;
                db.list_posts("x", FIRST_PAGE).await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("no error");
    }
    let page = db.list_posts("x", FIRST_PAGE).await.expect("x is known");
    assert_eq!(page.total_count, 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_go_away_do_not_take_the_database_with_them() {
    let db = in_memory().await;
    for _ in 0..200 {
        let (reader, writer) = (db.clone(), db.clone());
        let reading = tokio::spawn(async move { reader.list_posts("johndoe", FIRST_PAGE).await });
        let writing =
            tokio::spawn(async move { writer.update_post("x", 29, &PostUpdate::default()).await });
        tokio::task::yield_now().await;
        reading.abort();
        writing.abort();
    }
    let page = db
        .list_posts("johndoe", FIRST_PAGE)
        .await
        .expect("the seed data is still there");
    assert_eq!(page.total_count, 25);
}

#[tokio::test]
async fn a_file_is_created_and_filled_only_once() {
    let path = std::env::temp_dir().join(format!("posts-core-{}.db", std::process::id()));
    let url = format!("sqlite://{}", path.display());
    let (first, second) = tokio::join!(Db::open(&url), Db::open(&url));
    first
        .expect("the file is created")
        .create_post("x", &draft("kept"))
        .await
        .expect("x is known");
    let page = second
        .expect("the file is shared")
        .list_posts("x", FIRST_PAGE)
        .await
        .expect("x is known");
    assert_eq!(page.total_count, 2);

    let reopened = Db::open(&url).await.expect("the file is still there");
    let page = reopened
        .list_posts("x", FIRST_PAGE)
        .await
        .expect("x is known");
    assert_eq!(page.total_count, 2);
    std::fs::remove_file(path).expect("the file can be removed");
}
