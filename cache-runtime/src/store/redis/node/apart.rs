//! Large values go over a connection of their own. On the shared one, everything that is behind them would wait until
//! they have passed, longer than its deadline.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::Value;
use futures_util::future::FutureExt as _;

use super::connection::Generation;
use super::open::Shared;
use super::{Commands, Node, Resend};
use crate::store::redis::failure::Failure;
use crate::store::redis::reply_error::{ReplyError, is_broken};
use crate::store::redis::scripts;
use crate::util::clock::{for_timer, within};

/// A value of so many bytes is large. A link that is too slow to pass 50 of them within a deadline of 0.1 seconds is
/// slower than 250 Mbit/s.
pub(in crate::store::redis) const LARGE: usize = 64 * 1024;

/// A call that carries a large value has this much more time than its deadline: a second for so many bytes.
const BYTES_PER_SECOND: usize = 4_000_000;

impl Node {
    /// The replies to commands that carry values of so many bytes, in whichever direction.
    pub(in crate::store::redis) async fn ask_carrying(
        self: &Arc<Self>,
        bytes: usize,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        if bytes < LARGE {
            return self.ask(commands, resend).await;
        }
        self.may_ask()?;
        let outcome = self.ask_apart(bytes, commands, resend).boxed().await;
        if let Err(failure) = &outcome
            && (matches!(failure, Failure::Timeout(_)) || failure.is_full_pool())
        {
            // That says something of the bytes, or of who uses the pool, and nothing of the server.
            return outcome;
        }
        self.observe(outcome)
            .inspect_err(|failure| self.report(failure))
    }

    async fn ask_apart(
        &self,
        bytes: usize,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        let extra = Duration::from_millis(
            u64::try_from(bytes / (BYTES_PER_SECOND / 1000)).unwrap_or(u64::MAX),
        );
        let time = self.options.deadline.saturating_add(extra);
        let generation = self.apart.generation();
        let work = self.attempt_apart(time, commands, resend).boxed();
        match within(time, work).await {
            Ok(Err(Failure::Redis(error))) if error.is_timeout() => {}
            Ok(outcome) => return outcome,
            Err(_) => {}
        }
        // It may be half open.
        self.apart.abandon(generation);
        Err(Failure::Timeout(time))
    }

    async fn attempt_apart(
        &self,
        time: Duration,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        let role = self.server.role;
        let (generation, connection) = self.connect_apart(time).await?;
        let error = match commands.send(connection.clone(), role).await {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        if ReplyError::of(&error) == Some(ReplyError::NoScript) {
            let all = scripts::load_all();
            Commands::Many(&all).send(connection.clone(), role).await?;
            return Ok(commands.send(connection, role).await?);
        }
        if !is_broken(&error) {
            return Err(error.into());
        }
        self.apart.abandon(generation);
        if resend != Resend::IfBroken || !self.options.retry_on_disconnect || error.is_timeout() {
            return Err(error.into());
        }
        let (_, connection) = self.connect_apart(time).await?;
        Ok(commands.send(connection, role).await?)
    }

    /// The connection, whose replies may take so long.
    async fn connect_apart(&self, time: Duration) -> Result<(Generation, Shared), Failure> {
        let _one_at_a_time = self.connecting_apart.lock().await;
        let (generation, connection) = self.apart.current();
        if let Some(mut connection) = connection {
            connection.set_response_timeout(for_timer(time));
            return Ok((generation, connection));
        }
        self.make_anew(&self.apart, time).await
    }
}
