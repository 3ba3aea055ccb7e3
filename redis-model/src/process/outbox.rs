//! The publications of a process.

use crate::protocol::{Publication, Targets, Token};

/// A publication that is not acknowledged.
#[derive(Debug)]
struct Outgoing {
    publication: Publication,
    is_sent: bool,
}

#[derive(Default, Debug)]
pub(super) struct Outbox {
    /// Own writes that are not acknowledged.
    pending: Vec<(Token, Targets)>,
    outgoing: Vec<Outgoing>,
    published: Vec<Publication>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.outgoing.is_empty()
    }

    pub(super) fn mark_pending(&mut self, token: Token, targets: Targets) {
        self.pending.push((token, targets));
    }

    pub(super) fn is_pending(&self, depends_on: Targets) -> bool {
        self.pending.iter().any(|(_, targets)| targets.meets(depends_on))
    }

    pub(super) fn push(&mut self, publication: Publication, is_sent: bool) {
        self.outgoing.push(Outgoing { publication, is_sent });
    }

    pub(super) fn first_unsent(&self) -> Option<Publication> {
        self.outgoing.iter().find(|outgoing| !outgoing.is_sent).map(|outgoing| outgoing.publication)
    }

    pub(super) fn set_sent(&mut self, publication: Publication, is_sent: bool) {
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| outgoing.publication == publication) {
            outgoing.is_sent = is_sent;
        }
    }

    /// The connection is gone.
    pub(super) fn lose_answers(&mut self) {
        for outgoing in &mut self.outgoing {
            outgoing.is_sent = false;
        }
    }

    pub(super) fn acknowledge(&mut self, publication: Publication) {
        self.pending.retain(|(pending, _)| *pending != publication.token);
        self.outgoing.retain(|outgoing| outgoing.publication != publication);
        if !self.published.contains(&publication) {
            self.published.push(publication);
        }
    }

    /// In a new epoch.
    pub(super) fn publish_again(&mut self) {
        let published = self.published.drain(..);
        self.outgoing.extend(published.map(|publication| Outgoing { publication, is_sent: false }));
    }
}
