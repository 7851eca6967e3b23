//! Functions that a `macro_rules!` writes: fragments come to the attribute in invisible groups.

use std::time::Duration;

use cache_runtime::cache;

macro_rules! reader {
    ($(#[$attr:meta])* $vis:vis fn $name:ident($param:ident: $ty:ty) -> $value:ty { $body:expr }, $prefix:literal, $expiration:expr) => {
        $(#[$attr])*
        #[cache($prefix, expiration = $expiration)]
        $vis async fn $name($param: $ty) -> $value {
            $body
        }
    };
}

reader! {
    /// Documented.
    pub fn number(id: u64) -> u64 { id + 1 }, "number", Duration::from_secs(60)
}

reader! { fn text(id: String) -> Result<String, u8> { Ok(id) }, "text:{id}", MINUTE }

const MINUTE: Duration = Duration::from_secs(60);

macro_rules! with_parameters_of_its_own {
    ($($name:ident $prefix:literal $method:literal,)*) => {$(
        #[cache($prefix, resource_id_name = "id", method = $method)]
        async fn $name(id: u64) -> u64 {
            id
        }
    )*};
}

with_parameters_of_its_own! {
    get_one "one" "GET",
    put_one "one" "PUT",
}

macro_rules! whole_arguments {
    (($($argument:tt)*) $name:ident($($param:ident: $ty:ty),*)) => {
        #[cache($($argument)*)]
        async fn $name($($param: $ty),*) -> u64 {
            1
        }
    };
}

whole_arguments!(("whole:{id}:{name}", expiration = "1h", tags = ["id:{id}"]) whole(id: u64, name: &str));

macro_rules! method {
    ($self:ident, $field:ident) => {
        #[cache("method", cache = $self.$field, skip($self))]
        async fn method(&$self, id: u64) -> u64 {
            id
        }
    };
}

/// The templates come from outside of the macro that declares the parameters, as all of the rest does.
macro_rules! fragments {
    ($prefix:literal, $expiration:expr, $unless:expr, $ty:ty, $ids:ty, $pat:pat_param, $body:block) => {
        #[cache($prefix, expiration = $expiration, unless = $unless, resource_id_type = $ids)]
        async fn fragments(id: u64, $pat: $ty) -> u8 $body
    };
}

/// An expiration that the value tells.
macro_rules! telling {
    ($ttl_of:expr, $longest:expr, $value:ident, $ttl:expr) => {
        #[cache("telling:{id}", expiration = $ttl_of)]
        async fn telling(id: u64) -> u64 {
            id
        }

        #[cache("longer:{id}", expiration = {$ttl_of, max = $longest})]
        async fn longer(id: u64) -> u64 {
            id
        }

        #[cache("named:{id}", expiration = |$value| $ttl)]
        async fn named(id: u64) -> u64 {
            id
        }
    };
}

telling!(|value| *value, std::time::Duration::from_secs(60), value, 60.min(*value));

fragments!("fragments:{id}:{left}_{right}", 60, |value| *value == 0, (u8, u8), (u64, String), (left, right), { left + right });

struct Service {
    cache: cache_runtime::Cache,
}

impl Service {
    method!(self, cache);
}

fn main() {
    let _ = number(1);
    let _ = text("a".into());
    let _ = (get_one(1), put_one(1));
    let _ = whole(1, "a");
    let _ = (telling(1), longer(1), named(1));
    let _ = fragments(1, (2, 3));
    let service = Service {
        cache: cache_runtime::Cache::in_memory(),
    };
    let _ = service.method(1);
}
