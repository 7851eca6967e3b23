//! What a key has to cover.

use super::{READ, accepts, beside_the_package, refuses};

fn missing(name: &str, root: &str) -> String {
    missing_in(&format!("`{{{name}}}`"), name, root)
}

fn missing_in(forms: &str, name: &str, root: &str) -> String {
    format!(
        "`{name}` is not in the key, so all its values would share one entry: add {forms} to `key_prefix`, or `skip({root})`"
    )
}

#[test]
fn a_key_that_leaves_out_an_input_is_refused() {
    refuses(
        r#""{username}_posts""#,
        "async fn posts(username: &str, «page»: u32, db: &PgPool) -> Posts { body() }",
        &missing("page", "page"),
    );
    refuses(
        r#""posts""#,
        "async fn posts(State(db): State<Db>, «user»: CurrentUser, Path(id): Path<i64>) -> Json<Posts> { body() }",
        &missing_in("`{user}`, `{user.id}` or `{user:hash}`", "user", "user"),
    );
    refuses(
        r#""posts""#,
        "async fn posts(«headers»: HeaderMap) -> Json<Posts> { body() }",
        &missing("headers", "headers"),
    );
    refuses(
        r#""{path.0}_posts""#,
        "async fn posts(«path»: web::Path<(String, i64)>) -> Json<Posts> { body() }",
        &missing("path.1", "path"),
    );
}

