//! A reader that asks for the nonce and for the lease at once.

use super::{Action, Begun, Lease, Past, Reader, State, System, Token, Variant};
use crate::store::Nonce;

impl State {
    pub(super) fn ask(&mut self, system: &System, reader: usize, action: Action) -> Reader {
        let is = self.readers[reader];
        match (is, action) {
            (Reader::Asking(past, token, None, begun), Action::JoinTag(_)) => {
                let joined = if token.is_proposed {
                    *self.tag.get_or_insert(token.nonce)
                } else {
                    self.join_tag()
                };
                self.asks(system, past, token, Some(joined), begun)
            }
            (Reader::Asking(past, token, joined, None), _) => {
                if let Some(value) = self.entry_under(Some(token.nonce)) {
                    return self.serve(value, past.floor);
                }
                let begun = match self.lease {
                    Some(Lease::Held { holder, nonce, .. }) if holder != reader => {
                        Begun::Busy((holder, nonce))
                    }
                    Some(Lease::CameToNothing { .. }) => Begun::Uncached,
                    // None, or that of its own whose token is to be put right.
                    _ => {
                        self.proposals += u8::from(token.is_proposed);
                        self.grant(reader, token.nonce);
                        Begun::Granted
                    }
                };
                self.asks(system, past, token, joined, Some(begun))
            }
            _ => is,
        }
    }

    /// Goes on when both answers are there.
    fn asks(
        &mut self,
        system: &System,
        past: Past,
        token: Token,
        joined: Option<Nonce>,
        begun: Option<Begun>,
    ) -> Reader {
        match (joined, begun) {
            (Some(own), Some(Begun::Granted)) => {
                if own == token.nonce {
                    return Reader::Loading(own);
                }
                if system.variant == Variant::LeavesToken {
                    return Reader::Loading(own);
                }
                let token = Token {
                    nonce: own,
                    is_proposed: false,
                };
                Reader::Asking(past, token, None, None)
            }
            (Some(_), Some(Begun::Uncached)) => Reader::Uncached(past),
            (Some(own), Some(Begun::Busy((holder, theirs)))) => {
                if theirs == own {
                    self.wait(past, (holder, theirs), own)
                } else {
                    Reader::FoundOther(past, (holder, theirs))
                }
            }
            _ => Reader::Asking(past, token, joined, begun),
        }
    }
}
