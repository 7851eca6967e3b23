//! Reading and writing posts.

use crate::{Db, Error, Message, NewPost, PageQuery, Post, PostPage, PostUpdate, SearchQuery};

/// How many posts the front page and a page of search results show.
const TEN: u32 = 10;

impl Db {
    /// One page of a user's posts, the newest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an unknown user.
    pub async fn list_posts(&self, username: &str, page: PageQuery) -> Result<PostPage, Error> {
        self.count_read();
        // One transaction, so that the count and the posts are of the same moment.
        let mut transaction = self.pool.begin().await?;
        let user_id: i64 = sqlx::query_scalar("SELECT id FROM users WHERE name = ?")
            .bind(username)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(Error::NotFound("user"))?;
        let total_count = sqlx::query_scalar("SELECT count(*) FROM posts WHERE user_id = ?")
            .bind(user_id)
            .fetch_one(&mut *transaction)
            .await?;
        let data = sqlx::query_as(
            "SELECT id, title, text, ? AS username, created_at FROM posts
             WHERE user_id = ? ORDER BY id DESC LIMIT ? OFFSET ?",
        )
        .bind(username)
        .bind(user_id)
        .bind(page.items_per_page)
        .bind(page.offset())
        .fetch_all(&mut *transaction)
        .await?;
        Ok(page.of(data, total_count))
    }

    /// One post of a user.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if this user has no such post.
    pub async fn read_post(&self, username: &str, id: i64) -> Result<Post, Error> {
        self.count_read();
        sqlx::query_as(
            "SELECT posts.id, title, text, users.name AS username, created_at
             FROM posts JOIN users ON users.id = user_id WHERE posts.id = ? AND users.name = ?",
        )
        .bind(id)
        .bind(username)
        .fetch_optional(&self.pool)
        .await?
        .ok_or(Error::NotFound("post"))
    }

    /// The ten newest posts of all users.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn latest_posts(&self) -> Result<Vec<Post>, Error> {
        self.count_read();
        let posts = sqlx::query_as(
            "SELECT posts.id, title, text, users.name AS username, created_at
             FROM posts JOIN users ON users.id = user_id ORDER BY posts.id DESC LIMIT ?",
        );
        Ok(posts.bind(TEN).fetch_all(&self.pool).await?)
    }

    /// One page of the posts that contain a text, in upper or lower case, the newest first.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn search_posts(&self, search: &SearchQuery) -> Result<PostPage, Error> {
        self.count_read();
        let page = PageQuery {
            page: search.page,
            items_per_page: TEN,
        };
        let mut transaction = self.pool.begin().await?;
        // `instr` rather than `LIKE`, where `%` and `_` would mean something.
        let total_count = sqlx::query_scalar(
            "SELECT count(*) FROM posts WHERE instr(lower(title || char(10) || text), lower(?))",
        )
        .bind(&search.query)
        .fetch_one(&mut *transaction)
        .await?;
        let data = sqlx::query_as(
            "SELECT posts.id, title, text, users.name AS username, created_at
             FROM posts JOIN users ON users.id = user_id
             WHERE instr(lower(title || char(10) || text), lower(?))
             ORDER BY posts.id DESC LIMIT ? OFFSET ?",
        )
        .bind(&search.query)
        .bind(page.items_per_page)
        .bind(page.offset())
        .fetch_all(&mut *transaction)
        .await?;
        Ok(page.of(data, total_count))
    }

    /// Adds a post, dated now.
    ///
    /// # Errors
    ///
    /// [`Error::Unprocessable`] for an empty title, [`Error::NotFound`] for an unknown user.
    pub async fn create_post(&self, username: &str, post: &NewPost) -> Result<Post, Error> {
        check_title(&post.title)?;
        self.count_write();
        sqlx::query_as(
            "INSERT INTO posts (user_id, title, text, created_at)
             SELECT id, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%SZ', 'now') FROM users WHERE name = ?1
             RETURNING id, title, text, ?1 AS username, created_at",
        )
        .bind(username)
        .bind(&post.title)
        .bind(&post.text)
        .fetch_optional(&self.pool)
        .await?
        .ok_or(Error::NotFound("user"))
    }

    /// Changes a user's post.
    ///
    /// # Errors
    ///
    /// [`Error::Unprocessable`] for an empty title, [`Error::NotFound`] if this user has no such post.
    pub async fn update_post(
        &self,
        username: &str,
        id: i64,
        update: &PostUpdate,
    ) -> Result<Message, Error> {
        if let Some(title) = &update.title {
            check_title(title)?;
        }
        self.count_write();
        let updated = sqlx::query(
            "UPDATE posts SET title = coalesce(?, title), text = coalesce(?, text)
             WHERE id = ? AND user_id = (SELECT id FROM users WHERE name = ?)",
        )
        .bind(&update.title)
        .bind(&update.text)
        .bind(id)
        .bind(username)
        .execute(&self.pool)
        .await?;
        if updated.rows_affected() == 0 {
            Err(Error::NotFound("post"))
        } else {
            Ok(Message::new("Post updated"))
        }
    }

    /// Removes a user's post.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if this user has no such post.
    pub async fn delete_post(&self, username: &str, id: i64) -> Result<Message, Error> {
        self.count_write();
        let deleted = sqlx::query(
            "DELETE FROM posts WHERE id = ? AND user_id = (SELECT id FROM users WHERE name = ?)",
        )
        .bind(id)
        .bind(username)
        .execute(&self.pool)
        .await?;
        if deleted.rows_affected() == 0 {
            Err(Error::NotFound("post"))
        } else {
            Ok(Message::new("Post deleted"))
        }
    }
}

impl PageQuery {
    fn offset(self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.items_per_page)
    }

    fn of(self, data: Vec<Post>, total_count: i64) -> PostPage {
        let has_more = self.offset() + i64::from(self.items_per_page) < total_count;
        PostPage {
            data,
            total_count,
            has_more,
            page: self.page,
            items_per_page: self.items_per_page,
        }
    }
}

fn check_title(title: &str) -> Result<(), Error> {
    if title.trim().is_empty() {
        return Err(Error::Unprocessable("`title` must not be empty".to_owned()));
    }
    Ok(())
}
