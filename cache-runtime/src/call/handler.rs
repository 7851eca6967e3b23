//! Whether a function is the handler of the request that it is called in, and so follows its method. A handler returns
//! what its framework sends; who else returns such a thing is told apart by the parameters.

use crate::log;
use crate::stats::Function;
use crate::util::told::Told;

/// What the attributes and the parameters of a function tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// It stands under a framework's attribute, or takes one of a framework's extractors.
    Known,
    /// Each of its parameters may be an extractor of the application's own.
    IfSent,
    /// A parameter is a number or a reference, which few frameworks give to a handler.
    IfSentPlain,
    /// It is a method.
    Never,
}

/// Whether a framework whose feature is on sends what a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No framework does.
    Never,
    /// One does, whose handlers take extractors.
    OfExtractors,
    /// One does, whose handlers take numbers and references as well.
    OfAnything,
}

impl Handler {
    /// Whether it is a handler, if this becomes of what it returns.
    pub(super) fn returning(self, sent: Sent) -> bool {
        match self {
            Self::Known => true,
            Self::IfSent => sent != Sent::Never,
            Self::IfSentPlain => sent == Sent::OfAnything,
            Self::Never => false,
        }
    }
}

/// In debug builds, tells the log, once for each such function, that it ran as a handler does although it may be a helper.
pub(super) fn inferred(function: &'static Function) {
    static TOLD: Told<&str> = Told::new();
    if cfg!(debug_assertions) && TOLD.is_news(function.name()) {
        log::taken_for_handler(function.name());
    }
}

/// In debug builds, tells the log once of an error that becomes a response, and does not say which. `error` is its type.
pub(super) fn check_status(function: &'static Function, error: Option<&'static str>) {
    static TOLD: Told<&str> = Told::new();
    if let Some(error) = error
        && TOLD.is_news(error)
    {
        log::status_unsaid(function.name(), error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_is_known_or_takes_and_returns_what_one_may() {
        let sent = [Sent::Never, Sent::OfExtractors, Sent::OfAnything];
        for (handler, expected) in [
            (Handler::Known, [true, true, true]),
            (Handler::IfSent, [false, true, true]),
            (Handler::IfSentPlain, [false, false, true]),
            (Handler::Never, [false, false, false]),
        ] {
            assert_eq!(sent.map(|sent| handler.returning(sent)), expected);
        }
    }
}
