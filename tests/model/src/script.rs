//! The scripts on one key or one tag, as they are where nothing moves between servers: each runs without
//! interruption. Moments are those of the server's clock.

/// A point on the server's clock. What ends at a moment is still there in it.
pub type Moment = u8;

/// Of an entry or a nonce that nobody has shortened: it outlives every run, and may go at any time.
pub const NEVER: Moment = Moment::MAX;

/// How long a fence stands. In life it is 30 s.
pub const FENCE_TTL: Moment = 2;

/// How long before its end a fence closes what it guards. What is guarded ends when this begins.
pub const CLOSING_TIME: Moment = 1;

/// How many writers there may be.
const WRITERS: usize = 3;

/// How a script can be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// It isn't.
    #[default]
    None,
    /// A fence adds its member, and leaves what is guarded and its lease alone.
    FenceAddsItsMemberOnly,
    /// A fence leaves the lease to the load under way.
    FenceLeavesLease,
    /// An invalidation leaves the lease to the load under way.
    InvalidateLeavesLease,
    /// A release gives the whole TTL back although another writer's fence stands.
    ReleaseIgnoresOthers,
    /// A release gives a TTL back without looking whether a fence has taken it.
    ReleaseIgnoresCut,
    /// A fence takes the end that it finds for the previous expiry, even where a fence has left it.
    FenceForgetsPreviousExpiry,
    /// A fill, and `set`, leave the previous expiry of what was there before.
    StoreLeavesPreviousExpiry,
    /// `set` stores with the full TTL although a fence stands.
    SetIgnoresFence,
    /// The previous expiry stays when the last member has left, and nobody looks whether it is of another
    /// value.
    PreviousExpiryOutlivesFence,
}

/// The writers at work on one target, and what they owe it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fence {
    /// By the writer's id: when its member ends. 0 where it has none.
    members: [Moment; WRITERS],
    /// When what is guarded would end if nobody had fenced it.
    previous_expiry: Moment,
    /// The end that fences have left it. If it ends at another moment, something else was stored since.
    cut: Moment,
}

impl Fence {
    /// When the first member ends.
    pub fn first(&self) -> Option<Moment> {
        self.members.iter().copied().filter(|&end| end > 0).min()
    }

    /// When this writer's member ends.
    pub fn member(&self, writer_id: usize) -> Option<Moment> {
        Some(self.members[writer_id]).filter(|&end| end > 0)
    }

    /// What is stored now must not outlive this.
    pub fn expires_by(&self) -> Option<Moment> {
        self.first().map(|end| end - CLOSING_TIME)
    }

    /// Whether a fence has left what it guards this end.
    pub fn is_cut(&self, ends: Moment) -> bool {
        self.first().is_some() && self.cut == ends
    }

    /// Whether a fence is about to end. Then nothing is stored.
    pub fn is_closed(&self, now: Moment) -> bool {
        self.expires_by().is_some_and(|end| end < now)
    }
}

/// What came of asking for the right to fill an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginFill<L> {
    /// A load holds the lease.
    Busy(L),
    /// The caller runs its function and stores nothing.
    Closed,
    /// The lease is the caller's.
    Granted {
        /// What the entry must not outlive.
        expires_by: Option<Moment>,
    },
}

/// An entry or a tag's nonce, with its helper keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Guarded<T, L> {
    /// What is stored, and when it ends.
    pub stored: Option<(T, Moment)>,
    /// The load that may fill it. A tag has none.
    pub lease: Option<L>,
    /// In front of both.
    pub fence: Fence,
    /// What is wrong with its scripts.
    pub mistake: Mistake,
}

impl<T: Copy, L: Copy> Guarded<T, L> {
    /// A target of which nothing is there.
    pub fn with(mistake: Mistake) -> Self {
        Self {
            stored: None,
            lease: None,
            fence: Fence::default(),
            mistake,
        }
    }

    /// The clock has reached this moment.
    pub fn expire(&mut self, now: Moment) {
        self.stored = self.stored.filter(|&(_, ends)| ends >= now);
        for end in &mut self.fence.members {
            if *end < now {
                *end = 0;
            }
        }
        self.forget_if_last();
    }

    /// When what is stored ends for a reader: without the fences, which may be released.
    pub fn natural_end(&self) -> Option<Moment> {
        let (_, ends) = self.stored?;
        Some(if self.fence.is_cut(ends) {
            self.fence.previous_expiry
        } else {
            ends
        })
    }

    /// `fence`: announces a write, or does so anew. May run any number of times.
    pub fn fence(&mut self, writer_id: usize, now: Moment) {
        let previous = match self.natural_end() {
            Some(_) if self.mistake == Mistake::FenceForgetsPreviousExpiry => {
                self.stored.map(|(_, ends)| ends)
            }
            Some(end) if self.mistake == Mistake::PreviousExpiryOutlivesFence => {
                Some(end.max(self.fence.previous_expiry))
            }
            previous => previous,
        };
        let end = now + FENCE_TTL;
        self.fence.members[writer_id] = end;
        if self.mistake == Mistake::FenceAddsItsMemberOnly {
            return;
        }
        self.fence.previous_expiry = previous.unwrap_or(0);
        self.fence.cut = 0;
        if let Some((_, ends)) = &mut self.stored {
            *ends = (*ends).min(end - CLOSING_TIME);
            self.fence.cut = *ends;
        }
        if self.mistake != Mistake::FenceLeavesLease {
            self.lease = None;
        }
    }

