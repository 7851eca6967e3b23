//! The known dependencies: parameters that are the same whoever calls, so that a key need not name them. Every
//! other parameter is an input. `docs/keys.md` has this list for users.

use syn::{PathArguments, Type, TypeParamBound, TypePath};

use super::types::{strip, type_argument, type_name};

/// Types that nobody gives to data.
const BY_NAME: &[&str] = &[
    "AnyConnection",
    "AnyPool",
    "AsyncMysqlConnection",
    "AsyncPgConnection",
    "Cache",
    "ClientWithMiddleware",
    "ClusterClient",
    "ClusterConnection",
    "ConnectionManager",
    "DatabaseConnection",
    "DatabaseTransaction",
    "DbConn",
    "MultiplexedConnection",
    "MySqlConnection",
    "MySqlPool",
    "MysqlConnection",
    "PgConnection",
    "PgPool",
    "SqliteConnection",
    "SqlitePool",
];

/// Types that are dependencies with a type argument: `State<Db>`, `Pool<Postgres>`. Without one, an application
/// may have its own.
const WITH_ARGUMENT: &[&str] = &[
    "Connection",
    "Data",
    "Pool",
    "PoolConnection",
    "PooledConnection",
    "State",
    "ThinData",
    "Transaction",
];

/// Types whose names an application may well give to its data: a `Client` may be a customer. With their crate in
/// front they are dependencies.
const BY_PATH: &[(&str, &[&str])] = &[
    ("bb8_postgres", &["Pool"]),
    ("bb8_redis", &["Pool"]),
    ("deadpool_diesel", &["Pool", "Connection"]),
    (
        "deadpool_postgres",
        &["Client", "Object", "Pool", "Transaction"],
    ),
    ("deadpool_redis", &["Connection", "Pool"]),
    ("deadpool_sqlite", &["Connection", "Pool"]),
    ("mongodb", &["Client", "Collection", "Database"]),
    ("redis", &["Client", "Connection"]),
    ("reqwest", &["Client"]),
    ("tokio_postgres", &["Client", "Transaction"]),
];

/// A database's own connections: behind `&mut` they may have a transaction open. The caller's code commits it.
const CONNECTIONS: &[&str] = &[
    "AnyConnection",
    "AsyncMysqlConnection",
    "AsyncPgConnection",
    "MySqlConnection",
    "MysqlConnection",
    "PgConnection",
    "PoolConnection",
    "PooledConnection",
    "SqliteConnection",
];

/// Traits of values. `dyn` of any other trait is a service.
const OF_VALUES: &[&str] = &["Any", "AsRef", "Debug", "Display", "Error", "ToString"];

pub(super) fn is_dependency(ty: &Type) -> bool {
    match ty {
        Type::Paren(ty) => is_dependency(&ty.elem),
        Type::Group(ty) => is_dependency(&ty.elem),
        Type::Reference(ty) => is_shared(&ty.elem),
        Type::Path(path) => is_known(path) || is_behind(ty, path),
        _ => false,
    }
}

/// A dependency that is a transaction, or a `&mut` to a connection, which may have one open: it is committed outside
/// of the function.
pub(super) fn is_transaction(ty: &Type) -> bool {
    if !is_dependency(ty) {
        return false;
    }
    let is_mutable = matches!(ty, Type::Reference(ty) if ty.mutability.is_some());
    type_name(unwrapped(ty)).is_some_and(|name| {
        name.ends_with("Transaction") || (is_mutable && CONNECTIONS.contains(&name.as_str()))
    })
}

/// What is in the `Arc`s, `Rc`s and `Extension`s.
fn unwrapped(ty: &Type) -> &Type {
    match type_name(ty).as_deref() {
        Some("Arc" | "Rc" | "Extension") => type_argument(ty).map_or(ty, unwrapped),
        _ => ty,
    }
}

fn is_known(TypePath { path, .. }: &TypePath) -> bool {
    let (Some(first), Some(last)) = (path.segments.first(), path.segments.last()) else {
        return false;
    };
    let name = last.ident.to_string();
    let name = name.as_str();
    let has_argument = matches!(&last.arguments, PathArguments::AngleBracketed(_));
    let is_by_path =
        |(krate, names): &(&str, &[&str])| first.ident == krate && names.contains(&name);
    BY_NAME.contains(&name)
        || (has_argument && WITH_ARGUMENT.contains(&name))
        || (path.segments.len() > 1 && BY_PATH.iter().any(is_by_path))
}

/// `Arc<PgPool>`, `Arc<dyn Mailer>`, `Extension<PgPool>`
fn is_behind(ty: &Type, TypePath { path, .. }: &TypePath) -> bool {
    let wrapper = path.segments.last().map(|last| last.ident.to_string());
    let inner = type_argument(ty);
    match wrapper.as_deref() {
        Some("Arc" | "Rc") => inner.is_some_and(is_shared),
        Some("Extension") => inner.is_some_and(is_dependency),
        _ => false,
    }
}

fn is_shared(ty: &Type) -> bool {
    is_dependency(ty) || is_service(ty)
}

/// `dyn Mailer + Send`
fn is_service(ty: &Type) -> bool {
    let Type::TraitObject(object) = strip(ty) else {
        return false;
    };
    object.bounds.iter().all(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            !OF_VALUES.contains(&name.as_str())
        }),
        _ => true,
    })
}
