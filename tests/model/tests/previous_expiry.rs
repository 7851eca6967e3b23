//! Whether fences leave TTLs as they were, and whether the model would notice if they did not.

use cache_model::check::{assert_breaks, assert_keeps_all_promises};
use cache_model::previous_expiry::{
    BEFORE_THE_FENCE, JUDGED, NEVER_LONGER, NEVER_SHORTER, System, Variant,
};
use cache_model::script::Mistake;

fn system() -> System {
    System {
        variant: Variant::Script(Mistake::None),
        writers: 2,
        last: 6,
        is_set: [true, true],
        evicts_fences: false,
    }
}

fn wrong(mistake: Mistake) -> System {
    System {
        variant: Variant::Script(mistake),
        ..system()
    }
}

mod the_protocol_keeps_its_promises {
    use super::*;

    #[test]
    fn for_two_writers() {
        assert_keeps_all_promises(system());
    }

    #[test]
    fn for_three_writers() {
        assert_keeps_all_promises(System {
            writers: 3,
            last: 4,
            ..system()
        });
    }

    #[test]
    fn for_fences_that_are_evicted() {
        assert_keeps_all_promises(System {
            evicts_fences: true,
            ..system()
        });
    }
}

mod it_would_break_them {
    use super::*;

    #[test]
    fn if_a_writer_remembered_the_ttl_and_its_fence_were_sent_again() {
        let system = System {
            variant: Variant::WriterRemembers,
            writers: 1,
            is_set: [false, false],
            ..system()
        };
        assert_breaks(system, NEVER_SHORTER);
    }

    #[test]
    fn if_a_writer_remembered_the_ttl_and_something_shorter_were_set_meanwhile() {
        let system = System {
            variant: Variant::WriterRemembers,
            writers: 1,
            is_set: [true, false],
            ..system()
        };
        assert_breaks(system, NEVER_LONGER);
    }

    #[test]
    fn if_a_fill_left_the_previous_expiry_of_what_was_there_before() {
        let system = System {
            is_set: [false, false],
            ..wrong(Mistake::StoreLeavesPreviousExpiry)
        };
        assert_breaks(system, JUDGED);
    }

    #[test]
    fn if_set_ignored_a_fence() {
        assert_breaks(wrong(Mistake::SetIgnoresFence), BEFORE_THE_FENCE);
    }

    #[test]
    fn if_a_fence_sent_again_took_the_end_that_it_had_left_for_the_previous_one() {
        assert_breaks(wrong(Mistake::FenceForgetsPreviousExpiry), NEVER_SHORTER);
    }

    #[test]
    fn if_the_previous_expiry_outlived_the_last_member() {
        let system = System {
            is_set: [false, false],
            ..wrong(Mistake::PreviousExpiryOutlivesFence)
        };
        assert_breaks(system, NEVER_LONGER);
    }

    #[test]
    fn if_a_release_did_not_look_whether_a_fence_had_cut_the_ttl() {
        assert_breaks(wrong(Mistake::ReleaseIgnoresCut), NEVER_LONGER);
    }

    #[test]
    fn if_a_release_ignored_the_fences_of_others() {
        assert_breaks(wrong(Mistake::ReleaseIgnoresOthers), BEFORE_THE_FENCE);
    }

    #[test]
    fn if_a_reader_judged_an_entry_by_the_rest_of_its_ttl() {
        let system = System {
            variant: Variant::JudgedByRemainingTtl,
            ..system()
        };
        assert_breaks(system, JUDGED);
    }
}
