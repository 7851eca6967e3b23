//! Whether what is read and written in a transaction is right outside of it, and whether the model would notice if it
//! were not.

use cache_model::check::{assert_breaks, assert_keeps_all_promises};
use cache_model::transaction::{COHERENCE, DOUBT, ISOLATION, Isolation, System, Variant, Within};

/// One entry that the writes of two scopes name.
fn scope() -> System {
    System {
        variant: Variant::Intended,
        within: Within::Bypass,
        isolation: Isolation::Snapshot,
        fenced: true,
        scopes: 2,
        last: 6,
    }
}

/// Around a request that reads: by `READ COMMITTED`, and until it writes.
fn request() -> System {
    System {
        within: Within::UntilWrite,
        isolation: Isolation::ReadCommitted,
        ..scope()
    }
}

/// The writes name a pattern.
fn unfenced(system: &System) -> System {
    System {
        fenced: false,
        ..system.clone()
    }
}

fn wrong(variant: Variant) -> System {
    System { variant, ..scope() }
}

mod the_protocol_keeps_its_promises {
    use super::*;

    #[test]
    fn for_a_scope() {
        assert_keeps_all_promises(scope());
    }

    #[test]
    fn for_a_scope_with_a_pattern() {
        assert_keeps_all_promises(unfenced(&scope()));
    }

    #[test]
    fn for_a_request_that_reads_until_it_writes() {
        assert_keeps_all_promises(request());
    }

    #[test]
    fn for_such_a_request_with_a_pattern() {
        assert_keeps_all_promises(unfenced(&request()));
    }
}

mod it_would_break_them {
    use super::*;

    #[test]
    fn if_a_write_removed_when_its_function_returns() {
        assert_breaks(wrong(Variant::RemovesOnReturn), COHERENCE);
        assert_breaks(unfenced(&wrong(Variant::RemovesOnReturn)), COHERENCE);
    }

    #[test]
    fn if_fences_were_not_renewed_while_the_scope_runs() {
        assert_breaks(wrong(Variant::LeavesFences), DOUBT);
    }

    #[test]
    fn if_what_an_inner_scope_applied_were_forgotten_by_the_outer_one() {
        assert_breaks(wrong(Variant::ForgetsInner), COHERENCE);
    }

    #[test]
    fn if_a_scope_that_is_dropped_did_nothing() {
        assert_breaks(wrong(Variant::DropDoesNothing), DOUBT);
    }

    #[test]
    fn if_a_read_that_began_before_the_first_write_stored_what_it_loaded_behind_it() {
        let system = System {
            within: Within::IfBegunBeforeWrite,
            ..request()
        };
        assert_breaks(unfenced(&system), ISOLATION);
    }

    #[test]
    fn if_a_read_stored_what_its_snapshot_shows() {
        let system = System {
            isolation: Isolation::Snapshot,
            ..request()
        };
        assert_breaks(unfenced(&system), COHERENCE);
        assert_breaks(system, COHERENCE);
    }
}
