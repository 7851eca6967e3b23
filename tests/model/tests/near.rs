//! Whether copies in the memory of processes are as fresh as what they are copies of, and whether the model would
//! notice if they were not.

use cache_model::check::{assert_breaks, assert_keeps_all_promises};
use cache_model::near::{COHERENCE, DOUBT, Kind, System, Variant};

/// Longer than any run.
const LONG: u8 = u8::MAX;

/// A write that has not fenced, and so waits.
fn waiting(kind: Kind) -> System {
    System {
        variant: Variant::Intended,
        kind,
        bound: 1,
        last: 4,
        processes: vec![1],
        writers: 1,
        fenced: false,
        renews: false,
        dies: false,
        fence_ttl: LONG,
        ttl: LONG,
        cuts: 0,
        evictions: 0,
    }
}

/// A write that fences, and doesn't wait if it was slow.
fn fenced(kind: Kind) -> System {
    System {
        fenced: true,
        ..waiting(kind)
    }
}

/// Hits ask first, and no write waits.
fn barrier(kind: Kind) -> System {
    System {
        bound: 0,
        ..fenced(kind)
    }
}

/// A writer may die. Its fence stands for two moments.
fn dying(kind: Kind) -> System {
    System {
        dies: true,
        fence_ttl: 2,
        last: 5,
        ..fenced(kind)
    }
}

fn wrong(variant: Variant, system: System) -> System {
    System { variant, ..system }
}

const ALL: [Kind; 3] = [Kind::Key, Kind::Tag, Kind::Nested];

mod the_protocol_keeps_its_promises {
    use super::*;

    #[test]
    fn for_a_write_that_waits() {
        for kind in ALL {
            assert_keeps_all_promises(waiting(kind));
        }
    }

    #[test]
    fn for_a_write_that_fences() {
        for kind in ALL {
            assert_keeps_all_promises(fenced(kind));
        }
    }

    #[test]
    fn for_hits_that_ask_first() {
        for kind in ALL {
            assert_keeps_all_promises(barrier(kind));
        }
    }

    #[test]
    fn for_a_write_that_dies() {
        for kind in [Kind::Key, Kind::Tag] {
            assert_keeps_all_promises(dying(kind));
        }
    }

    #[test]
    fn for_two_readers_of_a_process() {
        for system in [waiting(Kind::Key), barrier(Kind::Key)] {
            assert_keeps_all_promises(System {
                processes: vec![2],
                last: 3,
                ..system
            });
        }
    }

    #[test]
    fn for_two_processes() {
        assert_keeps_all_promises(System {
            processes: vec![1, 1],
            last: 2,
            ..waiting(Kind::Nested)
        });
    }

    #[test]
    fn for_two_writers() {
        assert_keeps_all_promises(System {
            writers: 2,
            last: 3,
            ..fenced(Kind::Key)
        });
    }

    #[test]
    fn for_a_longer_bound() {
        for system in [waiting(Kind::Nested), fenced(Kind::Key)] {
            assert_keeps_all_promises(System {
                bound: 2,
                last: 5,
                ..system
            });
        }
    }

    #[test]
    fn for_what_is_evicted() {
        for kind in ALL {
            assert_keeps_all_promises(System {
                evictions: 1,
                ..fenced(kind)
            });
        }
    }

    #[test]
    fn for_connections_that_break() {
        for kind in [Kind::Key, Kind::Nested] {
            assert_keeps_all_promises(System {
                cuts: 1,
                ..waiting(kind)
            });
        }
    }

    #[test]
    fn for_entries_that_end() {
        assert_keeps_all_promises(System {
            ttl: 3,
            evictions: 1,
            ..fenced(Kind::Key)
        });
    }

    #[test]
    fn for_a_fence_that_is_renewed() {
        assert_keeps_all_promises(System {
            renews: true,
            evictions: 1,
            ..fenced(Kind::Key)
        });
    }
}

mod it_would_break_them {
    use super::*;

    #[test]
    fn if_a_writer_did_not_wait() {
        for kind in ALL {
            assert_breaks(wrong(Variant::NoWait, waiting(kind)), COHERENCE);
        }
        let two_processes = System {
            processes: vec![1, 1],
            last: 2,
            ..wrong(Variant::NoWait, waiting(Kind::Nested))
        };
        assert_breaks(two_processes, COHERENCE);
    }

