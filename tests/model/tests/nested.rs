//! Whether entries that are loaded from other entries are as fresh as these, and whether the model would notice if
//! they were not.

use cache_model::check::{assert_breaks, assert_keeps_all_promises};
use cache_model::nested::Named::{self, Key, Pattern, Tag};
use cache_model::nested::{COHERENCE, DOUBT, System, Variant};

const ALL: [Named; 3] = [Key, Pattern, Tag];

fn spread(entries: &[Named]) -> System {
    System {
        is_spread: true,
        ..System::of(entries)
    }
}

fn in_doubt(entries: &[Named]) -> System {
    System {
        in_doubt: true,
        ..spread(entries)
    }
}

/// With one reader, so that a wrong variant is found soon.
fn wrong(variant: Variant, system: System) -> System {
    System {
        variant,
        readers: 1,
        ..system
    }
}

mod the_protocol_keeps_its_promises {
    use super::*;

    #[test]
    fn for_two_entries_on_one_server() {
        for first in ALL {
            for second in ALL {
                assert_keeps_all_promises(System::of(&[first, second]));
            }
        }
    }

    #[test]
    fn for_two_entries_on_two_servers() {
        for first in ALL {
            for second in ALL {
                assert_keeps_all_promises(spread(&[first, second]));
            }
        }
    }

    #[test]
    fn for_three_entries_that_one_reads() {
        for first in ALL {
            for second in ALL {
                for third in ALL {
                    let entries = [first, second, third];
                    for system in [System::of(&entries), spread(&entries)] {
                        assert_keeps_all_promises(System {
                            readers: 1,
                            ..system
                        });
                    }
                }
            }
        }
    }

    #[test]
    fn for_three_entries_that_two_read() {
        for entries in [
            [Key, Key, Key],
            [Pattern, Key, Pattern],
            [Key, Pattern, Key],
        ] {
            assert_keeps_all_promises(System::of(&entries));
            assert_keeps_all_promises(spread(&entries));
        }
    }

    #[test]
    fn for_a_tag_of_both_entries() {
        assert_keeps_all_promises(System {
            is_tag_shared: true,
            ..System::of(&[Tag, Tag])
        });
    }

    #[test]
    fn for_two_writers() {
        for entries in [[Key, Key], [Pattern, Key]] {
            assert_keeps_all_promises(System {
                writers: 2,
                readers: 1,
                ..spread(&entries)
            });
        }
    }

    #[test]
    fn for_marks_and_registrations_that_are_evicted() {
        assert_keeps_all_promises(System {
            evictions: 2,
            ..spread(&[Key, Key])
        });
        assert_keeps_all_promises(System {
            evictions: 2,
            ..System::of(&[Pattern, Key])
        });
        assert_keeps_all_promises(System {
            evictions: 1,
            readers: 1,
            ..spread(&[Pattern, Key, Pattern])
        });
    }

    #[test]
    fn for_writers_in_doubt() {
        for first in ALL {
            for second in ALL {
                assert_keeps_all_promises(in_doubt(&[first, second]));
            }
        }
    }

    fn assert_keeps_promises_in_doubt_where_first_is(first: Named) {
        for second in ALL {
            for third in ALL {
                assert_keeps_all_promises(System {
                    readers: 1,
                    ..in_doubt(&[first, second, third])
                });
            }
        }
    }

    #[test]
    fn for_writers_in_doubt_about_a_key_over_two_entries() {
        assert_keeps_promises_in_doubt_where_first_is(Key);
    }

    #[test]
    fn for_writers_in_doubt_about_a_pattern_over_two_entries() {
        assert_keeps_promises_in_doubt_where_first_is(Pattern);
    }

    #[test]
    fn for_writers_in_doubt_about_a_tag_over_two_entries() {
        assert_keeps_promises_in_doubt_where_first_is(Tag);
    }
}

mod it_would_break_them {
    use super::*;

