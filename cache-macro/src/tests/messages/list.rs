//! The list of functions that must compile and that must not: each rule of the attribute with one of either kind, as
//! axum, actix, rocket, poem, salvo and plain code have them. What only types can show is in `tests/tests/ui`.

use std::collections::HashSet;

use super::{accepts, refuses};

struct Rule {
    says: &'static str,
    compiles: [&'static str; 2],
    /// The caret's place is marked.
    refused: [&'static str; 2],
    message: &'static str,
}

const LIST: &[Rule] = &[
    // What a key covers.
    Rule {
        says: "axum: whoever asks is an input",
        compiles: [
            r#""me:{user.id}""#,
            "async fn me(State(db): State<Db>, user: CurrentUser) -> Json<Profile> { body() }",
        ],
        refused: [
            r#""me""#,
            "async fn me(State(db): State<Db>, «user»: CurrentUser) -> Json<Profile> { body() }",
        ],
        message: "`user` is not in the key, so all its values would share one entry: add `{user}`, `{user.id}` or `{user:hash}` to `key_prefix`, or `skip(user)`",
    },
    Rule {
        says: "axum: a pattern is checked field by field",
        compiles: [
            r#""posts:{page}:{archived}""#,
            "async fn posts(Query(Filter { page, archived }): Query<Filter>) -> Json<Posts> { body() }",
        ],
        refused: [
            r#""posts:{page}""#,
            "async fn posts(Query(Filter { page, «archived» }): Query<Filter>) -> Json<Posts> { body() }",
        ],
        message: "`archived` is not in the key, so all its values would share one entry: add `{archived}` to `key_prefix`, or `skip(archived)`",
    },
    Rule {
        says: "axum: what a pattern leaves out is an input",
        compiles: [
            r#""posts:{page}", skip(..)"#,
            "async fn posts(Query(Filter { page, .. }): Query<Filter>) -> Json<Posts> { body() }",
        ],
        refused: [
            r#""posts:{page}""#,
            "async fn posts(Query(Filter { page, «.». }): Query<Filter>) -> Json<Posts> { body() }",
        ],
        message: "`..` leaves out what the key then has not: name it here and in `key_prefix`, or `skip(..)`",
    },
    Rule {
        says: "axum: a request is an input",
        compiles: [
            r#""posts", skip(request)"#,
            "async fn posts(request: Request) -> Json<Posts> { body() }",
        ],
        refused: [
            r#""posts""#,
            "async fn posts(«request»: Request) -> Json<Posts> { body() }",
        ],
        message: "`request` tells more than its method: take what its value depends on in a parameter that the key has, and add `skip(request)`",
    },
    Rule {
        says: "axum: an extension is an input, and one of a service is none",
        compiles: [
            r#""posts""#,
            "async fn posts(Extension(mailer): Extension<Arc<dyn Mailer>>) -> Json<Posts> { body() }",
        ],
        refused: [
            r#""posts""#,
            "async fn posts(Extension(«user»): Extension<User>) -> Json<Posts> { body() }",
        ],
        message: "`user` is not in the key, so all its values would share one entry: add `{user}`, `{user.id}` or `{user:hash}` to `key_prefix`, or `skip(user)`",
    },
    Rule {
        says: "actix: each part of a path is in the key",
        compiles: [
            r#""{path.0}_posts:{path.1}""#,
            "async fn posts(path: web::Path<(String, i64)>, db: web::Data<Db>) -> Json<Posts> { body() }",
        ],
        refused: [
            r#""{path.0}_posts""#,
            "async fn posts(«path»: web::Path<(String, i64)>, db: web::Data<Db>) -> Json<Posts> { body() }",
        ],
        message: "`path.1` is not in the key, so all its values would share one entry: add `{path.1}` to `key_prefix`, or `skip(path)`",
    },
    Rule {
        says: "actix: the request is an input",
        compiles: [
            r#""posts", skip(request)"#,
            r#"#[get("/posts")] async fn posts(request: HttpRequest) -> Json<Posts> { body() }"#,
        ],
        refused: [
            r#""posts""#,
            r#"#[get("/posts")] async fn posts(«request»: HttpRequest) -> Json<Posts> { body() }"#,
        ],
        message: "`request` tells more than its method: take what its value depends on in a parameter that the key has, and add `skip(request)`",
    },
    Rule {
        says: "rocket: a guard is an input, and a state and a connection are none",
        compiles: [
            r#""posts:{admin.id}""#,
            r#"#[get("/")] async fn posts(db: &State<Db>, mut rows: Connection<Rows>, admin: Admin) -> Json<Posts> { body() }"#,
        ],
        refused: [
            r#""posts""#,
            r#"#[get("/")] async fn posts(db: &State<Db>, mut rows: Connection<Rows>, «admin»: Admin) -> Json<Posts> { body() }"#,
        ],
        message: "`admin` is not in the key, so all its values would share one entry: add `{admin}`, `{admin.id}` or `{admin:hash}` to `key_prefix`, or `skip(admin)`",
    },
    Rule {
        says: "rocket: cookies are an input",
        compiles: [
            r#""posts", skip(cookies)"#,
            r#"#[get("/")] async fn posts(cookies: &CookieJar<'_>) -> Json<Posts> { body() }"#,
        ],
        refused: [
            r#""posts""#,
            r#"#[get("/")] async fn posts(«cookies»: &CookieJar<'_>) -> Json<Posts> { body() }"#,
        ],
        message: "`cookies` is not in the key, so all its values would share one entry: add `{cookies}` to `key_prefix`, or `skip(cookies)`",
    },
    Rule {
        says: "poem: a session is an input",
        compiles: [
            r#""posts", skip(session)"#,
            "#[handler] async fn posts(Data(db): Data<&Db>, session: &Session) -> Json<Posts> { body() }",
        ],
        refused: [
            r#""posts""#,
            "#[handler] async fn posts(Data(db): Data<&Db>, «session»: &Session) -> Json<Posts> { body() }",
        ],
        message: "`session` is not in the key, so all its values would share one entry: add `{session}`, `{session.id}` or `{session:hash}` to `key_prefix`, or `skip(session)`",
    },
    Rule {
        says: "poem: what has no text is hashed",
        compiles: [
            r#""posts:{ids:hash}""#,
            "#[handler] async fn posts(Query(ids): Query<Vec<i64>>) -> Json<Posts> { body() }",
        ],
        refused: [
            r#""posts""#,
            "#[handler] async fn posts(Query(«ids»): Query<Vec<i64>>) -> Json<Posts> { body() }",
        ],
        message: "`ids` is not in the key, so all its values would share one entry: add `{ids:hash}` to `key_prefix`, or `skip(ids)`",
    },
    Rule {
        says: "salvo: the depot is an input",
        compiles: [
            r#""posts", skip(depot)"#,
            "#[handler] async fn posts(depot: &mut Depot) -> Json<Posts> { body() }",
        ],
        refused: [
            r#""posts""#,
            "#[handler] async fn posts(«depot»: &mut Depot) -> Json<Posts> { body() }",
        ],
        message: "`depot` is not in the key, so all its values would share one entry: add `{depot}` to `key_prefix`, or `skip(depot)`",
    },
    Rule {
        says: "plain: an unknown type is an input, and a pool is none",
        compiles: [
            r#""revenue:{day}", resource_id_name = "tenant""#,
            "async fn revenue(db: &PgPool, tenant: i64, day: NaiveDate) -> Revenue { body() }",
        ],
        refused: [
            r#""revenue", resource_id_name = "tenant""#,
            "async fn revenue(db: &PgPool, tenant: i64, «day»: NaiveDate) -> Revenue { body() }",
        ],
        message: "`day` is not in the key, so all its values would share one entry: add `{day}`, `{day.id}` or `{day:hash}` to `key_prefix`, or `skip(day)`",
    },
    Rule {
        says: "plain: a service behind a trait is no input, and data behind one is",
        compiles: [
            r#""rate""#,
            "async fn rate(bank: &dyn Bank) -> Rate { body() }",
        ],
        refused: [
            r#""rate""#,
            "async fn rate(«currency»: &dyn Display) -> Rate { body() }",
        ],
        message: "`currency` is not in the key, so all its values would share one entry: add `{currency}` to `key_prefix`, or `skip(currency)`",
    },
    Rule {
        says: "plain: the receiver is an input",
        compiles: [
            r#""post:{self.tenant}""#,
            "async fn post(&self, id: i64) -> Post { body() }",
        ],
        refused: [
            r#""post""#,
            "async fn post(&«self», id: i64) -> Post { body() }",
        ],
        message: "`self` is not in the key, so all its values would share one entry: add a field (`{self.tenant}`) to `key_prefix`, and `{Self}` where its type is generic, or `skip(self)`",
    },
    Rule {
        says: "plain: a type is an input",
        compiles: [
            r#""row:{T}""#,
            "async fn row<T: Row>(id: i64) -> T { body() }",
        ],
        refused: [
            r#""row""#,
            "async fn row<«T»: Row>(id: i64) -> T { body() }",
        ],
        message: "`T` is not in the key, so all its types would share one entry: add `{T}` to `key_prefix`, or `skip(T)`",
    },
    Rule {
        says: "plain: a constant is an input",
        compiles: [
            r#""page:{N}""#,
            "async fn page<const N: usize>(id: i64) -> Page { body() }",
        ],
        refused: [
            r#""page""#,
            "async fn page<const «N»: usize>(id: i64) -> Page { body() }",
        ],
        message: "`N` is not in the key, so all its values would share one entry: add `{N}` to `key_prefix`, or `skip(N)`",
    },
    Rule {
        says: "plain: what the key has is not skipped",
        compiles: [
            r#""post:{slug}", skip(trace)"#,
            "async fn post(slug: &str, trace: Trace) -> Post { body() }",
        ],
        refused: [
            r#""post:{slug}", skip(trace, «slug»)"#,
            "async fn post(slug: &str, trace: Trace) -> Post { body() }",
        ],
        message: "`slug` is in the key: it can't be skipped",
    },
    // What stands in a key.
    Rule {
        says: "plain: a secret is hashed",
        compiles: [
            r#""me:{api_key:hash}""#,
            "async fn me(api_key: &str) -> Profile { body() }",
        ],
        refused: [
            r#"«"me:{api_key}"»"#,
            "async fn me(api_key: &str) -> Profile { body() }",
        ],
        message: "`api_key` is a secret, and whoever lists the keys would read it: write `{api_key:hash}`",
    },
    Rule {
        says: "axum: a secret by its type is hashed",
        compiles: [
            r#""me:{auth:hash}""#,
            "async fn me(TypedHeader(auth): TypedHeader<Authorization<Bearer>>) -> Json<Profile> { body() }",
        ],
        refused: [
            r#"«"me:{auth}"»"#,
            "async fn me(TypedHeader(auth): TypedHeader<Authorization<Bearer>>) -> Json<Profile> { body() }",
        ],
        message: "`auth` is a secret, and whoever lists the keys would read it: write `{auth:hash}`",
    },
    Rule {
        says: "plain: placeholders have text in between",
        compiles: [
            r#""{city}:{day}""#,
            "async fn weather(city: &str, day: u32) -> Weather { body() }",
        ],
        refused: [
            r#"«"{city}{day}"»"#,
            "async fn weather(city: &str, day: u32) -> Weather { body() }",
        ],
        message: "`{city}{day}` needs text in between: without it different values make the same key",
    },
    Rule {
        says: "plain: a placeholder is a name of the function's",
        compiles: [
            r#""{username}_posts""#,
            "async fn posts(username: &str) -> Posts { body() }",
        ],
        refused: [
            r#"«"{usrname}_posts"», skip(username)"#,
            "async fn posts(username: &str) -> Posts { body() }",
        ],
        message: "no parameter is named `usrname`; did you mean `username`? There are `username`",
    },
    Rule {
        says: "plain: one of several ids is chosen",
        compiles: [
            r#""staff:{org_id}", resource_id_name = "dept_id""#,
            "async fn staff(org_id: i64, dept_id: i64) -> Staff { body() }",
        ],
        refused: [
            r#"«"staff"»"#,
            "async fn staff(org_id: i64, dept_id: i64) -> Staff { body() }",
        ],
        message: "`org_id` and `dept_id` could each be the resource id: choose with `resource_id_name = \"org_id\"`",
    },
    Rule {
        says: "plain: a version is an argument",
        compiles: [
            r#""price", version = 2"#,
            "async fn price(id: u64) -> Price { body() }",
        ],
        refused: [
            r#"«"price:{id}%v2"»"#,
            "async fn price(id: u64) -> Price { body() }",
        ],
        message: "a key ends in `%v` and a number where it has a version: leave that out, and add `version = …`",
    },
    Rule {
        says: "plain: only a write knows what it returns",
        compiles: [
            r#"to_invalidate_extra = {"post": "{result.id}"}"#,
            "async fn import_post(text: &str) -> Post { body() }",
        ],
        refused: [
            r#""post", tags = [«"post:{result.id}"»], skip(text)"#,
            "async fn imported(text: &str) -> Post { body() }",
        ],
        message: "`{result}` is the return value: only the templates of a write can use it",
    },
    Rule {
        says: "plain: a pattern ends in text",
        compiles: [
            r#"pattern_to_invalidate_extra = ["user_{id}_*"]"#,
            "async fn rename(id: i64) -> User { body() }",
        ],
        refused: [
            r#"pattern_to_invalidate_extra = [«"user_{id}"»]"#,
            "async fn rename(id: i64) -> User { body() }",
        ],
        message: "`user_{id}*` takes what only begins with the value as well: write the text behind it, such as `user_{id}_*` or `user_{id}:*`",
    },
    Rule {
        says: "plain: a pattern takes no more than something",
        compiles: [
            r#"pattern_to_invalidate_extra = ["user_*"]"#,
            "async fn rename(id: i64) -> User { body() }",
        ],
        refused: [
            r#"pattern_to_invalidate_extra = [«"*"»]"#,
            "async fn rename(id: i64) -> User { body() }",
        ],
        message: "`*` takes every key of the cache: write the text that yours begin with, such as `user_*`",
    },
    // What a function does.
    Rule {
        says: "plain: a verb of change says what it does",
        compiles: [
            r#""card", method = "POST""#,
            "async fn charge_card(id: i64) -> Receipt { body() }",
        ],
        refused: [
            r#""card""#,
            "async fn «charge_card»(id: i64) -> Receipt { body() }",
        ],
        message: "this looks like a write, since it is named `charge_card`: add `method = \"PUT\"`, or `method = \"GET\"` if it is a read",
    },
    Rule {
        says: "axum: what takes a body says what it does",
        compiles: [
            r#""post:{filter:hash}", method = "GET""#,
            "async fn post(Json(filter): Json<Filter>) -> Json<Post> { body() }",
        ],
        refused: [
            r#""post:{filter:hash}""#,
            "async fn «post»(Json(filter): Json<Filter>) -> Json<Post> { body() }",
        ],
        message: "this looks like a write, since it takes a request's body: add `method = \"PUT\"`, or `method = \"GET\"` if it is a read",
    },
    Rule {
        says: "rocket: what is routed by `#[post]` says what it does",
        compiles: [
            r#""post""#,
            r#"#[get("/<id>")] async fn post(id: i64) -> Json<Post> { body() }"#,
        ],
        refused: [
            r#""post""#,
            r#"#[post("/<id>")] async fn «post»(id: i64) -> Json<Post> { body() }"#,
        ],
        message: "this looks like a write, since it is routed by `#[post]`: add `method = \"PUT\"`, or `method = \"GET\"` if it is a read",
    },
    Rule {
        says: "plain: a read removes nothing",
        compiles: [
            r#""post", method = "PUT", tags_to_invalidate = ["posts"]"#,
            "async fn post(id: i64) -> Post { body() }",
        ],
        refused: [
            r#""post", method = "GET", «tags_to_invalidate» = ["posts"]"#,
            "async fn post(id: i64) -> Post { body() }",
        ],
        message: "`tags_to_invalidate` is for writes, and `GET` is a read: name the write's method or drop it",
    },
    Rule {
        says: "plain: a write stores nothing",
        compiles: [
            r#""post", expiration = 60"#,
            "async fn post(id: i64) -> Post { body() }",
        ],
        refused: [
            r#""post", method = "PUT", «expiration» = 60"#,
            "async fn post(id: i64) -> Post { body() }",
        ],
        message: "`expiration` is for reads, and this function writes: it stores no value",
    },
    Rule {
        says: "plain: a write removes something",
        compiles: [
            r#"method = "DELETE", tags_to_invalidate = ["posts"]"#,
            "async fn clear() { body() }",
        ],
        refused: [r#"method = "DELETE""#, "async fn clear() { body() }"],
        message: "nothing to invalidate: give `key_prefix`, `to_invalidate_extra`, `pattern_to_invalidate_extra` or `tags_to_invalidate`",
    },
    Rule {
        says: "plain: a refresh in the background owns its parameters",
        compiles: [
            r#""post:{slug}", stale_while_revalidate = 60, skip(db)"#,
            "async fn post(db: Db, slug: String) -> Post { body() }",
        ],
        refused: [
            r#""post:{slug}", «stale_while_revalidate» = 60"#,
            "async fn post(slug: &str) -> Post { body() }",
        ],
        message: "`stale_while_revalidate` runs the function on when its caller has gone, and `slug` is borrowed: take it by value",
    },
    Rule {
        says: "plain: a hit borrows from nothing",
        compiles: [
            r#""post""#,
            "async fn post(id: i64) -> Result<Option<String>, &'static str> { body() }",
        ],
        refused: [
            r#""post""#,
            "async fn post(id: i64) -> Result<Option<«&»'static str>, Error> { body() }",
        ],
        message: "a hit has nothing to borrow from: return an owned value, such as `String` for `&str` or `Vec<T>` for `&[T]`",
    },
    Rule {
        says: "plain: the function is async",
        compiles: [r#""post""#, "async fn post(id: i64) -> Post { body() }"],
        refused: [r#""post""#, "«fn» post(id: i64) -> Post { body() }"],
        message: "`#[cache]` needs an `async fn`: write `async` before `fn`",
    },
];

#[test]
fn the_list_has_one_function_of_either_kind_for_each_rule() {
    let rules: HashSet<&str> = LIST.iter().map(|rule| rule.says).collect();
    assert_eq!(rules.len(), LIST.len(), "a rule is named twice");
    assert!(2 * LIST.len() >= 60, "{}", LIST.len());
    for rule in LIST {
        let [attribute, function] = rule.compiles;
        accepts(attribute, function);
        let [attribute, function] = rule.refused;
        refuses(attribute, function, rule.message);
    }
}