    #[test]
    fn if_a_writer_opened_and_then_waited() {
        let system = wrong(Variant::WaitsAfterOpening, waiting(Kind::Nested));
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_a_mark_that_was_lost_were_not_noticed() {
        let system = System {
            evictions: 1,
            ..wrong(Variant::IgnoresLostMark, waiting(Kind::Nested))
        };
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_a_fence_that_was_lost_were_not_noticed() {
        for kind in ALL {
            let system = System {
                evictions: 1,
                ..wrong(Variant::IgnoresLostFence, fenced(kind))
            };
            assert_breaks(system, COHERENCE);
        }
    }

    #[test]
    fn if_the_fence_of_another_writer_were_taken_for_its_own() {
        let system = System {
            evictions: 1,
            writers: 2,
            ..wrong(Variant::AnyFenceCounts, fenced(Kind::Key))
        };
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_the_wait_counted_from_the_first_of_two_fences() {
        let system = System {
            evictions: 1,
            renews: true,
            ..wrong(Variant::CountsFromFirstFence, fenced(Kind::Key))
        };
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_the_wait_counted_from_a_fence_that_nobody_watches() {
        let system = System {
            ttl: 3,
            fence_ttl: 9,
            ..wrong(Variant::FenceNotWatched, fenced(Kind::Key))
        };
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_what_is_fetched_under_a_fence_were_kept() {
        for kind in ALL {
            let system = wrong(Variant::KeepsUnderFence, fenced(kind));
            assert_breaks(system, COHERENCE);
        }
    }

    #[test]
    fn if_a_copy_were_watched_from_when_the_reply_has_come() {
        for system in [waiting(Kind::Key), barrier(Kind::Key)] {
            assert_breaks(wrong(Variant::WatchesFromReply, system), COHERENCE);
        }
    }

    #[test]
    fn if_the_flag_of_another_fetch_vouched_for_it() {
        for system in [waiting(Kind::Key), barrier(Kind::Key)] {
            let system = System {
                processes: vec![2],
                ..wrong(Variant::SharesFlag, system)
            };
            assert_breaks(system, COHERENCE);
        }
    }

    #[test]
    fn if_a_flag_survived_a_reconnection() {
        let system = System {
            cuts: 1,
            ..wrong(Variant::FlagSurvivesReconnection, waiting(Kind::Key))
        };
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_a_copy_survived_a_reconnection() {
        let system = System {
            cuts: 1,
            ..wrong(Variant::CopySurvivesReconnection, waiting(Kind::Key))
        };
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_replies_of_another_connection_counted() {
        for system in [waiting(Kind::Key), barrier(Kind::Key)] {
            assert_breaks(wrong(Variant::PingsElsewhere, system), COHERENCE);
        }
    }

    #[test]
    fn if_a_reply_counted_from_when_it_came() {
        let two = |system: System| System {
            processes: vec![2],
            ..system
        };
        for system in [waiting(Kind::Key), two(barrier(Kind::Key))] {
            assert_breaks(wrong(Variant::HeardAtReply, system), COHERENCE);
        }
    }

    #[test]
    fn if_a_command_counted_that_was_sent_in_the_same_moment() {
        for system in [waiting(Kind::Key), barrier(Kind::Key)] {
            assert_breaks(wrong(Variant::EqualMomentsCount, system), COHERENCE);
        }
    }

    #[test]
    fn if_replies_overtook_what_has_changed() {
        for system in [waiting(Kind::Key), barrier(Kind::Key)] {
            assert_breaks(wrong(Variant::RepliesOvertake, system), COHERENCE);
        }
    }

    #[test]
    fn if_the_copy_were_taken_first() {
        assert_breaks(wrong(Variant::TakesCopyFirst, dying(Kind::Key)), DOUBT);
    }

    #[test]
    fn if_a_process_kept_what_it_has_stored_itself() {
        assert_breaks(wrong(Variant::KeepsOwnFill, waiting(Kind::Key)), COHERENCE);
    }

    #[test]
    fn if_the_server_forgot_who_has_read_the_nonce() {
        assert_breaks(
            wrong(Variant::NonceNotWatched, waiting(Kind::Tag)),
            COHERENCE,
        );
    }

    #[test]
    fn if_a_clock_stood_still_while_its_process_is_stopped() {
        let system = wrong(Variant::ClockStops, waiting(Kind::Key));
        assert_breaks(system, COHERENCE);
    }

    #[test]
    fn if_a_copy_outlived_its_entry() {
        assert_breaks(wrong(Variant::OutlivesEntry, dying(Kind::Key)), DOUBT);
    }

    #[test]
    fn if_a_copy_lived_from_when_the_reply_came() {
        assert_breaks(wrong(Variant::LivesFromReply, dying(Kind::Key)), DOUBT);
    }

    #[test]
    fn if_a_copy_outlived_its_nonce() {
        assert_breaks(wrong(Variant::OutlivesNonce, dying(Kind::Tag)), DOUBT);
    }
}
