use std::fmt;

use super::*;

fn key(name: impl fmt::Display) -> EntryKey {
    EntryKey::new("", format!("{name}"))
}

fn keys(names: impl IntoIterator<Item = usize>) -> Targets {
    Targets {
        keys: names.into_iter().map(key).collect(),
        ..Targets::default()
    }
}

fn pattern(glob: &str) -> Targets {
    Targets {
        patterns: vec![Pattern::glob(glob)],
        ..Targets::default()
    }
}

fn nothing() -> Targets {
    Targets::default()
}

fn never() -> Overflow {
    panic!("there is room")
}

fn is_queued<const N: usize>(pending: &Pending, names: [usize; N]) -> [bool; N] {
    names.map(|name| pending.contains(&key(name), &[]))
}

#[test]
fn what_is_queued_again_while_it_is_delivered_stays_queued() {
    let pending = Pending::default();
    pending.enqueue(&keys([1, 2]), never);
    let delivery = pending.next_targets().expect("two keys");
    pending.enqueue(&keys([2, 3]), never);
    pending.acknowledge(delivery.seq, &delivery.targets, &nothing());
    assert_eq!(is_queued(&pending, [1, 2, 3]), [false, true, true]);
}

#[test]
fn tags_and_patterns_are_queued_too() {
    let pending = Pending::default();
    let both = Targets {
        tags: vec![Tag::new("tag")],
        ..pattern("user_*")
    };
    pending.enqueue(&both, never);
    assert!(pending.contains(&key("post"), &[Tag::new("tag")]));
    assert!(pending.contains(&key("user_1"), &[]));
    assert!(!pending.contains(&key("post"), &[Tag::new("other")]));
}

#[test]
fn what_was_removed_is_served_although_something_else_was_not() {
    let pending = Pending::default();
    pending.enqueue(&keys([1, 2]), never);
    let delivery = pending.next_targets().expect("two keys");
    pending.acknowledge(delivery.seq, &delivery.targets, &keys([2]));
    assert_eq!(is_queued(&pending, [1, 2]), [false, true]);
    assert_eq!(pending.count(), 2, "the one is to be removed once more");
}

#[test]
fn it_is_removed_once_more_with_the_last_of_what_was_not() {
    let pending = Pending::default();
    pending.enqueue_left(&keys([2]), &keys([1]), never);
    let first = pending.next_targets().expect("a key");
    assert_eq!(first.targets.keys, [key(2)]);
    pending.acknowledge(first.seq, &first.targets, &nothing());
    let last = pending.next_targets().expect("a key");
    assert_eq!(last.targets.keys, [key(1)]);
    pending.acknowledge(last.seq, &last.targets, &nothing());
    assert!(pending.next_targets().is_none());
    assert_eq!(pending.count(), 0);
}

#[test]
fn what_is_to_be_removed_once_more_waits_for_patterns_as_well() {
    let pending = Pending::default();
    pending.enqueue_left(&pattern("list:*"), &keys([1]), never);
    assert!(pending.next_targets().is_none());
    let sweep = pending.next_patterns().expect("a pattern");
    pending.acknowledge(sweep.seq, &sweep.targets, &nothing());
    assert!(pending.next_patterns().is_none());
    let last = pending.next_targets().expect("a key");
    assert_eq!(last.targets.keys, [key(1)]);
}

#[test]
fn what_is_due_later_is_served_and_not_delivered_before() {
    let pending = Pending::default();
    let due = Instant::now() + Duration::from_secs(3600);
    pending.enqueue_later(&keys([1]), due, never);
    assert_eq!(is_queued(&pending, [1]), [false]);
    assert!(pending.next_targets().is_none());
    assert_eq!((pending.count(), pending.next_due()), (1, Some(due)));
}

#[test]
fn what_is_due_is_delivered_whatever_else_is_left() {
    let pending = Pending::default();
    pending.enqueue(&pattern("list:*"), never);
    pending.enqueue_later(&keys([1]), Instant::now(), never);
    let delivery = pending.next_targets().expect("a key");
    assert_eq!(delivery.targets.keys, [key(1)]);
    assert_eq!(
        is_queued(&pending, [1]),
        [true],
        "it is not served any more"
    );
    pending.acknowledge(delivery.seq, &delivery.targets, &nothing());
    assert_eq!(is_queued(&pending, [1]), [false]);
}

#[test]
fn a_later_time_does_not_put_off_what_is_to_be_removed_once_more_now() {
    let pending = Pending::default();
    let due = Instant::now() + Duration::from_secs(3600);
    pending.enqueue_left(&keys([2]), &keys([1]), never);
    pending.enqueue_later(&keys([1]), due, never);
    let first = pending.next_targets().expect("a key");
    pending.acknowledge(first.seq, &first.targets, &nothing());
    let again = pending.next_targets().expect("a key");
    assert_eq!(again.targets.keys, [key(1)]);
    pending.acknowledge(again.seq, &again.targets, &nothing());
    assert_eq!((pending.count(), pending.next_due()), (1, Some(due)));
}

#[test]
fn what_was_due_later_is_the_whole_namespace_then() {
    let pending = Pending::default();
    let due = Instant::now() + Duration::from_secs(3600);
    pending.enqueue_later(&keys([1]), due, never);
    let all = || Overflow::Namespace(Pattern::glob("blog:*"));
    pending.enqueue(&keys(0..=MAX_PENDING), all);
    let now = pending.next_patterns().expect("a pattern");
    pending.acknowledge(now.seq, &now.targets, &nothing());
    assert_eq!((pending.count(), pending.next_due()), (1, Some(due)));
}

#[test]
fn what_fails_lets_others_go_first() {
    let pending = Pending::default();
    pending.enqueue(&keys(0..BATCH), never);
    pending.enqueue(&keys([BATCH]), never);
    let first = pending.next_targets().expect("keys");
    assert!(!first.targets.keys.contains(&key(BATCH)));
    pending.acknowledge(first.seq, &first.targets, &first.targets);
    let second = pending.next_targets().expect("keys");
    assert!(second.targets.keys.contains(&key(BATCH)));
}

#[test]
fn more_than_can_be_remembered_is_the_whole_namespace() {
    let pending = Pending::default();
    pending.enqueue(&keys(0..MAX_PENDING), never);
    let all = || Overflow::Namespace(Pattern::glob("blog:*"));
    pending.enqueue(&keys([MAX_PENDING]), all);
    assert_eq!(pending.count(), 1);
    assert!(pending.contains(&key("blog:post"), &[]));
    let delivery = pending.next_patterns().expect("a pattern");
    assert_eq!(delivery.targets.patterns, [Pattern::glob("blog:*")]);
}

#[test]
fn or_everything_for_as_long_as_an_entry_lives() {
    let pending = Pending::default();
    let forever = || Overflow::Everything(Duration::MAX);
    pending.enqueue(&keys(0..=MAX_PENDING), forever);
    assert!(pending.contains(&key("any"), &[]));
    assert!(pending.next_targets().is_none(), "nothing can be delivered");
    let no_time = || Overflow::Everything(Duration::ZERO);
    pending.enqueue(&keys(0..=MAX_PENDING), no_time);
    assert!(pending.contains(&key("any"), &[]), "the longer TTL counts");
}
