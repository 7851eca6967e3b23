//! Whom readers wait for, and whether the model would notice if it were the wrong one.

use cache_model::check::{assert_breaks, assert_keeps_all_promises};
use cache_model::waiting::{COHERENCE, DOOMED, HANGS, IN_PARALLEL, REPLACED, System, Variant};

fn tag() -> System {
    System {
        variant: Variant::Intended,
        readers: 3,
        writes: 2,
        tagged: true,
        evictions: 1,
        renews: false,
        is_pipelined: false,
    }
}

fn key() -> System {
    System {
        tagged: false,
        ..tag()
    }
}

fn wrong(variant: Variant) -> System {
    System { variant, ..tag() }
}

mod the_protocol_keeps_its_promises {
    use super::*;

    #[test]
    fn for_a_key() {
        assert_keeps_all_promises(key());
    }

    #[test]
    fn for_a_key_that_four_read() {
        assert_keeps_all_promises(System {
            readers: 4,
            writes: 1,
            evictions: 0,
            ..key()
        });
    }

    #[test]
    fn for_a_tag() {
        assert_keeps_all_promises(tag());
    }

    #[test]
    fn for_a_tag_that_four_read() {
        assert_keeps_all_promises(System {
            readers: 4,
            writes: 1,
            evictions: 0,
            ..tag()
        });
    }

    #[test]
    fn for_a_tag_whose_nonce_and_lease_are_asked_for_at_once() {
        assert_keeps_all_promises(System {
            is_pipelined: true,
            writes: 1,
            ..tag()
        });
    }

    #[test]
    fn for_loads_that_renew_their_leases() {
        assert_keeps_all_promises(System {
            renews: true,
            evictions: 0,
            ..tag()
        });
    }
}

mod it_would_break_them {
    use super::*;

    #[test]
    fn if_a_reader_waited_for_a_load_that_an_invalidation_has_made_useless() {
        assert_breaks(wrong(Variant::WaitsForAnyLoad), DOOMED);
    }

    #[test]
    fn if_a_reader_took_over_from_a_load_that_is_newer_than_its_own_nonces() {
        assert_breaks(wrong(Variant::TakesOverOnDifference), REPLACED);
    }

    #[test]
    fn if_a_lease_kept_the_nonces_that_its_load_did_not_get() {
        let system = System {
            is_pipelined: true,
            writes: 1,
            ..wrong(Variant::LeavesToken)
        };
        assert_breaks(system, REPLACED);
    }

    #[test]
    fn if_a_reader_shared_a_load_under_other_nonces() {
        assert_breaks(wrong(Variant::SharesAnyLoad), COHERENCE);
    }

    #[test]
    fn if_what_was_loaded_without_a_lease_were_stored() {
        assert_breaks(wrong(Variant::UncachedStores), COHERENCE);
    }

    #[test]
    fn if_who_waited_for_nothing_took_turns() {
        assert_breaks(wrong(Variant::WaitersTakeTurns), IN_PARALLEL);
        let key = System {
            variant: Variant::WaitersTakeTurns,
            ..key()
        };
        assert_breaks(key, IN_PARALLEL);
    }

    #[test]
    fn if_a_load_that_hangs_renewed_its_lease_for_ever() {
        let system = System {
            renews: true,
            ..wrong(Variant::RenewsForEver)
        };
        assert_breaks(system, HANGS);
    }
}
