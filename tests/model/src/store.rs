//! The server: what it holds, and its operations, each of which is one atomic step.

use crate::fence::{Fence, Moment, NEVER};
use crate::slot::{Moved, Slot};
use crate::variant::Variant;

/// Tells loads, or generations of a tag, apart.
pub type Nonce = u8;

/// How many writes had been committed.
pub type Version = u8;

/// What a fence stands in front of, and what a write makes stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One entry.
    Key(usize),
    /// The tag, and so all entries.
    Tag,
    /// All entries, found by scans. It has no fence.
    Pattern,
}

/// What a reader gets to see of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Body {
    /// What the database said when it was loaded.
    pub value: Version,
    /// The tag's nonce when the load began.
    pub tag_nonce: Option<Nonce>,
}

/// An entry and its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What it holds.
    pub body: Body,
    /// When it ends.
    pub ends: Moment,
}

/// An entry with its helper keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key {
    /// The entry.
    pub entry: Option<Entry>,
    /// The nonce of the load that may fill it.
    pub lease: Option<Nonce>,
    /// Of the writers that name this key.
    pub fence: Fence,
    /// What of it is on another server already.
    pub moved: Moved,
}

/// A tag with its helper key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tag {
    /// The current nonce, and when it ends. Where there is none, no entry is valid.
    pub nonce: Option<(Nonce, Moment)>,
    /// Of the writers that name this tag.
    pub fence: Fence,
}

/// What became of the wish to fill an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// There is an entry that the reader has not seen.
    Filled,
    /// The load with this nonce is at it.
    Busy(Nonce),
    /// The lease is the reader's, and its entry must not outlive `cap`.
    Granted {
        /// The end of the earliest fence that stands.
        cap: Option<Moment>,
    },
}

/// All that the server holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    /// Which operations it has.
    pub variant: Variant,
    /// Where all keys lie.
    pub slot: Slot,
    /// The time.
    pub now: Moment,
    /// Every key that there may be.
    pub keys: Vec<Key>,
    /// The one tag.
    pub tag: Tag,
}

impl Store {
    /// The entry.
    pub fn get(&self, key: usize) -> Option<Body> {
        self.keys[key].entry.map(|entry| entry.body)
    }

    /// The tag's nonce.
    pub fn tag_nonce(&self) -> Option<Nonce> {
        self.tag.nonce.map(|(nonce, _)| nonce)
    }

    /// Takes the lease, unless there is an entry to look at or a load to wait for.
    pub fn begin_fill(&mut self, key: usize, nonce: Nonce, seen: Option<Body>) -> Begun {
        let key = &mut self.keys[key];
        if key.entry.is_some_and(|entry| Some(entry.body) != seen) {
            return Begun::Filled;
        }
        if let Some(holder) = key.lease {
            return Begun::Busy(holder);
        }
        key.lease = Some(nonce);
        key.moved.lease = key.entry.is_some() && key.moved.entry;
        Begun::Granted {
            cap: key.fence.standing(),
        }
    }

    /// The tag's nonce, which is made if it is missing.
    pub fn join_tag(&mut self, fresh: Nonce) -> Nonce {
        let cap = self.tag.fence.standing();
        match self.tag.nonce {
            // One that ends although no fence stands was shortened by a fence that was evicted.
            Some((nonce, ends)) if cap.is_some() || ends == NEVER => nonce,
            _ => {
                let cap = cap.filter(|_| self.variant != Variant::NonceOutlivesFence);
                let ends = cap.unwrap_or(NEVER);
                self.tag.nonce = Some((fresh, ends));
                self.tag.fence.remember(ends, NEVER);
                fresh
            }
        }
    }

    /// Stores what was loaded, if the lease is still the load's.
    pub fn fill(&mut self, key: usize, nonce: Nonce, body: Body, cap: Option<Moment>) {
        if let (Variant::FillLengthensNonce, Some((_, ends))) = (self.variant, &mut self.tag.nonce)
        {
            *ends = NEVER;
        }
        let key = &mut self.keys[key];
        if key.lease == Some(nonce) {
            key.lease = None;
        } else if self.variant != Variant::FillWithoutLease {
            return;
        }
        let cap = cap.filter(|_| self.variant != Variant::LoadIgnoresFence);
        let ends = cap.unwrap_or(NEVER);
        if ends >= self.now {
            key.entry = Some(Entry { body, ends });
            // The fence that has cut it may have gone, with that of a writer who died: then nobody may give it
            // back what that one took.
            let is_cut_by_another = key.fence.standing() != cap;
            let previous = if is_cut_by_another && self.variant != Variant::FillTrustsAnyFence {
                ends
            } else {
                NEVER
            };
            key.fence.remember(ends, previous);
            key.moved.entry = key.moved.lease;
        }
    }

