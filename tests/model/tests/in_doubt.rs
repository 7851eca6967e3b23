//! Whether a write that may be committed after its caller has gone is seen in time, and whether the model would
//! notice if it were not.

use cache_model::check::{assert_breaks, assert_keeps_all_promises};
use cache_model::in_doubt::{COHERENCE, DOUBT, REFUSAL, System, Variant};
use cache_model::script::Mistake;

/// One entry that two writers name.
fn key() -> System {
    System {
        variant: Variant::Intended,
        readers: 0,
        writers: 2,
        tagged: false,
        last: 7,
        evicts_fences: false,
    }
}

/// One entry under a tag that one writer names.
fn tag() -> System {
    System {
        readers: 2,
        writers: 1,
        tagged: true,
        ..key()
    }
}

mod the_protocol_keeps_its_promises {
    use super::*;

    #[test]
    fn for_a_key() {
        assert_keeps_all_promises(key());
    }

    #[test]
    fn for_a_key_with_three_writers() {
        assert_keeps_all_promises(System {
            writers: 3,
            last: 6,
            ..key()
        });
    }

    #[test]
    fn for_a_key_with_fences_that_are_evicted() {
        assert_keeps_all_promises(System {
            evicts_fences: true,
            ..key()
        });
    }

    #[test]
    fn for_a_tag() {
        assert_keeps_all_promises(tag());
    }

    #[test]
    fn for_a_tag_with_two_writers() {
        assert_keeps_all_promises(System {
            writers: 2,
            readers: 1,
            last: 6,
            ..tag()
        });
    }
}

mod it_would_break_them {
    use super::*;

    #[test]
    fn if_a_dropped_write_left_its_fence() {
        assert_breaks(key().with(Variant::DropLeavesFence), DOUBT);
        assert_breaks(tag().with(Variant::DropLeavesFence), DOUBT);
    }

    #[test]
    fn if_the_fence_of_a_dropped_write_did_not_begin_anew() {
        assert_breaks(key().with(Variant::DropKeepsFence), DOUBT);
        assert_breaks(tag().with(Variant::DropKeepsFence), DOUBT);
    }

    #[test]
    fn if_a_dropped_write_did_not_void_the_load_under_way() {
        let variant = Variant::Anew(Mistake::FenceLeavesLease);
        assert_breaks(key().with(variant), DOUBT);
    }

    #[test]
    fn if_a_dropped_write_did_nothing() {
        assert_breaks(key().with(Variant::DropDoesNothing), DOUBT);
        assert_breaks(tag().with(Variant::DropDoesNothing), DOUBT);
    }

    #[test]
    fn if_a_write_that_failed_in_doubt_released_its_fence() {
        assert_breaks(key().with(Variant::FailureReleasesFence), DOUBT);
        assert_breaks(tag().with(Variant::FailureReleasesFence), DOUBT);
    }

    #[test]
    fn if_the_fence_of_a_write_that_failed_in_doubt_did_not_begin_anew() {
        assert_breaks(key().with(Variant::FailureKeepsFence), DOUBT);
        assert_breaks(tag().with(Variant::FailureKeepsFence), DOUBT);
    }

    #[test]
    fn if_a_fence_anew_were_nothing_but_its_member() {
        let variant = Variant::Anew(Mistake::FenceAddsItsMemberOnly);
        assert_breaks(key().with(variant), DOUBT);
        assert_breaks(tag().with(variant), DOUBT);
    }

    #[test]
    fn if_a_refused_write_gave_back_a_ttl_under_the_fence_of_a_write_in_doubt() {
        let variant = Variant::Script(Mistake::ReleaseIgnoresOthers);
        assert_breaks(key().with(variant), DOUBT);
        let two = System {
            writers: 2,
            readers: 1,
            ..tag()
        };
        assert_breaks(two.with(variant), DOUBT);
    }

    #[test]
    fn if_what_a_fence_took_were_forgotten() {
        let variant = Variant::Script(Mistake::FenceForgetsPreviousExpiry);
        assert_breaks(key().with(variant), REFUSAL);
    }

    #[test]
    fn if_a_fence_did_not_void_the_load_under_way() {
        let variant = Variant::Script(Mistake::FenceLeavesLease);
        assert_breaks(key().with(variant), DOUBT);
    }

    #[test]
    fn if_an_invalidation_did_not_void_the_load_under_way() {
        let variant = Variant::Script(Mistake::InvalidateLeavesLease);
        assert_breaks(key().with(variant), COHERENCE);
    }
}
