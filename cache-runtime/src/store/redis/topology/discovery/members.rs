//! Which nodes belong to the cluster. An address may lead to another cluster by now, and what that one says of its
//! slots must not be believed.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::Layout;
use crate::log;
use crate::util::incident::Incident;

/// The ids of the nodes, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Members {
    ids: Mutex<BTreeSet<String>>,
    /// Nodes of another cluster have replied.
    strangers: Incident,
}

/// What one node says of its cluster.
pub(super) struct View {
    pub(super) node: String,
    /// The settings name the node.
    pub(super) is_seed: bool,
    /// Whether the cluster is in order, and of which change the node knows.
    pub(super) rank: (bool, u64),
    pub(super) layout: Layout,
}

impl View {
    fn ids(&self) -> impl Iterator<Item = &String> {
        self.layout.ids.iter().map(|(_, id)| id)
    }

    /// How many of these nodes it names.
    fn overlap(&self, ids: &BTreeSet<String>) -> usize {
        self.ids().filter(|id| ids.contains(*id)).count()
    }

    /// Whether both are of one cluster: a node may have gone from one to another.
    fn agrees_with(&self, other: &Self) -> bool {
        let ids = other.ids().cloned().collect();
        2 * self.overlap(&ids) > self.layout.ids.len().min(ids.len())
            || (self.layout.ids.is_empty() && ids.is_empty())
    }
}

impl Members {
    /// What the best informed node of this cluster says, of so many that the settings name.
    pub(super) fn choose(&self, views: &[View], seeds: usize) -> Option<Layout> {
        let mut known = self.ids.lock();
        let spokesman = spokesman(&known, views, seeds)?;
        let (own, strangers): (Vec<&View>, Vec<&View>) = views
            .iter()
            .partition(|view| view.agrees_with(&views[spokesman]));
        if strangers.is_empty() {
            self.strangers.end();
        } else {
            let names: Vec<&str> = strangers.iter().map(|view| view.node.as_str()).collect();
            let names = names.join(", ");
            if self.strangers.is_news(&names) {
                log::nodes_of_another_cluster(&names);
            }
        }
        // Of one whose cluster is not in order only if all say so.
        let best = own.into_iter().max_by_key(|view| view.rank)?;
        let ids: BTreeSet<String> = best.ids().cloned().collect();
        if !known.is_empty() && best.overlap(&known) == 0 {
            log::cluster_replaced();
        }
        if !ids.is_empty() {
            *known = ids;
        }
        Some(best.layout.clone())
    }
}

/// The place of the view whose cluster is believed: that which has the most of the nodes that are known. Where it has
/// none, most of the nodes that the settings name have to say the same; at first, more than say otherwise.
fn spokesman(known: &BTreeSet<String>, views: &[View], seeds: usize) -> Option<usize> {
    let places = 0..views.len();
    let overlaps = places.clone().map(|place| views[place].overlap(known));
    let (overlap, Reverse(place)) = overlaps
        .zip(places.clone().map(Reverse))
        .max()
        .unwrap_or((0, Reverse(0)));
    if overlap > 0 {
        return Some(place);
    }
    let support = |place: usize| {
        let voters = views.iter().filter(|view| view.is_seed);
        voters
            .filter(|view| view.agrees_with(&views[place]))
            .count()
    };
    let votes = places.map(|place| (support(place), Reverse(place)));
    let (votes, Reverse(place)) = votes.filter(|(votes, _)| *votes > 0).max()?;
    (known.is_empty() || 2 * votes > seeds).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::address::Address;

    /// What a node says that knows of these nodes and of so many changes.
    fn view(ids: &[&str], is_seed: bool, epoch: u64) -> View {
        let address = |port| Address {
            host: "node".to_owned(),
            port,
        };
        View {
            node: format!("node:{epoch}"),
            is_seed,
            rank: (true, epoch),
            layout: Layout {
                ranges: vec![((0, 0), address(u16::try_from(epoch).expect("a port")))],
                ids: ids
                    .iter()
                    .map(|id| (address(1), (*id).to_owned()))
                    .collect(),
            },
        }
    }

    fn chosen(members: &Members, views: &[View], seeds: usize) -> Option<u16> {
        let layout = members.choose(views, seeds)?;
        Some(layout.ranges[0].1.port)
    }

    const OURS: &[&str] = &["a", "b", "c"];
    const THEIRS: &[&str] = &["x", "y", "z"];

    #[test]
    fn the_latest_view_of_the_known_cluster_counts_whatever_another_says() {
        let members = Members::default();
        assert_eq!(chosen(&members, &[view(OURS, true, 1)], 2), Some(1));
        let views = [
            view(THEIRS, true, 9),
            view(OURS, false, 1),
            view(OURS, true, 2),
        ];
        assert_eq!(chosen(&members, &views, 2), Some(2));
        // A node of ours has gone over to them.
        let views = [view(&["x", "y", "a"], true, 9), view(&["b", "c"], false, 3)];
        assert_eq!(chosen(&members, &views, 2), Some(3));
    }

    #[test]
    fn a_cluster_may_exchange_its_nodes_one_by_one() {
        let members = Members::default();
        for (epoch, ids) in [(1, ["a", "b"]), (2, ["b", "c"]), (3, ["c", "d"])] {
            let views = [view(&ids, epoch == 1, epoch)];
            assert_eq!(chosen(&members, &views, 1), u16::try_from(epoch).ok());
        }
    }

    #[test]
    fn at_first_most_of_the_named_nodes_are_believed_and_then_the_first() {
        let views = || {
            vec![
                view(THEIRS, true, 9),
                view(OURS, true, 1),
                view(OURS, true, 2),
            ]
        };
        assert_eq!(chosen(&Members::default(), &views(), 3), Some(2));
        let views = || [view(OURS, true, 1), view(THEIRS, true, 9)];
        assert_eq!(chosen(&Members::default(), &views(), 2), Some(1));
    }

    #[test]
    fn another_cluster_is_believed_only_if_most_of_the_named_nodes_belong_to_it() {
        let members = Members::default();
        assert_eq!(chosen(&members, &[view(OURS, true, 1)], 3), Some(1));
        assert_eq!(chosen(&members, &[view(THEIRS, true, 9)], 3), None);
        let found = [view(THEIRS, false, 8), view(THEIRS, true, 9)];
        assert_eq!(chosen(&members, &found, 3), None, "one was found by others");
        let two = [view(THEIRS, true, 8), view(THEIRS, true, 9)];
        assert_eq!(chosen(&members, &two, 3), Some(9));
    }
}