    /// `release_fence`: the write was refused. What a fence took is given back as far as the others allow.
    pub fn release_fence(&mut self, writer_id: usize) {
        if self.fence.member(writer_id).is_none() {
            return;
        }
        self.fence.members[writer_id] = 0;
        let ignores_cut = matches!(
            self.mistake,
            Mistake::ReleaseIgnoresCut | Mistake::PreviousExpiryOutlivesFence
        );
        let by = match self.mistake {
            Mistake::ReleaseIgnoresOthers => None,
            _ => self.fence.expires_by(),
        };
        if let Some((_, ends)) = &mut self.stored
            && (*ends == self.fence.cut || ignores_cut)
        {
            let previous = self.fence.previous_expiry;
            *ends = previous.min(by.unwrap_or(previous));
            self.fence.cut = *ends;
        }
        self.forget_if_last();
    }

    /// The release of a writer that remembers the previous expiry by itself: what must not be.
    pub fn release_as_remembered(&mut self, writer_id: usize, previous: Moment) {
        if self.fence.member(writer_id).is_none() {
            return;
        }
        self.fence.members[writer_id] = 0;
        let by = self.fence.expires_by().unwrap_or(previous);
        if let Some((_, ends)) = &mut self.stored {
            *ends = previous.min(by).max(*ends);
        }
        self.forget_if_last();
    }

    /// `invalidate`: removes what is stale, and leaves the fence.
    pub fn invalidate(&mut self, writer_id: usize) {
        self.remove();
        self.fence.members[writer_id] = 0;
        self.forget_if_last();
    }

    /// `invalidate` of a write that may yet commit: removes what is there, and fences anew.
    pub fn invalidate_and_fence(&mut self, writer_id: usize, now: Moment) {
        self.stored = None;
        self.fence(writer_id, now);
    }

    /// Removes the stored value and voids the load under way.
    pub fn remove(&mut self) {
        self.stored = None;
        if self.mistake != Mistake::InvalidateLeavesLease {
            self.lease = None;
        }
        (self.fence.previous_expiry, self.fence.cut) = (0, 0);
    }

    /// `begin_fill`, for a key of which nothing is there that the caller could use.
    pub fn begin_fill(&mut self, load: L, now: Moment) -> BeginFill<L> {
        if self.fence.is_closed(now) {
            return BeginFill::Closed;
        }
        if let Some(holder) = self.lease {
            return BeginFill::Busy(holder);
        }
        self.lease = Some(load);
        BeginFill::Granted {
            expires_by: self.fence.expires_by(),
        }
    }

    /// The last part of `fill`, the lease being the caller's; `expires_by` is from its `begin_fill`.
    pub fn fill(&mut self, value: T, natural_end: Moment, expires_by: Option<Moment>, now: Moment) {
        self.lease = None;
        let ends = natural_end.min(expires_by.unwrap_or(natural_end));
        if ends >= now {
            // A fence that stands gives back what it has cut by itself, and nothing else.
            let is_cut_by_this = self.fence.expires_by() == expires_by;
            self.store(value, if is_cut_by_this { natural_end } else { ends }, ends);
        }
    }

    /// `set`, which needs no lease. Where it is closed nothing is stored.
    pub fn set(&mut self, value: T, natural_end: Moment, now: Moment) {
        (self.stored, self.lease) = (None, None);
        let by = match self.mistake {
            Mistake::SetIgnoresFence => None,
            _ => self.fence.expires_by(),
        };
        let ends = natural_end.min(by.unwrap_or(natural_end));
        if ends >= now {
            self.store(value, natural_end, ends);
        }
    }

    /// `join_tag`: the tag's nonce, made if there is none that may be used; nothing where the tag is closed.
    pub fn join_tag(&mut self, fresh: T, now: Moment) -> Option<T> {
        if self.fence.is_closed(now) {
            return None;
        }
        let by = self.fence.expires_by();
        match self.stored {
            // A nonce that ends although no fence stands was shortened by a fence that was evicted.
            Some((nonce, ends)) if by.is_some() || ends == NEVER => Some(nonce),
            _ => {
                self.store(fresh, NEVER, by.unwrap_or(NEVER));
                Some(fresh)
            }
        }
    }

    fn store(&mut self, value: T, natural_end: Moment, ends: Moment) {
        self.stored = Some((value, ends));
        let leaves_previous = match self.mistake {
            Mistake::StoreLeavesPreviousExpiry => true,
            Mistake::PreviousExpiryOutlivesFence => self.fence.first().is_none(),
            _ => false,
        };
        if !leaves_previous {
            (self.fence.previous_expiry, self.fence.cut) = (natural_end, ends);
        }
        self.forget_if_last();
    }

    fn forget_if_last(&mut self) {
        if self.fence.first().is_none() && self.mistake != Mistake::PreviousExpiryOutlivesFence {
            self.fence = Fence::default();
        }
    }
}
