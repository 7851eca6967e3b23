//! Clients of the blog that write and read posts, and know what they must not see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_testkit::{Client, HttpClient, Load, Response, Row};
use serde_json::{Value, json};
use tokio::task::block_in_place;

/// Each writes a post of its own, and reads those of all.
const CLIENTS: usize = 6;

/// Also from one load of an application to the next, versions grow.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// Needs a runtime whose threads may be blocked.
pub(crate) fn load(http: HttpClient) -> Load {
    let posts = Arc::<[Row; CLIENTS]>::default();
    Load::start(CLIENTS, move |client| {
        let reader = Reader {
            client,
            http: http.clone(),
            posts: posts.clone(),
        };
        async move { reader.take_a_turn().await }
    })
}

/// One client in one turn.
struct Reader {
    client: Client,
    http: HttpClient,
    posts: Arc<[Row; CLIENTS]>,
}

impl Reader {
    async fn take_a_turn(&self) {
        let number = self.client.number;
        let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
        let title = json!({"title": format!("version {version}")});
        let path = path(number);
        if self.call("PATCH", &path, Some(&title)).await.is_some() {
            self.posts[number].has_returned(version);
        }
        for other in 0..CLIENTS {
            let post = (number + other) % CLIENTS;
            self.read(&path_of_read(post, other), post).await;
        }
    }

    /// A read that starts after a write has returned sees that write.
    async fn read(&self, path: &str, post: usize) {
        let floors = self.posts.each_ref().map(Row::floor);
        let Some(response) = self.call("GET", path, None).await else {
            return;
        };
        let seen: Vec<(usize, u64)> = match response.body["data"].as_array() {
            Some(posts) => posts
                .iter()
                .map(|post| (number_of(post), version_of(post)))
                .collect(),
            None => vec![(post, version_of(&response.body))],
        };
        for (post, version) in seen {
            let least = floors.get(post).copied().unwrap_or_default();
            if version < least {
                self.client.found_wrong(format!(
                    "{path} shows version {version} of {post}, and {least} was written"
                ));
            }
        }
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Response> {
        let call = async { block_in_place(|| self.http.call(method, path, body)) };
        let response = self.client.call(call).await;
        let wrong = match response {
            Ok(response) if response.status == 200 => return Some(response),
            Ok(response) => format!("{} {}", response.status, response.text),
            Err(error) => error.to_string(),
        };
        self.client.found_wrong(format!("{method} {path}: {wrong}"));
        None
    }
}

/// The post of a client. The last ones, since the list shows these first.
fn id(number: usize) -> usize {
    25 - number
}

fn path(number: usize) -> String {
    format!("/johndoe/post/{}", id(number))
}

fn path_of_read(post: usize, turn: usize) -> String {
    if turn == 1 {
        "/johndoe/posts".to_owned()
    } else {
        path(post)
    }
}

/// Which client's post this is; a number that is no client's for any other.
fn number_of(post: &Value) -> usize {
    let id = post["id"].as_u64().and_then(|id| usize::try_from(id).ok());
    id.and_then(|id| 25_usize.checked_sub(id))
        .unwrap_or(usize::MAX)
}

fn version_of(post: &Value) -> u64 {
    let title = post["title"].as_str().unwrap_or_default();
    let version = title.strip_prefix("version ");
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}