#[test]
fn a_key_that_covers_its_inputs_is_accepted() {
    let plain = "async fn posts(username: &str, page: u32, db: &PgPool) -> Posts { body() }";
    accepts(r#""{username}_posts_{page}""#, plain);
    let handler = "async fn posts(State(db): State<Db>, user: CurrentUser, Path(id): Path<i64>) -> Json<Posts> { body() }";
    accepts(r#""posts", skip(user)"#, handler);
    let pair = "async fn posts(path: web::Path<(String, i64)>) -> Json<Posts> { body() }";
    accepts(r#""{path.0}_posts_{path.1}""#, pair);
    accepts(r#""{path.0.0}_posts_{path.0.1}""#, pair);
    accepts(
        r#""post", cache = cache"#,
        "async fn post(method: Method, cache: Cache, id: i64) -> Post { body() }",
    );
}

#[test]
fn every_parameter_is_an_input() {
    let of_its_own = "`{it}`, `{it.id}` or `{it:hash}`";
    for (ty, forms) in [
        ("u64", "`{it}`"),
        ("Option<&str>", "`{it}`"),
        ("web::Path<i64>", "`{it}`"),
        ("impl AsRef<str>", "`{it}`"),
        ("&dyn Display", "`{it}`"),
        ("fn(u8) -> u8", "`{it}`"),
        ("&mut Depot", "`{it}`"),
        ("&CookieJar<'_>", "`{it}`"),
        ("Option<CurrentUser>", "`{it}` or `{it:hash}`"),
        ("(u8, Kind)", "`{it.0}`"),
        ("web::Path<(String, i64)>", "`{it.0}`"),
        ("Vec<i64>", "`{it:hash}`"),
        ("&[Kind]", "`{it:hash}`"),
        ("[Kind; 2]", "`{it:hash}`"),
        ("HashMap<String, i64>", "`{it:hash}`"),
        ("Option<Vec<Kind>>", "`{it:hash}`"),
    ]
    .into_iter()
    .chain(
        [
            "CurrentUser",
            "NaiveDate",
            "DateTime<Utc>",
            "Decimal",
            "IpAddr",
            "Duration",
            "Kind",
            "&Ctx",
            "Arc<Ctx>",
            "Client",
            "Pool",
            "Box<dyn Mailer>",
            "Extension<User>",
        ]
        .map(|ty| (ty, of_its_own)),
    ) {
        for neighbour in ["", "State(db): State<Db>, "] {
            refuses(
                r#""me""#,
                &format!("async fn me({neighbour}«it»: {ty}) -> Profile {{ body() }}"),
                &missing_in(forms, "it", "it"),
            );
        }
    }
}

#[test]
fn a_known_dependency_is_no_input() {
    for parameter in [
        "State(db): State<Db>",
        "db: &State<Db>",
        "db: web::Data<Db>",
        "db: web::ThinData<Db>",
        "mut db: Connection<Db>",
        "db: &PgPool",
        "db: Arc<PgPool>",
        "db: &Pool<Postgres>",
        "db: &DatabaseConnection",
        "db: &deadpool_postgres::Pool",
        "db: bb8::PooledConnection<'_, Manager>",
        "db: &mut MultiplexedConnection",
        "http: &reqwest::Client",
        "db: &mongodb::Database",
        "mailer: Arc<dyn Mailer + Send + Sync>",
        "mailer: &dyn Mailer",
        "mailer: &(dyn Mailer + Sync)",
        "Extension(mailer): Extension<Arc<dyn Mailer>>",
        "cache: &Cache",
        "Extension(cache): Extension<Cache>",
        "method: http::Method",
        "_: CurrentUser",
        "Path(_): Path<i64>",
        "(): ()",
    ] {
        accepts(
            r#""posts""#,
            &format!("async fn posts({parameter}) -> Posts {{ body() }}"),
        );
    }
}

#[test]
fn a_request_is_an_input() {
    for ty in [
        "Request",
        "http::Request<Body>",
        "&Parts",
        "HttpRequest",
        "&mut Request",
    ] {
        refuses(
            r#""posts""#,
            &format!("async fn posts(«request»: {ty}) -> Posts {{ body() }}"),
            "`request` tells more than its method: take what its value depends on in a parameter that the key has, and add `skip(request)`",
        );
        accepts(
            r#""posts", skip(request)"#,
            &format!("async fn posts(request: {ty}) -> Posts {{ body() }}"),
        );
    }
}

#[test]
fn the_receiver_is_an_input() {
    for receiver in ["&«self»", "mut «self»", "«self»: Arc<Self>"] {
        refuses(
            r#""post""#,
            &format!("async fn post({receiver}, id: i64) -> Post {{ body() }}"),
            "`self` is not in the key, so all its values would share one entry: add a field (`{self.tenant}`) to `key_prefix`, and `{Self}` where its type is generic, or `skip(self)`",
        );
    }
    let method = "async fn post(&self, id: i64) -> Post { body() }";
    refuses(
        r#""{Self}_post""#,
        "async fn post(&«self», id: i64) -> Post { body() }",
        "`self` is not in the key, so all its values would share one entry: add a field (`{self.tenant}`) to `key_prefix`, or `skip(self)`",
    );
    accepts(r#""{self.tenant}_post""#, method);
    accepts(r#""{Self}_post", skip(self)"#, method);
}

#[test]
fn generics_are_inputs() {
    let missing_types = "`T` is not in the key, so all its types would share one entry: add `{T}` to `key_prefix`, or `skip(T)`";
    refuses(
        r#""row:{id}""#,
        "async fn row<«T»: Row>(id: i64) -> T { body() }",
        missing_types,
    );
    refuses(
        r#""row:{T}""#,
        "async fn row<T: Row>(«it»: &T) -> Posts { body() }",
        &missing("it", "it"),
    );
    refuses(
        r#""page:{of}""#,
        "async fn page<const «N»: usize>(of: u8) -> Posts { body() }",
        &missing("N", "N"),
    );
    let function = "async fn page<'a, T: Row, const N: usize>(of: &'a str) -> Posts { body() }";
    accepts(r#""{T}:{of}_{N}""#, function);
    accepts(r#""{of}", skip(T, N)"#, function);
    refuses(
        r#"«"{T.id}:{of}_{N}"»"#,
        function,
        "`T` is a type: it has no fields",
    );
}

#[test]
fn a_pattern_is_checked_field_by_field() {
    let function = |filter: &str| {
        format!("async fn posts(Query({filter}): Query<Filter>) -> Posts {{ body() }}")
    };
    refuses(
        r#""posts:{page}""#,
        &function("Filter { page, «archived» }"),
        &missing("archived", "archived"),
    );
    let rest = "`..` leaves out what the key then has not: name it here and in `key_prefix`, or `skip(..)`";
    refuses(
        r#""posts:{page}""#,
        &function("Filter { page, «.». }"),
        rest,
    );
    refuses(r#""posts:{page}""#, &function("Filter(page, «.».)"), rest);
    accepts(
        r#""posts:{page}", skip(..)"#,
        &function("Filter { page, .. }"),
    );
    accepts(
        r#""posts:{all:hash}", skip(page)"#,
        &function("all @ Filter { page, .. }"),
    );
    refuses(
        r#""posts:{page}", skip(«.».)"#,
        &function("Filter { page }"),
        "no parameter's pattern has a `..`",
    );
    refuses(
        r#""posts""#,
        "async fn posts((Ok(«page») | Err(page)): Result<u8, u8>) -> Posts { body() }",
        &missing("page", "page"),
    );
}

#[test]
fn a_name_that_skip_can_not_mean_is_refused() {
    for (attribute, message) in [
        (
            r#""post", skip(«page»)"#,
            "no parameter is named `page`; there are `post_id`",
        ),
        (
            r#""post", skip(post_id, «post_id»)"#,
            "`post_id` is skipped twice",
        ),
        (
            r#""post_{post_id}", skip(«post_id»)"#,
            "`post_id` is in the key: it can't be skipped",
        ),
    ] {
        refuses(attribute, READ, message);
    }
}

#[test]
fn the_documented_dependencies_are_the_known_ones() {
    let document = beside_the_package("docs/keys.md");
    let list = include_str!("../../handler/dependencies.rs");
    let names = list.split('"').skip(1).step_by(2);
    let undocumented: Vec<_> = names.filter(|name| !document.contains(name)).collect();
    assert_eq!(undocumented, [""; 0]);
}