    #[test]
    fn if_keys_were_removed_before_patterns() {
        let system = wrong(Variant::KeysBeforePatterns, System::of(&[Key, Pattern]));
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_keys_and_tags_were_removed_one_by_one() {
        let variant = Variant::KeysBeforePatterns;
        assert_breaks(wrong(variant, spread(&[Key, Key])), COHERENCE);
        assert_breaks(wrong(variant, spread(&[Tag, Key])), COHERENCE);
    }

    #[test]
    fn if_keys_were_removed_before_and_after_patterns_that_are_not_registered() {
        let variant = Variant::KeysPatternsKeys;
        assert_breaks(wrong(variant, System::of(&[Pattern, Pattern])), COHERENCE);
        let three = System::of(&[Pattern, Key, Pattern]);
        assert_breaks(wrong(variant, three), COHERENCE);
    }

    #[test]
    fn if_keys_were_removed_twice_and_never_closed() {
        let system = wrong(Variant::RemovesTwice, spread(&[Key, Key, Key]));
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_the_loads_under_way_were_left_their_leases() {
        for system in [System::of(&[Key, Key]), spread(&[Key, Key])] {
            assert_breaks(wrong(Variant::LeavesLeases, system), COHERENCE);
        }
    }

    #[test]
    fn if_a_load_began_although_its_key_is_closed() {
        let system = wrong(Variant::IgnoresMarks, spread(&[Key, Key]));
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_a_pattern_were_not_registered_before_its_leases_are_swept() {
        for variant in [
            Variant::RegistersNever,
            Variant::RegistersAfterLeases,
            Variant::RegistersBesideLeases,
        ] {
            let system = wrong(variant, System::of(&[Pattern, Pattern]));
            assert_breaks(system, COHERENCE);
        }
        let system = wrong(Variant::RegistersNever, System::of(&[Pattern, Key]));
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_entries_were_swept_before_leases() {
        let system = wrong(Variant::EntriesBeforeLeases, System::of(&[Pattern]));
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_a_pattern_were_registered_only_until_it_is_swept() {
        let variant = Variant::UnregistersAfterSweep;
        assert_breaks(wrong(variant, System::of(&[Pattern, Key])), COHERENCE);
        assert_breaks(wrong(variant, spread(&[Pattern, Key])), COHERENCE);
    }

    #[test]
    fn if_each_key_were_opened_as_soon_as_it_is_closed() {
        let system = wrong(Variant::OpensEach, spread(&[Key, Key]));
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_a_reader_looked_for_registrations_before_it_has_the_lease() {
        let system = System {
            readers: 2,
            ..wrong(Variant::LooksBeforeGrant, spread(&[Pattern, Key]))
        };
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_an_invalidation_returned_before_it_knows_that_its_marks_were_there() {
        for variant in [Variant::ReturnsBeforeOpening, Variant::IgnoresLoss] {
            let system = System {
                evictions: 1,
                ..wrong(variant, spread(&[Key, Key]))
            };
            assert_breaks(system, COHERENCE);
        }
    }

    #[test]
    fn if_the_fences_of_a_writer_in_doubt_ended_one_by_one() {
        for entries in [[Key, Key], [Tag, Key]] {
            let system = wrong(Variant::NoClosingTime, in_doubt(&entries));
            assert_breaks(system, DOUBT);
        }
    }

    #[test]
    fn if_a_writer_in_doubt_did_not_sweep_its_patterns_when_its_fences_have_ended() {
        let system = wrong(Variant::OwesNothing, in_doubt(&[Key, Pattern]));
        assert_breaks(system, DOUBT);
    }

    #[test]
    fn if_a_writer_in_doubt_swept_nothing_but_its_patterns_when_its_fences_have_ended() {
        let system = wrong(Variant::OwesPatterns, in_doubt(&[Key, Pattern]));
        assert_breaks(system, DOUBT);
    }
}