    /// Gives the lease back, if it is still the load's.
    pub fn release(&mut self, key: usize, nonce: Nonce) {
        let lease = &mut self.keys[key].lease;
        if *lease == Some(nonce) {
            *lease = None;
        }
    }

    /// Announces a write.
    pub fn enter_fence(&mut self, target: Target, member: Moment) {
        if let Some((fence, _)) = self.fenced(target) {
            fence.enter(member);
        }
    }

    /// Voids the load under way.
    pub fn void(&mut self, target: Target) {
        if let Target::Key(key) = target {
            self.keys[key].lease = None;
        }
    }

    /// Lets nothing here outlive the fence, which remembers when it would have ended.
    pub fn shorten(&mut self, target: Target, member: Moment) {
        let leaves_life = self.variant == Variant::FenceLeavesLife;
        let forgets = self.variant == Variant::FenceForgetsPreviousExpiry;
        let Some((fence, Some(ends))) = self.fenced(target) else {
            return;
        };
        let previous = match *ends {
            ends if ends == fence.cut && !forgets => fence.previous_expiry,
            ends => ends,
        };
        if !leaves_life {
            *ends = (*ends).min(member);
            fence.remember(*ends, previous);
            self.drop_ended();
        }
    }

    /// A write came to nothing: what is here gets its life back, as far as the fences that still stand allow, and
    /// unless it was stored since.
    pub fn release_fence(&mut self, target: Target, member: Moment) {
        let variant = self.variant;
        let Some((fence, ends)) = self.fenced(target) else {
            return;
        };
        if !fence.has(member) {
            // It is not known who else's fence went with it.
            return;
        }
        fence.leave(member);
        let previous = fence.previous_expiry;
        let back = match fence.standing() {
            Some(_) if variant == Variant::OnlyLastReleaseGivesBack => fence.cut,
            Some(first) if variant != Variant::ReleaseUnderFence => previous.min(first),
            _ => previous,
        };
        if let Some(ends) = ends
            && *ends == fence.cut
        {
            *ends = back;
            fence.remember(back, previous);
        }
        if fence.standing().is_none() || variant == Variant::FirstReleaseForgets {
            fence.forget_unless(None);
        }
    }

    /// The end of an invalidation: the writer leaves.
    pub fn leave_fence(&mut self, target: Target, member: Moment) {
        if let Some((fence, _)) = self.fenced(target) {
            fence.leave(member);
            if fence.standing().is_none() {
                *fence = Fence::default();
            }
        }
    }

    /// What fences remember of something that is gone makes no difference.
    pub(crate) fn forget_previous_expiries(&mut self) {
        for key in &mut self.keys {
            let ends = key.entry.map(|entry| entry.ends);
            key.fence.forget_unless(ends);
        }
        let ends = self.tag.nonce.map(|(_, ends)| ends);
        self.tag.fence.forget_unless(ends);
    }

    /// The clock goes on to where the next fence ends. What has ended by then is gone.
    pub fn tick(&mut self) {
        let ended = self.now;
        self.now += 1;
        for key in &mut self.keys {
            key.fence.end(ended);
        }
        self.tag.fence.end(ended);
        self.drop_ended();
    }

    fn drop_ended(&mut self) {
        let now = self.now;
        for key in &mut self.keys {
            key.entry = key.entry.filter(|entry| entry.ends >= now);
        }
        self.tag.nonce = self.tag.nonce.filter(|&(_, ends)| ends >= now);
    }

    /// The fence in front of a target.
    pub fn fence_of(&self, target: Target) -> Fence {
        match target {
            Target::Key(key) => self.keys[key].fence,
            Target::Tag => self.tag.fence,
            Target::Pattern => Fence::default(),
        }
    }

    /// Removes a fence with all its members.
    pub fn remove_fence(&mut self, target: Target) {
        if let Some((fence, _)) = self.fenced(target) {
            *fence = Fence::default();
        }
    }

    /// A target's fence, and the end of what is behind it.
    fn fenced(&mut self, target: Target) -> Option<(&mut Fence, Option<&mut Moment>)> {
        match target {
            Target::Key(key) => {
                let Key { entry, fence, .. } = &mut self.keys[key];
                Some((fence, entry.as_mut().map(|entry| &mut entry.ends)))
            }
            Target::Tag => {
                let Tag { nonce, fence } = &mut self.tag;
                Some((fence, nonce.as_mut().map(|(_, ends)| ends)))
            }
            Target::Pattern => None,
        }
    }
}
