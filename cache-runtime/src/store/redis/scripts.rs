//! The steps of the protocol that have to be atomic, as scripts that run at the server.

use std::sync::LazyLock;

use deadpool_redis::redis::{self, Cmd, Pipeline, ToRedisArgs, cmd, pipe};

macro_rules! scripts {
    ($($name:ident)*) => {
        /// Each is one file in `lua/`, behind what all of them share.
        #[derive(Clone, Copy)]
        #[expect(non_camel_case_types, reason = "the names of the files")]
        pub(super) enum Script { $($name),* }

        const SOURCES: &[&str] = &[$(
            concat!(
                include_str!("lua/prelude.lua"),
                include_str!(concat!("lua/", stringify!($name), ".lua")),
            )
        ),*];
    };
}

scripts! {
    begin_fill join_tag fill put renew fence enter shorten release_fence
    invalidate close open register unregister sweeps
}

static HASHES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let hash = |source: &&str| redis::Script::new(source).get_hash().to_owned();
    SOURCES.iter().map(hash).collect()
});

impl Script {
    /// The command that runs it, to which its arguments are still to be added.
    pub(super) fn on<K: ToRedisArgs>(self, keys: &[K]) -> Cmd {
        let mut command = cmd("EVALSHA");
        command
            .arg(&HASHES[self as usize])
            .arg(keys.len())
            .arg(keys);
        command
    }
}

/// Teaches a server all of them, once it says `NOSCRIPT`.
pub(super) fn load_all() -> Pipeline {
    let mut all = pipe();
    for source in SOURCES {
        all.cmd("SCRIPT").arg("LOAD").arg(source);
    }
    all
}
