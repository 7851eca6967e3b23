//! A reader that asks for the nonce and for the lease at once.

use super::steps::UNKNOWN;
use super::{Action, Begun, Lease, Past, Reader, State};
use crate::store::Nonce;

impl State {
    pub(super) fn ask(&mut self, reader: usize, action: Action) -> Reader {
        let is = self.readers[reader];
        match (is, action) {
            (Reader::Asking(past, seen, None, begun), Action::JoinTag(_)) => {
                let joined = self.join_tag();
                self.asks(past, seen, Some(joined), begun)
            }
            (Reader::Asking(past, seen, joined, None), _) => {
                if let Some(value) = self.entry_under(Some(seen)) {
                    return self.serve(value, past.floor);
                }
                let begun = match self.lease {
                    None => {
                        self.grant(reader, seen);
                        Begun::Granted
                    }
                    Some(Lease::CameToNothing { .. }) => Begun::Uncached,
                    Some(Lease::Held { holder, nonce, .. }) => Begun::Busy((holder, nonce)),
                };
                self.asks(past, seen, joined, Some(begun))
            }
            (Reader::Correcting(own), _) => {
                if let Some(Lease::Held { holder, nonce, .. }) = &mut self.lease
                    && *holder == reader
                {
                    *nonce = own;
                }
                Reader::Loading(own)
            }
            _ => is,
        }
    }

    /// Goes on when both answers are there.
    fn asks(
        &mut self,
        past: Past,
        seen: Nonce,
        joined: Option<Nonce>,
        begun: Option<Begun>,
    ) -> Reader {
        match (joined, begun) {
            (Some(own), Some(Begun::Granted)) if own == seen => Reader::Loading(own),
            (Some(own), Some(Begun::Granted)) => Reader::Correcting(own),
            (Some(_), Some(Begun::Uncached)) => Reader::Uncached(past),
            (Some(own), Some(Begun::Busy((holder, theirs)))) => {
                if theirs == own || theirs == UNKNOWN {
                    self.wait(past, (holder, theirs), own)
                } else {
                    Reader::FoundOther(past, (holder, theirs))
                }
            }
            _ => Reader::Asking(past, seen, joined, begun),
        }
    }
}
