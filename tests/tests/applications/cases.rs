//! The tables that the tests run through.

/// The type of most bodies.
const JSON: &str = "application/json";

/// A content type and a body, if there is one.
type Body = Option<(&'static str, &'static [u8])>;

/// Every user of the seed data, with the id of a post and the number of all posts.
pub(crate) const USERS: [(&str, u64, u64); 7] = [
    ("johndoe", 1, 25),
    ("janedoe", 26, 3),
    ("x", 29, 1),
    ("x_posts:page_1", 30, 1),
    ("*", 31, 1),
    ("{x}", 32, 1),
    ("名前", 33, 1),
];

/// Reads, the keys they are cached under, and the seconds they live.
pub(crate) const READS: [(&str, &str, i64); 12] = [
    (
        "/johndoe/posts",
        "johndoe_posts:page_1:items_per_page_10:johndoe",
        60,
    ),
    (
        "/johndoe/posts?page=3&items_per_page=5",
        "johndoe_posts:page_3:items_per_page_5:johndoe",
        60,
    ),
    (
        "/janedoe/posts",
        "janedoe_posts:page_1:items_per_page_10:janedoe",
        60,
    ),
    ("/%2A/posts", "*_posts:page_1:items_per_page_10:*", 60),
    (
        "/%7Bx%7D/posts",
        "%7Bx%7D_posts:page_1:items_per_page_10:%7Bx%7D",
        60,
    ),
    (
        "/%E5%90%8D%E5%89%8D/posts",
        "名前_posts:page_1:items_per_page_10:名前",
        60,
    ),
    ("/johndoe/post/1", "johndoe_post_cache:1", 3600),
    ("/johndoe/post/2", "johndoe_post_cache:2", 3600),
    ("/posts/latest", "latest_posts:global", 60),
    ("/countries", "countries", 86400),
    (
        "/organizations/7/departments/42/employees",
        "org_7_dept_42_employees:42",
        1800,
    ),
    ("/search?query=part%202", "search:page_1:part 2", 3600),
];

/// Requests that can't be answered, and the status that says so.
pub(crate) const BAD_REQUESTS: [(&str, &str, Body, u16); 30] = [
    ("GET", "/", None, 404),
    ("GET", "/nothing", None, 404),
    ("GET", "/countries/", None, 404),
    ("GET", "/nobody/posts", None, 404),
    ("GET", "/nobody/post/1", None, 404),
    ("GET", "/janedoe/post/1", None, 404),
    ("GET", "/johndoe/post/-1", None, 404),
    ("GET", "/johndoe/post/one", None, 400),
    ("GET", "/johndoe/post/99999999999999999999", None, 400),
    ("GET", "/johndoe/posts?page=0", None, 400),
    ("GET", "/johndoe/posts?page=-1", None, 400),
    ("GET", "/johndoe/posts?page=", None, 400),
    ("GET", "/johndoe/posts?page=99999999999999999999", None, 400),
    ("GET", "/johndoe/posts?items_per_page=0", None, 400),
    ("GET", "/johndoe/posts?items_per_page=101", None, 400),
    (
        "GET",
        "/organizations/7/departments/44/employees",
        None,
        404,
    ),
    ("GET", "/organizations/7/departments/x/employees", None, 400),
    ("GET", "/search", None, 400),
    ("GET", "/search?query=", None, 400),
    ("GET", "/search?query=rust&page=two", None, 400),
    ("POST", "/countries", None, 405),
    ("PUT", "/johndoe/post/1", None, 405),
    ("DELETE", "/johndoe/posts", None, 405),
    ("POST", "/johndoe/post", Some(("text/plain", b"{}")), 415),
    ("POST", "/johndoe/post", Some((JSON, b"{\"title\":")), 400),
    (
        "POST",
        "/johndoe/post",
        Some((JSON, b"{\"title\":\"a title\"}")),
        422,
    ),
    (
        "POST",
        "/johndoe/post",
        Some((JSON, b"{\"title\":\"\",\"text\":\"a text\"}")),
        422,
    ),
    (
        "POST",
        "/nobody/post",
        Some((JSON, b"{\"title\":\"a title\",\"text\":\"a text\"}")),
        404,
    ),
    (
        "PATCH",
        "/janedoe/post/1",
        Some((JSON, b"{\"title\":\"a title\"}")),
        404,
    ),
    ("DELETE", "/johndoe/post/26", None, 404),
];
