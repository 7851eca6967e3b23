//! Whether the protocol keeps its promises, and whether the model would notice if it did not.

use cache_model::check::{assert_breaks, assert_keeps_all_promises};
use cache_model::promise::{COHERENCE, DEATH, FAILURE};
use cache_model::store::Target::{self, Pattern, Tag};
use cache_model::system::System;
use cache_model::variant::Variant;

const KEY: Target = Target::Key(0);

/// Two readers and one entry.
fn system(writers: &[Target]) -> System {
    System {
        variant: Variant::Intended,
        readers: 2,
        writers: writers.to_vec(),
        keys: 1,
        tagged: writers.contains(&Tag),
        moves: false,
    }
}

#[track_caller]
fn assert_variant_breaks(promise: &'static str, variant: Variant, writers: &[Target]) {
    let system = System {
        variant,
        ..system(writers)
    };
    assert_breaks(system, promise);
}

mod the_protocol_keeps_its_promises {
    use super::*;

    #[test]
    fn for_a_key() {
        assert_keeps_all_promises(system(&[KEY, KEY]));
    }

    #[test]
    fn for_a_key_that_three_read() {
        assert_keeps_all_promises(System {
            readers: 3,
            ..system(&[KEY, KEY])
        });
    }

    #[test]
    fn for_a_tag() {
        assert_keeps_all_promises(system(&[Tag, Tag]));
    }

    #[test]
    fn for_a_tag_of_two_keys() {
        assert_keeps_all_promises(System {
            keys: 2,
            ..system(&[Tag])
        });
    }

    #[test]
    fn for_a_tag_and_then_a_key_under_it() {
        assert_keeps_all_promises(system(&[Tag, KEY]));
    }

    #[test]
    fn for_a_key_and_then_its_tag() {
        assert_keeps_all_promises(system(&[KEY, Tag]));
    }

    #[test]
    fn for_a_pattern_of_two_keys() {
        assert_keeps_all_promises(System {
            keys: 2,
            ..system(&[Pattern, Pattern])
        });
    }

    #[test]
    fn for_a_pattern_that_three_read() {
        assert_keeps_all_promises(System {
            readers: 3,
            ..system(&[Pattern, Pattern])
        });
    }

    #[test]
    fn for_a_pattern_and_a_key_that_matches() {
        assert_keeps_all_promises(system(&[Pattern, KEY]));
        assert_keeps_all_promises(system(&[KEY, Pattern]));
    }

    #[test]
    fn for_a_pattern_while_its_slot_moves() {
        assert_keeps_all_promises(System {
            moves: true,
            ..system(&[Pattern])
        });
        assert_keeps_all_promises(System {
            moves: true,
            ..system(&[Pattern, KEY])
        });
    }

    #[test]
    fn for_a_pattern_under_a_tag_while_its_slot_moves() {
        assert_keeps_all_promises(System {
            moves: true,
            tagged: true,
            ..system(&[Pattern])
        });
    }

    #[test]
    #[ignore = "takes some minutes"]
    fn for_a_key_with_three_writers() {
        assert_keeps_all_promises(system(&[KEY, KEY, KEY]));
    }

    #[test]
    #[ignore = "takes some minutes"]
    fn for_a_tag_that_three_read() {
        assert_keeps_all_promises(System {
            readers: 3,
            ..system(&[Tag, Tag])
        });
    }
}

mod it_would_break_them {
    use super::*;

    #[test]
    fn if_a_fill_did_not_ask_for_its_lease() {
        assert_variant_breaks(COHERENCE, Variant::FillWithoutLease, &[KEY, KEY]);
    }

    #[test]
    fn if_two_loads_of_a_process_had_the_same_nonce() {
        assert_variant_breaks(COHERENCE, Variant::NonceOfProcess, &[KEY, KEY]);
    }

    #[test]
    fn if_a_writer_died_without_a_fence() {
        assert_variant_breaks(DEATH, Variant::NoFence, &[KEY, KEY]);
    }

    #[test]
    fn if_a_fence_left_the_entry_its_life() {
        assert_variant_breaks(DEATH, Variant::FenceLeavesLife, &[KEY, KEY]);
        assert_variant_breaks(DEATH, Variant::FenceLeavesLife, &[Tag, Tag]);
    }

