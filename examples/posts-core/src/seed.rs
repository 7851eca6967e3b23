//! The schema, and what a new database starts with.

use sqlx::{Sqlite, SqliteConnection, SqlitePool};

/// Who has written how much. The order decides the ids of the posts.
const AUTHORS: [(&str, i64); 7] = [
    ("johndoe", 25),
    ("janedoe", 3),
    ("x", 1),
    ("x_posts:page_1", 1),
    ("*", 1),
    ("{x}", 1),
    ("名前", 1),
];

const TOPICS: [&str; 5] = ["caching", "Redis", "Rust", "SQLite", "invalidation"];

const COUNTRIES: [(&str, &str); 6] = [
    ("BR", "Brazil"),
    ("DE", "Germany"),
    ("IN", "India"),
    ("JP", "Japan"),
    ("KE", "Kenya"),
    ("US", "United States"),
];

/// Organisation, department, name, role.
const EMPLOYEES: [(i64, i64, &str, &str); 4] = [
    (7, 42, "Ada Lovelace", "Analyst"),
    (7, 42, "Charles Babbage", "Engineer"),
    (7, 43, "Grace Hopper", "Compiler Engineer"),
    (7, 43, "Katherine Johnson", "Mathematician"),
];

/// Creates what is missing, and fills the database if it holds no users yet.
pub(crate) async fn prepare(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    // Immediate, so that of two processes that start on one empty file only one fills it.
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(include_str!("schema.sql"))
        .execute(&mut *transaction)
        .await?;
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(&mut *transaction)
        .await?;
    if users == 0 {
        fill(&mut transaction).await?;
    }
    transaction.commit().await
}

async fn fill(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for (author, posts) in AUTHORS {
        let user_id = sqlx::query::<Sqlite>("INSERT INTO users (name) VALUES (?)")
            .bind(author)
            .execute(&mut *connection)
            .await?
            .last_insert_rowid();
        for number in 1..=posts {
            insert_post(connection, user_id, author, number).await?;
        }
    }
    for (code, name) in COUNTRIES {
        let country = sqlx::query("INSERT INTO countries (code, name) VALUES (?, ?)")
            .bind(code)
            .bind(name);
        country.execute(&mut *connection).await?;
    }
    for (organization_id, department_id, name, role) in EMPLOYEES {
        sqlx::query("INSERT OR IGNORE INTO departments (organization_id, id) VALUES (?1, ?2)")
            .bind(organization_id)
            .bind(department_id)
            .execute(&mut *connection)
            .await?;
        sqlx::query("INSERT INTO employees (organization_id, department_id, name, role) VALUES (?, ?, ?, ?)")
            .bind(organization_id)
            .bind(department_id)
            .bind(name)
            .bind(role)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Each post is a minute younger than the one before it, from a fixed date on: the same in every database.
async fn insert_post(
    connection: &mut SqliteConnection,
    user_id: i64,
    author: &str,
    number: i64,
) -> Result<(), sqlx::Error> {
    let topic = TOPICS
        .into_iter()
        .cycle()
        .nth(usize::try_from(number - 1).unwrap_or(0))
        .unwrap_or_default();
    sqlx::query(
        "INSERT INTO posts (user_id, title, text, created_at) VALUES (?, ?, ?, strftime(
            '%Y-%m-%dT%H:%M:%SZ', '2025-01-01', (SELECT count(*) FROM posts) || ' minutes'))",
    )
    .bind(user_id)
    .bind(format!("On {topic}, part {number}"))
    .bind(format!("What {author} has to say about {topic}."))
    .execute(connection)
    .await
    .map(drop)
}
