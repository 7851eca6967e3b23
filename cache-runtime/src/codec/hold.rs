//! What a call holds of a return value while it waits for the cache. A future that holds what is not `Send` isn't `Send`
//! either, and the attribute must not take that from a function: an `Err` that is not `Send` is returned without a wait.

#![expect(
    clippy::unused_self,
    reason = "the values are empty: their types are what matters"
)]

use std::marker::PhantomData;

use super::dispatch::ErrorOf;

/// How a return value is held.
pub trait Hold {
    /// What the function returns.
    type Output;
    /// What is held of it.
    type Held;

    /// What to hold.
    ///
    /// # Errors
    ///
    /// The return value itself, where it can't be held.
    fn hold(output: Self::Output) -> Result<Self::Held, Self::Output>;

    /// The return value.
    fn release(held: Self::Held) -> Self::Output;
}

/// The whole of it.
#[derive(Debug)]
pub struct HoldAll<T>(PhantomData<fn() -> T>);

/// What is in its `Ok`, as `H` holds that; its `Err` can't be held.
#[derive(Debug)]
pub struct HoldOk<H, E>(PhantomData<fn() -> (H, E)>);

impl<T> Hold for HoldAll<T> {
    type Output = T;
    type Held = T;

    fn hold(output: T) -> Result<T, T> {
        Ok(output)
    }

    fn release(held: T) -> T {
        held
    }
}

impl<H: Hold, E> Hold for HoldOk<H, E> {
    type Output = Result<H::Output, E>;
    type Held = H::Held;

    fn hold(output: Self::Output) -> Result<H::Held, Self::Output> {
        H::hold(output.map_err(Err)?).map_err(Ok)
    }

    fn release(held: H::Held) -> Self::Output {
        Ok(H::release(held))
    }
}

/// How a `Result` with this `E` is held, whose value `H` holds.
pub trait HoldResult<H: Hold, E> {
    /// How.
    type Hold: Hold<Output = Result<H::Output, E>>;
}

/// The error is `Send`.
#[derive(Debug)]
pub struct Sendable;

/// The error is not `Send`, or generic and perhaps not `Send`.
#[derive(Debug)]
pub struct Unsendable;

impl<H: Hold, E> HoldResult<H, E> for Sendable {
    type Hold = HoldAll<Result<H::Output, E>>;
}

impl<H: Hold, E> HoldResult<H, E> for Unsendable {
    type Hold = HoldOk<H, E>;
}

impl<E: Send> ErrorOf<E> {
    /// It is `Send`.
    pub fn sendable(self) -> Sendable {
        Sendable
    }
}

/// The fallback of `ErrorOf::sendable`.
pub trait LocalError {
    /// It is not `Send`.
    fn sendable(self) -> Unsendable;
}

impl<E> LocalError for &ErrorOf<E> {
    fn sendable(self) -> Unsendable {
        Unsendable
    }
}