    #[test]
    fn if_what_is_loaded_under_a_fence_outlived_it() {
        assert_variant_breaks(DEATH, Variant::LoadIgnoresFence, &[KEY, KEY]);
    }

    #[test]
    fn if_a_fence_did_not_void_the_load_under_way() {
        assert_variant_breaks(DEATH, Variant::FenceLeavesLease, &[KEY, KEY]);
    }

    #[test]
    fn if_a_writer_entered_its_fence_last() {
        assert_variant_breaks(DEATH, Variant::FenceEntersLast, &[KEY, KEY]);
    }

    #[test]
    fn if_a_fence_voided_the_load_under_way_last() {
        assert_variant_breaks(DEATH, Variant::FenceVoidsLast, &[KEY, KEY]);
    }

    #[test]
    fn if_the_whole_life_were_given_back_under_another_fence() {
        assert_variant_breaks(DEATH, Variant::ReleaseUnderFence, &[KEY, KEY]);
        assert_variant_breaks(DEATH, Variant::ReleaseUnderFence, &[Tag, Tag]);
    }

    #[test]
    fn if_the_first_of_two_failed_writers_made_the_fence_forget_the_old_life() {
        assert_variant_breaks(FAILURE, Variant::FirstReleaseForgets, &[KEY, KEY]);
        assert_variant_breaks(FAILURE, Variant::FirstReleaseForgets, &[Tag, Tag]);
    }

    #[test]
    fn if_what_is_loaded_under_a_fence_got_its_life_from_another() {
        assert_variant_breaks(DEATH, Variant::FillTrustsAnyFence, &[KEY, KEY]);
    }

    #[test]
    fn if_the_fence_of_a_second_writer_forgot_the_old_life() {
        assert_variant_breaks(FAILURE, Variant::FenceForgetsPreviousExpiry, &[KEY, KEY]);
        assert_variant_breaks(FAILURE, Variant::FenceForgetsPreviousExpiry, &[Tag, Tag]);
    }

    #[test]
    fn if_an_entry_ended_with_the_fence_of_a_failed_writer_while_another_is_at_work() {
        assert_variant_breaks(FAILURE, Variant::OnlyLastReleaseGivesBack, &[KEY, KEY]);
        assert_variant_breaks(FAILURE, Variant::OnlyLastReleaseGivesBack, &[Tag, Tag]);
    }

    #[test]
    fn if_a_pattern_scanned_once_and_missed_a_load_that_swaps_its_lease_for_an_entry() {
        assert_variant_breaks(COHERENCE, Variant::SweepOnce, &[Pattern, Pattern]);
    }

    #[test]
    fn if_a_pattern_scanned_once_while_a_slot_moved() {
        assert_breaks(
            System {
                variant: Variant::SweepOnceWhileMoving,
                moves: true,
                ..system(&[Pattern])
            },
            COHERENCE,
        );
    }

    #[test]
    fn if_a_pattern_scanned_a_second_time_before_the_first_was_over_everywhere() {
        assert_breaks(
            System {
                variant: Variant::RoundsOverlap,
                moves: true,
                ..system(&[Pattern])
            },
            COHERENCE,
        );
    }

    #[test]
    fn if_a_nonce_made_under_a_fence_outlived_it() {
        assert_variant_breaks(DEATH, Variant::NonceOutlivesFence, &[Tag, Tag]);
    }

    #[test]
    fn if_a_fill_lengthened_the_life_of_a_nonce() {
        assert_variant_breaks(DEATH, Variant::FillLengthensNonce, &[Tag, Tag]);
    }

    #[test]
    fn if_an_entry_that_had_a_newer_nonce_than_its_reader_were_loaded_again() {
        assert_variant_breaks(FAILURE, Variant::LooksOnce, &[KEY, Tag]);
    }

    #[test]
    fn if_a_load_under_a_tag_were_shared() {
        assert_variant_breaks(COHERENCE, Variant::ShareUnderTag, &[Tag, Tag]);
    }

    #[test]
    fn if_a_load_under_a_fence_were_shared() {
        assert_variant_breaks(DEATH, Variant::ShareUnderFence, &[KEY, KEY]);
    }
}
