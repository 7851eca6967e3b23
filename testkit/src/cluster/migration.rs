//! Slots that move from one node to another, and slots that no node has.

use super::RedisCluster;
use super::view::Peer;
use crate::RedisServer;
use crate::wait::wait_until;

impl RedisCluster {
    /// Moves a slot with its keys, and waits until all running nodes know.
    pub fn migrate(&self, slot: u16, to: usize) {
        self.begin_migration(slot, to);
        self.move_keys(slot, to);
        self.finish_migration(slot, to);
    }

    /// From here on, the node that has the slot answers `ASK` for a key that it does not hold.
    pub fn begin_migration(&self, slot: u16, to: usize) {
        let from = self.owner_of(slot);
        let slot = slot.to_string();
        for (node, part, other) in [(to, "IMPORTING", from), (from, "MIGRATING", to)] {
            let command = ["CLUSTER", "SETSLOT", &slot, part, &self.ids[other]];
            let () = self.nodes[node].run(&command);
        }
    }

    /// Moves all keys of a slot whose migration has begun, and says how many there were.
    pub fn move_keys(&self, slot: u16, to: usize) -> usize {
        let from = &self.nodes[self.owner_of(slot)];
        let question = ["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "1000"];
        let mut moved = 0;
        loop {
            let keys: Vec<String> = from.run(&question);
            if keys.is_empty() {
                return moved;
            }
            for key in &keys {
                self.move_one(from, key, to);
            }
            moved += keys.len();
        }
    }

    /// Moves one key of a slot whose migration has begun.
    pub fn move_key(&self, key: &str, to: usize) {
        self.move_one(&self.nodes[self.owner(key)], key, to);
    }

    fn move_one(&self, from: &RedisServer, key: &str, to: usize) {
        let port = self.nodes[to].port().to_string();
        let command = ["MIGRATE", "127.0.0.1", &port, key, "0", "5000"];
        let () = match from.password() {
            "" => from.run(&command),
            password => from.run(&[&command[..], &["AUTH", password]].concat()),
        };
    }

    /// Gives the slot to the node that its keys were moved to, and waits until all running nodes know.
    pub fn finish_migration(&self, slot: u16, to: usize) {
        let from = self.owner_of(slot);
        let command = [
            "CLUSTER",
            "SETSLOT",
            &slot.to_string(),
            "NODE",
            &self.ids[to],
        ];
        let () = self.nodes[to].run(&command);
        let () = self.nodes[from].run(&command);
        self.primaries().for_each(|node| node.run(&command));
        wait_until("all nodes know of the move", || self.agrees());
    }

    /// Leaves the slot where it was. A key that was moved already stays out of sight at the other node.
    pub fn abort_migration(&self, slot: u16) {
        let command = ["CLUSTER", "SETSLOT", &slot.to_string(), "STABLE"];
        self.primaries().for_each(|node| node.run(&command));
    }

    /// Takes a slot from its node, so that nobody serves it. Without `--cluster-require-full-coverage no`,
    /// nobody serves any other slot either.
    pub fn uncover(&self, slot: u16) {
        let command = ["CLUSTER", "DELSLOTS", &slot.to_string()];
        // A node learns of the slot again from one that has not been told yet: once more then.
        wait_until("no node knows who has the slot", || {
            self.views().is_some_and(|views| {
                let knows = |view: &[Peer]| view.iter().any(|peer| peer.has(slot));
                let knowing = views.iter().filter(|(_, view)| knows(view));
                let told = knowing.map(|(index, _)| self.nodes[*index].try_run::<()>(&command));
                told.collect::<Vec<_>>().is_empty()
            })
        });
    }

    /// Gives a slot that nobody serves to a node, and waits until all running nodes know.
    pub fn cover(&self, slot: u16, by: usize) {
        let () = self.nodes[by].run(&["CLUSTER", "ADDSLOTS", &slot.to_string()]);
        wait_until("all nodes know who has the slot", || {
            self.agrees() && self.owner_of(slot) == by
        });
    }
}
