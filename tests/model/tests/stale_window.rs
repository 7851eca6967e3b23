//! Whether fences leave stale windows alone, and whether the model would notice if they did not.

use cache_model::check::{assert_breaks, assert_keeps_all_promises};
use cache_model::script::Mistake;
use cache_model::stale_window::{COHERENCE, FRESH, STALE, System, Variant};

fn system() -> System {
    System {
        variant: Variant::Script(Mistake::None),
        writers: 2,
        last: 7,
    }
}

fn wrong(variant: Variant) -> System {
    System {
        variant,
        ..system()
    }
}

mod the_protocol_keeps_its_promises {
    use super::*;

    #[test]
    fn for_a_window() {
        assert_keeps_all_promises(system());
    }
}

mod it_would_break_them {
    use super::*;

    #[test]
    fn if_an_entry_were_judged_by_the_rest_of_its_ttl() {
        assert_breaks(wrong(Variant::JudgedByRemainingTtl), FRESH);
    }

    #[test]
    fn if_a_fence_sent_again_forgot_the_previous_expiry() {
        let variant = Variant::Script(Mistake::FenceForgetsPreviousExpiry);
        assert_breaks(wrong(variant), FRESH);
    }

    #[test]
    fn if_what_is_refreshed_under_a_fence_had_the_age_of_what_was_there_before() {
        let variant = Variant::Script(Mistake::StoreLeavesPreviousExpiry);
        assert_breaks(wrong(variant), FRESH);
    }

    #[test]
    fn if_what_is_fenced_were_taken_for_fresh() {
        assert_breaks(wrong(Variant::FencedIsFresh), STALE);
    }

    #[test]
    fn if_an_invalidation_left_a_refresh_its_lease() {
        let variant = Variant::Script(Mistake::InvalidateLeavesLease);
        assert_breaks(wrong(variant), COHERENCE);
    }
}
