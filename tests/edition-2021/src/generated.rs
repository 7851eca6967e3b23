//! Functions that a `macro_rules!` writes, whose parameters have its hygiene.

/// There is none.
#[derive(Debug)]
pub struct Missing;

impl remember::HttpStatus for Missing {
    fn http_status(&self) -> u16 {
        404
    }
}

macro_rules! service {
    ($name:ident, $read:ident, $write:ident, $template:literal, $limit:expr, |$value:ident| $condition:expr) => {
        /// A service.
        #[derive(Clone, Debug)]
        pub struct $name {
            /// Its cache.
            pub cache: remember::Cache,
        }

        impl $name {
            /// Reads.
            #[remember::cache(
                $template, crate = remember, cache = self.cache, skip(self), condition = id > 0,
                unless = |value| value.len() > $limit || *value == suffix || {
                    let $value = value;
                    $condition
                }
            )]
            pub async fn $read(&self, id: u64, suffix: String) -> String {
                format!("{id}{suffix}") + &suffix
            }

            /// Reads what has a codec of its own, and an error that tells its status.
            ///
            /// # Errors
            ///
            /// None.
            #[remember::cache("cached", crate = remember, cache = self.cache, skip(self))]
            pub async fn cached(&self) -> Result<remember::Cached<u8>, Missing> {
                Ok(1.into())
            }

            /// By a path that the macro resolves where it stands.
            #[remember::cache("path:{id}", crate = $crate::remembered, cache = self.cache, skip(self))]
            pub async fn by_path(&self, id: u64) -> u64 {
                id
            }

            /// Writes.
            #[remember::cache($template, crate = remember, cache = self.cache, method = "PUT")]
            pub async fn $write(&self, id: u64, suffix: &str) {
                let _ = (id, suffix);
            }
        }
    };
}

service!(
    First,
    first,
    write_first,
    "first:{suffix}:{id}",
    4,
    |text| text.ends_with('b')
);
service!(
    Second,
    second,
    write_second,
    "second:{suffix}:{id}",
    limit(),
    |text| text.is_empty()
);

fn limit() -> usize {
    3
}
