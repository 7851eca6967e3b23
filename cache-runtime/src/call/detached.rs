//! A load that goes on when its caller has gone: it runs in a task of its own, for which its caller waits.

use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{Either, select};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::load::{Load, MAX_LOAD};
use super::reentrancy;
use super::refresh::{Background, Disabled, Spawn};
use super::request_context;
use super::rules::Rules;
use super::run::{Ran, Work, in_place};
use super::surroundings::Surroundings;
use crate::cache::Engine;
use crate::codec::Codec;
use crate::codec::hold::Hold;
use crate::log;
use crate::stats::Function;
use crate::util::runtime::with_timers;

/// A load that is about to run.
pub struct Run<C, U, X, F> {
    load: Box<Load>,
    rules: Rules<U, X>,
    handler: Pin<Box<F>>,
    codec: PhantomData<fn() -> C>,
}

/// A load as a task, and what tells its caller what came of it.
pub(crate) struct Begun<T, O> {
    pub(crate) task: T,
    pub(crate) ran: oneshot::Receiver<Ran<O>>,
}

/// What the caller of a detached load waits for.
pub trait Handles<O> {
    /// A future of what came of the load.
    type Handle: Future<Output = Ran<O>>;
}

/// Whether a load runs in a task of its own.
pub trait Detach<C: Codec, U, X, F>: Handles<C::Output> {
    /// Whether there are such loads at all.
    const IS_POSSIBLE: bool = true;

    /// Starts it, or gives it back where it runs in its caller.
    ///
    /// # Errors
    ///
    /// The load itself, where there is no place for it.
    fn detach(&self, run: Run<C, U, X, F>) -> Result<Self::Handle, Run<C, U, X, F>>;
}

/// There is no such load.
#[derive(Debug)]
pub enum Never<O> {
    #[doc(hidden)]
    Impossible(std::convert::Infallible, PhantomData<fn() -> O>),
}

impl<O> Future for Never<O> {
    type Output = Ran<O>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Ran<O>> {
        match *self {
            Self::Impossible(never, _) => match never {},
        }
    }
}

/// For a place in which loads are not detached.
macro_rules! never_detaches {
    ($place:ty) => {
        impl<O> $crate::call::detached::Handles<O> for $place {
            type Handle = $crate::call::detached::Never<O>;
        }

        impl<C: $crate::codec::Codec, U, X, F> $crate::call::detached::Detach<C, U, X, F>
            for $place
        {
            const IS_POSSIBLE: bool = false;

            fn detach(
                &self,
                run: $crate::call::detached::Run<C, U, X, F>,
            ) -> Result<Self::Handle, $crate::call::detached::Run<C, U, X, F>> {
                Err(run)
            }
        }
    };
}

pub(crate) use never_detaches;

never_detaches!(Disabled);
never_detaches!(Spawn);

/// A load and a refresh run in tasks of the runtime.
#[derive(Debug)]
pub struct Detached;

impl<R> Background<R> for Detached
where
    Spawn: Background<R>,
{
    fn start(&self, refresh: R) -> Result<(), R> {
        Spawn.start(refresh)
    }
}

impl<O> Handles<O> for Detached {
    type Handle = Pin<Box<dyn Future<Output = Ran<O>> + Send>>;
}

impl<C, U, X, F> Detach<C, U, X, F> for Detached
where
    C: Codec<Output: Send, Hold: Hold<Held: Send>> + 'static,
    C::Output: 'static,
    U: FnOnce(&C::Value) -> bool + Send + 'static,
    X: FnOnce(&C::Error) -> bool + Send + 'static,
    F: Future<Output = C::Output> + Send + 'static,
{
    fn detach(&self, run: Run<C, U, X, F>) -> Result<Self::Handle, Run<C, U, X, F>> {
        let Some(runtime) = with_timers() else {
            return Err(run);
        };
        let Begun { task, ran } = run.detached()?;
        let task = runtime.spawn(log::in_current_span(task));
        Ok(Box::pin(wait(ran, task)))
    }
}

impl<C, U, X, F> Run<C, U, X, F>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
    F: Future<Output = C::Output>,
{
    pub(super) fn new(load: Box<Load>, rules: Rules<U, X>, handler: Pin<Box<F>>) -> Self {
        Self {
            load,
            rules,
            handler,
            codec: PhantomData,
        }
    }

    pub(super) fn into_parts(self) -> (Box<Load>, Rules<U, X>, Pin<Box<F>>) {
        (self.load, self.rules, self.handler)
    }

    async fn in_place(self) -> Ran<C::Output> {
        in_place::<C, U, X, F>(Work::Load(self.load), self.rules, self.handler).await
    }

    /// The load as a task, and what tells its caller what came of it.
    ///
    /// # Errors
    ///
    /// The load itself, where it has to run in its caller.
    pub(crate) fn detached(self) -> Result<Begun<impl Future<Output = ()>, C::Output>, Self> {
        let Some(room) = room(self.load.engine()) else {
            return Err(self);
        };
        let task = Task {
            engine: self.load.engine().clone(),
            function: self.load.function(),
            _room: room,
        };
        let surroundings = Surroundings::current();
        let (caller, ran) = oneshot::channel();
        let work = async move {
            let load = surroundings.around(Box::pin(self.in_place()));
            task.run(load, caller).await;
        };
        Ok(Begun { task: work, ran })
    }
}

/// Nothing where a load is not to be detached: as many are as may be, or what it reads may never be committed.
fn room(engine: &Engine) -> Option<OwnedSemaphorePermit> {
    if reentrancy::is_writing() || request_context::has_written() {
        return None;
    }
    engine.detached.clone().try_acquire_owned().ok()
}

struct Task {
    engine: Arc<Engine>,
    function: &'static Function,
    _room: OwnedSemaphorePermit,
}

impl Task {
    /// Runs the load, and tells its caller. Without a caller it runs for no longer than its lease lives.
    async fn run<O>(self, load: impl Future<Output = Ran<O>>, mut caller: oneshot::Sender<Ran<O>>) {
        let ran = {
            let is_in_vain = pin!(async {
                sleep(MAX_LOAD).await;
                caller.closed().await;
            });
            match select(pin!(load), is_in_vain).await {
                Either::Left((ran, _)) => Some(ran),
                Either::Right(_) => None,
            }
        };
        let Some(ran) = ran else {
            log::load_abandoned(self.function.name(), MAX_LOAD);
            return;
        };
        if let Err(ran) = caller.send(ran) {
            self.engine.counters_of(self.function).detached();
            if let Some(failure) = ran.failure {
                self.engine.failed_alone(self.function, failure);
            }
        }
    }
}

/// Waits for a detached load, whose panic is the caller's.
pub(crate) async fn wait<O>(ran: oneshot::Receiver<Ran<O>>, task: JoinHandle<()>) -> Ran<O> {
    if let Ok(ran) = ran.await {
        return ran;
    }
    match task.await.map_err(tokio::task::JoinError::try_into_panic) {
        Err(Ok(panic)) => resume_unwind(panic),
        // As Tokio's own futures do then.
        Ok(()) | Err(Err(_)) => panic!("the runtime was shut down while a detached load ran"),
    }
}
